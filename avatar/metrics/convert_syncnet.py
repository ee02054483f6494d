"""SyncNet's public weights, a pickled table, to safetensors that are read from now on.

``python -m avatar.metrics.convert_syncnet syncnet_v2.model OUT.safetensors``
"""

import argparse
import hashlib
import pickle
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from ..errors import AvatarError, MetricError
from ..files import check_places, replacing
from ..nets.syncnet import SyncNet

PUBLIC = "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model"
PUBLIC_SHA256 = "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442"
COUNTER = "num_batches_tracked"
"""Of batch norms in training: nobody needs it afterwards, and old files lack it."""


def convert(model: Path, out: Path) -> str:
    """Write the weights of ``syncnet_v2.model`` as safetensors under the same names.

    Returns:
        The SHA-256 of the file that was read.

    Raises:
        MetricError: if it is missing, holds anything but tensors, or these are not SyncNet's.
        AvatarError: if the weights have no place but its own, or none at all.
    """
    if not model.is_file():
        raise MetricError(f"'{model}' does not exist; it can be had from {PUBLIC}.")
    check_places([out], [model])
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    try:
        # Nothing but tensors is unpickled: the file could run programs otherwise.
        table = torch.load(model, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, LookupError) as error:
        raise MetricError(f"'{model}' is not a table of tensors saved by PyTorch.") from error
    wanted = {k: v for k, v in SyncNet().state_dict().items() if not k.endswith(COUNTER)}
    tensors = {k: table[k] for k in wanted if k in table} if isinstance(table, dict) else {}
    wrong = [k for k, v in wanted.items() if getattr(tensors.get(k), "shape", None) != v.shape]
    if wrong:
        raise MetricError(
            f"'{model}' is not syncnet_v2.model: {wrong[0]} is missing or of another shape."
        )
    with replacing(out) as temporary:
        source = {"source": PUBLIC, "sha256": digest, "license": "MIT, Joon Son Chung"}
        save_file({k: v.float().contiguous() for k, v in tensors.items()}, temporary, source)
    return digest


def main() -> None:
    """Convert from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help=f"syncnet_v2.model, of {PUBLIC}")
    parser.add_argument("out", type=Path, help="the file to write, .safetensors")
    arguments = parser.parse_args()
    try:
        digest = convert(arguments.model, arguments.out)
    except AvatarError as error:
        sys.exit(str(error))
    except (OSError, SafetensorError) as error:
        sys.exit(f"'{arguments.out}' cannot be written: {error}.")
    known = "the public file" if digest == PUBLIC_SHA256 else "not the public file, but of its form"
    print(f"{arguments.model} (SHA-256 {digest}, {known}) is now {arguments.out}.")


if __name__ == "__main__":
    main()
