"""The engine for CPUs: OpenVINO up to 256x256, numba above, each core at a frame of its own."""

import hashlib
import json
import logging
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from ..files import replacing
from ..identity import Identity
from ..nets import blocks, split
from ..nets.renderer import LATENT, SIZE
from ..speech.visemes import windows
from . import fixing, tail

_LOGGER = logging.getLogger(__name__)

SAMPLES = 4
"""Frames of each clip that the fixed statistics are measured on."""
Parts = dict[str, np.ndarray]
"""The tail's weights by their names, and two compiled networks as bytes."""


class CpuEngine:
    """An ``Engine`` (see ``engine.py``) for CPUs.

    Args:
        identity: who is rendered; its clips tell what is usual for its network.
    """

    name = "openvino"

    def __init__(self, identity: Identity):
        compiling = threading.Thread(target=tail.make_ready)
        compiling.start()  # at the first start of all it takes as long as the rest
        parts = _prepared(identity)
        self._weights = tail.TailWeights(*(parts[name] for name in tail.TailWeights._fields))
        self._networks = {name: _imported(parts[name]) for name in ("encode", "front")}
        cores = self._networks["front"].get_property("NUM_STREAMS")
        self.batch = 2 * cores
        self._pool = ThreadPoolExecutor(cores, "frame")
        self._local = threading.local()
        compiling.join()

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        return self.decode(self.encode(drawings), windows)

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        """See ``Engine``: (B, 512, 512) uint8 to (B, 64, 32, 32) float32."""
        latents = self._pool.map(lambda drawing: self._infer("encode", drawing)[0].copy(), drawings)
        return np.concatenate([np.empty((0, 64, LATENT, LATENT), np.float32), *latents])

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``: to (B, 512, 512, 3) uint8 RGB."""
        pictures = np.empty((len(latents), SIZE, SIZE, 3), np.uint8)
        for _ in self._pool.map(self._draw, latents, windows, pictures):
            pass
        return pictures

    def _draw(self, latent: np.ndarray, window: np.ndarray, picture: np.ndarray) -> None:
        """Where a frame is made."""
        head, *mouth = self._infer("front", latent, window)
        tail.draw(head[0], mouth[0][0] if mouth else head[0], self._weights, picture)

    def _infer(self, network: str, *inputs: np.ndarray) -> list[np.ndarray]:
        """Run a network on one frame; the results are overwritten by the thread's next run."""
        request = getattr(self._local, network, None)
        if request is None:
            request = self._networks[network].create_infer_request()
            setattr(self._local, network, request)
        given = {i: np.ascontiguousarray(array[None]) for i, array in enumerate(inputs)}
        request.infer(given, share_inputs=True, share_outputs=True)  # no copies
        return [tensor.data for tensor in request.output_tensors]


def _prepared(identity: Identity) -> Parts:
    """All that an identity's engine is made of, from the cache if it has been here before."""
    drawings, seen = _usual(identity)
    path = _cache_folder() / f"{_fingerprint(identity, drawings, seen)}.safetensors"
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        _LOGGER.info("preparing anew, %s cannot be used: %s", path, error)
    parts = _prepare(identity, drawings, seen)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(parts, temporary)
    except OSError as error:
        _LOGGER.info("the prepared network could not be kept: %s", error)
    return parts


def _usual(identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Drawings and windows of frames of every clip, with what was said meanwhile."""
    config = identity.config
    drawings, seen = [], []
    for clip in identity.clips.values():
        frames = np.linspace(0, len(clip) - 1, SAMPLES).astype(int)
        features = clip.features
        if features is None or features.shape[1] != config.network.k:
            features = np.tile(config.features.silence, (len(clip), 1))
        said = windows(features, config.network.window, config.features.silence)
        drawings += [clip.drawing(int(frame), config.style) for frame in frames]
        seen += [said[frame] for frame in frames]
    return np.stack(drawings), np.stack(seen).astype(np.float32)


def _prepare(identity: Identity, drawings: np.ndarray, seen: np.ndarray) -> Parts:
    renderer = identity.renderer
    statistics = fixing.measure(renderer, drawings, seen)
    weights = fixing.tail_weights(renderer, statistics)
    config = renderer.config
    drawing = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    latent, window = torch.zeros(1, 64, LATENT, LATENT), torch.zeros(1, config.window, config.k)
    return weights._asdict() | {
        "encode": _exported(split.Encode(renderer), drawing),
        "front": _exported(fixing.Front(renderer, statistics), latent, window),
    }


def _exported(network: nn.Module, *example: Tensor) -> np.ndarray:
    """A network compiled for this machine, as bytes."""
    import openvino as ov

    shapes = [tuple(e.shape) for e in example]
    with warnings.catch_warnings():  # tracing warns of what is meant: all shapes are fixed
        warnings.simplefilter("ignore")
        model = ov.convert_model(network.eval(), example_input=example, input=shapes)
    compiled = ov.Core().compile_model(model, "CPU", _options())
    return np.frombuffer(compiled.export_model().getbuffer(), np.uint8)


def _imported(blob: np.ndarray) -> Any:
    import openvino as ov

    return ov.Core().import_model(blob.tobytes(), "CPU", _options())


def _options() -> dict[str, str]:
    """Each core works on its own frame: nothing waits for the slower half of a small layer.

    Where the CPU has bf16, encoding takes a third less; of Mira's 49.5 dB it costs 0.1.
    """
    import openvino as ov

    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if "BF16" in able else "f32"
    return {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}


def _fingerprint(identity: Identity, *usual: np.ndarray) -> str:
    """Changes with the weights, the clips, the code, OpenVINO, its options and the CPU."""
    import openvino as ov

    device = ov.Core().get_property("CPU", "FULL_DEVICE_NAME")
    facts = [ov.__version__, device, os.cpu_count(), _options(), identity.renderer.config.to_dict()]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for module in (fixing, tail, split, blocks):
        digest.update(Path(module.__file__).read_bytes())
    for array in usual:
        digest.update(array.tobytes())
    for name, tensor in identity.renderer.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "avatar" / "engine"
