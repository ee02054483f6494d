"""An identity's network as one ONNX file, for TensorRT and other runtimes.

The file is run at once, in ONNX Runtime, beside PyTorch: one that draws anything else is not kept.
"""

import logging
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import __version__
from .errors import RenderError
from .files import replacing
from .identity import Identity
from .nets.pixels import levels
from .nets.renderer import SIZE, Renderer
from .nets.split import Decode, Encode

OPSET = 18
"""The operators that come out are common ones; whether TensorRT takes all was not tried."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")
BATCHES = (1, 3)
"""Frames of the two calls that are compared."""
MOST_LEVELS, MOST_SHARE = 1, 1e-3
"""Where rounding falls the other way a value may be one level of 255 off, in one of a thousand."""


@dataclass(frozen=True)
class Exported:
    """A file that was written and found to draw the same."""

    path: Path
    max_difference: int
    """Levels of 255, over all that was compared."""
    differing: float
    """Share of values that differ at all."""
    operators: dict[str, int]
    """How often the graph uses which."""
    trtexec: str
    """The command that builds a TensorRT engine of it; it was never run here."""


def export(identity: Identity, out: Path) -> Exported:
    """Write an identity's network, whole or not at all.

    Inputs are ``drawing`` (batch, 512, 512) uint8 and ``window`` (batch, window, k) float32, the
    output is ``picture`` (batch, 512, 512, 3) uint8 RGB; batch is free, all arithmetic float32.

    Raises:
        RenderError: if a package is missing, or the file does not draw what PyTorch draws.
    """
    missing = [name for name in NEEDED if not find_spec(name)]
    if missing:
        raise RenderError(
            f"To export, {', '.join(missing)} must be installed: "
            "pip install -r requirements-export.txt"
        )
    network = Picture(identity.renderer).eval().requires_grad_(False)
    with replacing(out) as temporary:
        _write(network, temporary)
        operators = _describe(identity, temporary)
        worst, differing = _compared(identity, network, temporary)
    return Exported(out, worst, differing, operators, _trtexec(identity, out))


class Picture(nn.Module):
    """The renderer from bytes to bytes."""

    def __init__(self, renderer: Renderer):
        super().__init__()
        self.encode, self.decode = Encode(renderer), Decode(renderer)
        self.window = renderer.config.window, renderer.config.k

    def forward(self, drawing: Tensor, window: Tensor) -> Tensor:
        """As ``export`` says; bytes are cast first and last, as TensorRT wants it."""
        return levels(self.decode(self.encode(drawing.float()), window))


def _write(network: Picture, path: Path) -> None:
    examples = torch.zeros(2, SIZE, SIZE, dtype=torch.uint8), torch.zeros(2, *network.window)
    batch = {0: torch.export.Dim("batch")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else it misses torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own parts
        torch.onnx.export(
            network, examples, path, dynamo=True, opset_version=OPSET, external_data=False,
            input_names=["drawing", "window"], output_names=["picture"],
            dynamic_shapes={"drawing": batch, "window": batch}, verbose=False,
        )  # fmt: skip


def _describe(identity: Identity, path: Path) -> dict[str, int]:
    """Say in the file what it is; counts its operators."""
    import onnx

    model = onnx.load(path)
    name, revision = identity.name, identity.revision
    facts = {
        "identity": f"{name}@{revision}" if revision else name,
        "software": f"Avatar {__version__}",
        "licence": identity.config.licence,
        "synthetic": "true",
        "comment": f"Draws AI-generated pictures of {name}.",
    }
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    kinds = [node.op_type for node in model.graph.node]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


@torch.inference_mode()
def _compared(identity: Identity, network: Picture, path: Path) -> tuple[int, float]:
    """Worst difference in levels, and the share of values that differ."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    clip, random = identity.clip(), np.random.default_rng(0)
    differences = []
    for count in BATCHES:
        frames = random.integers(len(clip), size=count)
        drawings = np.stack([clip.drawing(frame, identity.config.style) for frame in frames])
        windows = random.random((count, *network.window), np.float32)
        (found,) = session.run(None, {"drawing": drawings, "window": windows})
        expected = network(torch.from_numpy(drawings), torch.from_numpy(windows)).numpy()
        if found.shape != expected.shape:
            raise RenderError(f"The exported network draws {found.shape}, not {expected.shape}.")
        differences.append(np.abs(found.astype(np.int16) - expected).ravel())
    all_of_them = np.concatenate(differences)
    worst, differing = int(all_of_them.max()), float((all_of_them > 0).mean())
    if worst > MOST_LEVELS or differing > MOST_SHARE:
        raise RenderError(
            f"The exported network was not kept: it differs from PyTorch's by {worst} levels "
            f"of 255, in {100 * differing:.2f} % of the values."
        )
    return worst, differing


def _trtexec(identity: Identity, path: Path) -> str:
    window = f"{identity.config.network.window}x{identity.config.network.k}"
    shapes = (
        f"--{name}Shapes=drawing:{batch}x{SIZE}x{SIZE},window:{batch}x{window}"
        for name, batch in (("min", 1), ("opt", 16), ("max", 64))
    )
    return f"trtexec --onnx={path} --fp16 {' '.join(shapes)} --saveEngine={path.stem}.plan"

