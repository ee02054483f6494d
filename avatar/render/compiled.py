"""Networks compiled by OpenVINO for one frame, run by as many threads as there are cores."""

import hashlib
import json
import logging
import os
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from ..files import replacing
from ..identity import digest
from ..nets import renderer
from ..nets.renderer import LATENT, SIZE

_LOGGER = logging.getLogger(__name__)

Parts = dict[str, np.ndarray]
"""All that an engine is made of: compiled networks as bytes, weights."""


class CompiledEngine(ABC):
    """An ``Engine`` (see ``engine.py``) of compiled networks, each core at a frame of its own.

    Args:
        blobs: by name, what ``exported`` gave; "encode" makes latents of drawings.
    """

    def __init__(self, blobs: Mapping[str, np.ndarray]):
        import openvino as ov

        core = ov.Core()
        self._networks = {
            name: core.import_model(blob.tobytes(), "CPU", options())
            for name, blob in blobs.items()
        }
        cores = self._networks["encode"].get_property("NUM_STREAMS")
        self.batch = 2 * cores
        self._pool = ThreadPoolExecutor(cores, "frame")
        self._local = threading.local()

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        return self.decode(self.encode(drawings), windows)

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        """See ``Engine``: (B, 512, 512) uint8 to (B, 64, 32, 32) float32."""
        latents = np.empty((len(drawings), 64, LATENT, LATENT), np.float32)
        list(self._pool.map(self._encode, drawings, latents))
        return latents

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``: to (B, 512, 512, 3) uint8 RGB."""
        pictures = np.empty((len(latents), SIZE, SIZE, 3), np.uint8)
        list(self._pool.map(self._draw, latents, windows, pictures))
        return pictures

    def _encode(self, drawing: np.ndarray, latent: np.ndarray) -> None:
        latent[:] = self._infer("encode", drawing)[0]

    @abstractmethod
    def _draw(self, latent: np.ndarray, window: np.ndarray, picture: np.ndarray) -> None:
        """Make a frame, (512, 512, 3) uint8, of a latent and a window."""

    def _infer(self, name: str, *inputs: np.ndarray) -> list[np.ndarray]:
        """Run a network on one frame; the results are overwritten by the thread's next run."""
        request = getattr(self._local, name, None)
        if request is None:
            request = self._networks[name].create_infer_request()
            setattr(self._local, name, request)
        given = {i: np.ascontiguousarray(array[None]) for i, array in enumerate(inputs)}
        request.infer(given, share_inputs=True, share_outputs=True)  # no copies
        return [tensor.data[0] for tensor in request.output_tensors]


def exported(network: nn.Module, *example: Tensor) -> np.ndarray:
    """A network compiled for this machine, as bytes.

    Args:
        network: any that can be traced.
        example: its inputs for one frame.
    """
    import openvino as ov

    shapes = [tuple(e.shape) for e in example]
    with warnings.catch_warnings():  # tracing warns of what is meant: all shapes are fixed
        warnings.simplefilter("ignore")
        model = ov.convert_model(network.eval(), example_input=example, input=shapes)
    compiled = ov.Core().compile_model(model, "CPU", options())
    return np.frombuffer(compiled.export_model().getbuffer(), np.uint8)


def options() -> dict[str, str]:
    """Each core works on its own frame: nothing waits for the slower half of a small layer.

    Where the CPU has bf16, encoding takes a third less; of Mira's 49.5 dB it costs 0.1.
    """
    import openvino as ov

    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if "BF16" in able else "f32"
    return {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}


def fingerprint(network: nn.Module, code: Iterable[ModuleType], *arrays: np.ndarray) -> str:
    """A name for what is made of a network on this machine: it changes with all that matters.

    Args:
        network: with its ``config``.
        code: modules that say how it is made.
        arrays: what else it is made of.
    """
    import openvino as ov

    device = ov.Core().get_property("CPU", "FULL_DEVICE_NAME")
    facts = [ov.__version__, device, os.cpu_count(), options(), network.config.to_dict()]
    result = hashlib.sha256(json.dumps(facts).encode())
    for module in (renderer, sys.modules[__name__], *code):
        result.update(Path(module.__file__).read_bytes())
    for array in arrays:
        result.update(array.tobytes())
    result.update(digest(network).encode())
    return result.hexdigest()[:32]


def kept(name: str, prepare: Callable[[], Parts]) -> Parts:
    """What an engine is made of, from the cache if it has been prepared before.

    Args:
        name: in the cache; changes with all that the parts depend on.
        prepare: makes them.
    """
    path = _folder() / f"{name}.safetensors"
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        _LOGGER.info("preparing anew, %s cannot be used: %s", path, error)
    parts = prepare()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(parts, temporary)
    except OSError as error:
        _LOGGER.info("the prepared network could not be kept: %s", error)
    return parts


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "avatar" / "engine"
