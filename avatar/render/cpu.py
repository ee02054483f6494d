"""The engine for CPUs: OpenVINO up to 256x256, numba above, each core at a frame of its own."""

import threading
from functools import partial

import numpy as np
import torch

from ..identity import Identity
from ..nets import blocks, split
from ..nets.renderer import LATENT, SIZE
from ..speech.visemes import windows
from . import fixing, rows, tail
from .compiled import CompiledEngine, Parts, exported, fingerprint, kept

SAMPLES = 4
"""Frames of each clip that the fixed statistics are measured on."""


class CpuEngine(CompiledEngine):
    """Draws by the whole network.

    Args:
        identity: who is rendered; its clips tell what is usual for its network.
    """

    name = "openvino"

    def __init__(self, identity: Identity):
        compiling = threading.Thread(target=tail.make_ready)
        compiling.start()  # at the first start of all it takes as long as the rest
        drawings, seen = _usual(identity)
        code = fixing, tail, rows, split, blocks
        name = fingerprint(identity.renderer, code, drawings, seen)
        parts = kept(name, partial(_prepare, identity, drawings, seen))
        self._weights = tail.TailWeights(*(parts[name] for name in tail.TailWeights._fields))
        super().__init__({name: parts[name] for name in ("encode", "front")})
        compiling.join()

    def _draw(self, latent: np.ndarray, window: np.ndarray, picture: np.ndarray) -> None:
        """Where a frame is made."""
        head, *mouth = self._infer("front", latent, window)
        tail.draw(head, mouth[0] if mouth else head, self._weights, picture)


def _usual(identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Drawings and windows of frames of every clip, with what was said meanwhile."""
    config = identity.config
    drawings, seen = [], []
    for _, clip in sorted(identity.clips.items()):
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
    rank = fixing.rank(renderer, drawings, seen)
    weights = fixing.tail_weights(renderer, statistics, rank)
    config = renderer.config
    drawing = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    latent, window = torch.zeros(1, 64, LATENT, LATENT), torch.zeros(1, config.window, config.k)
    return weights._asdict() | {
        "encode": exported(split.Encode(renderer), drawing),
        "front": exported(fixing.Front(renderer, statistics), latent, window),
    }
