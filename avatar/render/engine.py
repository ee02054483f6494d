"""Engines run the renderer: PyTorch on any device, OpenVINO for CPUs; both give the same pictures.

Two cores, 512x512: OpenVINO with folded layers and bfloat16 where it does not show takes about a
quarter of the processor time of plain PyTorch. bfloat16 throughout would save a third more, but
changes pixels by up to 8 levels of 255; as it is they stay within 2.
"""

import hashlib
import json
import logging
import os
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..errors import RenderError
from ..files import replacing
from ..identity import Identity
from ..nets.renderer import SIZE, Renderer
from . import folding

_LOGGER = logging.getLogger(__name__)

ENGINES = ("auto", "torch", "openvino")
"""What ``make_engine`` knows; "auto" is PyTorch on a GPU, else OpenVINO where it is installed."""


class Engine(Protocol):
    """Drawings and feature windows to pictures; may be called from several threads at once."""

    name: str
    """What it runs on, for people: "openvino", "torch (cuda)"."""
    batch: int
    """How many frames a call should bring for full speed."""

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Render a batch of any size.

        Args:
            drawings: (B, 512, 512) uint8.
            windows: (B, window, k) float32, frames i-3 .. i+2.

        Returns:
            (B, 512, 512, 3) uint8 RGB.
        """


def make_engine(identity: Identity, kind: str = "auto") -> Engine:
    """Build an engine for an identity.

    Raises:
        RenderError: for an unknown kind, or one that is not installed.
    """
    if kind not in ENGINES:
        raise RenderError(f"There is no engine {kind!r}; choose one of: {', '.join(ENGINES)}.")
    if kind == "auto":
        openvino = not torch.cuda.is_available() and find_spec("openvino")
        kind = "openvino" if openvino else "torch"
    if kind == "openvino":
        return OpenVinoEngine(identity.renderer)
    return TorchEngine(identity.renderer)


class TorchEngine:
    """PyTorch, on the first GPU if there is one."""

    def __init__(self, renderer: Renderer, device: str | None = None):
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.name = f"torch ({device})"
        self.batch = 16 if device == "cuda" else 2
        self._device = torch.device(device)
        # A copy on a GPU, so that the identity's own network stays where it is.
        network = folding.FoldedRenderer(renderer if device == "cpu" else _copy(renderer))
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        inputs = (torch.from_numpy(a).to(self._device) for a in (drawings, windows))
        return self._network(*inputs).cpu().numpy()


class OpenVinoEngine:
    """OpenVINO on the CPU, one frame a core at a time."""

    name = "openvino"

    def __init__(self, renderer: Renderer):
        from openvino import AsyncInferQueue

        self._compiled = _compiled(renderer)
        streams = self._compiled.get_property("NUM_STREAMS")
        self.batch = 2 * streams
        self._queue = AsyncInferQueue(self._compiled, streams)
        self._queue.set_callback(_keep_picture)
        self._lock = threading.Lock()  # a second caller would only fight for the same cores

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        pictures = np.empty((len(drawings), SIZE, SIZE, 3), np.uint8)
        with self._lock:
            for i in range(len(drawings)):
                inputs = {0: drawings[i : i + 1], 1: windows[i : i + 1]}
                self._queue.start_async(inputs, (pictures, i))
            self._queue.wait_all()
        return pictures


def _keep_picture(request: Any, place: tuple[np.ndarray, int]) -> None:
    pictures, i = place
    pictures[i] = request.get_output_tensor().data[0]


def _compiled(renderer: Renderer) -> Any:
    """The renderer compiled for this machine, from the cache if it has been here before."""
    import openvino as ov

    core = ov.Core()
    bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # Each core works on its own frame: nothing waits for the slower half of a small layer.
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    blob = _cache_folder() / f"{_fingerprint(renderer, options)}.blob"
    if blob.is_file():
        try:
            return core.import_model(blob.read_bytes(), "CPU", options)
        except (RuntimeError, OSError) as error:
            _LOGGER.info("compiling anew, %s cannot be used: %s", blob, error)
    network = folding.FoldedRenderer(renderer, torch.bfloat16 if bfloat16 else torch.float32)
    config = renderer.config
    example = (
        torch.zeros(1, SIZE, SIZE, dtype=torch.uint8),
        torch.zeros(1, config.window, config.k),
    )
    with warnings.catch_warnings():  # tracing warns of what is meant: all shapes are fixed
        warnings.simplefilter("ignore")
        model = ov.convert_model(
            network.eval(), example_input=example, input=[tuple(e.shape) for e in example]
        )
    compiled = core.compile_model(model, "CPU", options)
    _remember(compiled, blob)
    return compiled


def _remember(compiled: Any, blob: Path) -> None:
    try:
        blob.parent.mkdir(parents=True, exist_ok=True)
        with replacing(blob) as temporary:
            temporary.write_bytes(compiled.export_model().getbuffer())
    except (RuntimeError, OSError) as error:
        _LOGGER.info("the compiled network could not be kept: %s", error)


def _fingerprint(renderer: Renderer, options: dict[str, str]) -> str:
    """Changes with the weights, the code that folds them, OpenVINO, its options and the CPU."""
    import openvino as ov

    device = ov.Core().get_property("CPU", "FULL_DEVICE_NAME")
    facts = [ov.__version__, device, os.cpu_count(), options, renderer.config.to_dict()]
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(Path(folding.__file__).read_bytes())
    for name, tensor in renderer.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "avatar" / "openvino"


def _copy(renderer: Renderer) -> Renderer:
    copy = Renderer(renderer.config)
    copy.load_state_dict(renderer.state_dict())
    return copy
