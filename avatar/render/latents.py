"""Frames of clips as engines see them: each is drawn and encoded once, and kept."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from .engine import Engine

KEPT = 800
"""Most latents that an engine keeps, 200 MB; clips of Mira have 375 frames."""

_KEPT: WeakKeyDictionary[Engine, "_Latents"] = WeakKeyDictionary()
_LOCK = threading.Lock()


def encoded(engine: Engine, clip: Clip, style: DrawingStyle, frames: Sequence[int]) -> np.ndarray:
    """Latents of frames of a clip, (n, ...), for ``engine.decode``.

    Args:
        engine: what encodes, and keeps what it encoded last.
        clip: head motion.
        style: how it is drawn.
        frames: n numbers of frames.
    """
    with _LOCK:
        kept = _KEPT.setdefault(engine, _Latents())
        found = {frame: kept.get(clip, style, frame) for frame in frames}
    missing = [frame for frame, latent in found.items() if latent is None]
    if missing:
        made = engine.encode(np.stack([clip.drawing(frame, style) for frame in missing]))
        found.update(zip(missing, made, strict=True))
        with _LOCK:
            for frame in missing:
                kept.put(clip, style, frame, found[frame])
    return np.stack([found[frame] for frame in frames])


class _Latents:
    """The latents that were used last; those of a clip that is gone are soon the oldest."""

    def __init__(self) -> None:
        self._clips: WeakKeyDictionary[Clip, int] = WeakKeyDictionary()
        self._latents: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._count = 0

    def get(self, clip: Clip, style: DrawingStyle, frame: int) -> np.ndarray | None:
        key = self._clips.get(clip), style, frame
        if key in self._latents:
            self._latents.move_to_end(key)
        return self._latents.get(key)

    def put(self, clip: Clip, style: DrawingStyle, frame: int, latent: np.ndarray) -> None:
        if clip not in self._clips:
            self._clips[clip] = self._count = self._count + 1
        self._latents[self._clips[clip], style, frame] = latent.copy()  # not all of its batch
        while len(self._latents) > KEPT:
            self._latents.popitem(last=False)
