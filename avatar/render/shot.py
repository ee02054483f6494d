"""A shot: all that one live frame is made of; and how shots become pictures."""

from dataclasses import dataclass

import numpy as np

from ..face.clip import Clip
from ..identity import Identity
from .engine import Engine
from .latents import encoded


@dataclass(frozen=True)
class Shot:
    """All that one frame is made of."""

    index: int
    """Its number since the session began: it is due at index / fps."""
    clip: Clip
    frame: int
    """What the head does: a frame of ``clip``."""
    window: np.ndarray
    """(6, 34) float32, what the mouth does."""
    sound: np.ndarray
    """(n,) float32 at 16 kHz, what is heard for 1 / fps seconds."""
    speaking: bool
    """False while she only listens."""


def rendered(engine: Engine, shots: list[tuple[Identity, Shot]]) -> np.ndarray:
    """Pictures (n, 512, 512, 3) uint8 RGB of shots of one identity, in one batch.

    Its clips are encoded once and kept, whoever's session shows them.
    """
    style = shots[0][0].config.style
    frames: dict[Clip, dict[int, int]] = {}
    for place, (_, shot) in enumerate(shots):
        frames.setdefault(shot.clip, {})[place] = shot.frame
    latents: dict[int, np.ndarray] = {}
    for clip, wanted in frames.items():
        latents.update(zip(wanted, encoded(engine, clip, style, [*wanted.values()]), strict=True))
    windows = np.stack([shot.window for _, shot in shots])
    return engine.decode(np.stack([latents[place] for place in range(len(shots))]), windows)
