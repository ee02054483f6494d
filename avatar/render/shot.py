"""A shot: all that one live frame is made of; and how shots become pictures."""

from dataclasses import dataclass

import numpy as np

from ..face.clip import Clip
from ..identity import Identity
from .engine import Engine


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
    """Pictures (n, 512, 512, 3) uint8 RGB of shots, in one batch."""
    drawings = [shot.clip.drawing(shot.frame, who.config.style) for who, shot in shots]
    return engine(np.stack(drawings), np.stack([shot.window for _, shot in shots]))
