"""Parts of live sessions that cost nothing, for tests of what stands around them."""

from fractions import Fraction

import numpy as np

from avatar.face.clip import Clip
from avatar.render.shot import Shot
from avatar.speech.visemes import SILENCE
from avatar.timing import frame_count, frame_start

BEHIND = 3
"""Frames by which rows are known after their sound, as those of the real recogniser."""


class LoudnessRecogniser:
    """The jaw opens as far as the sound is loud: rows at no cost, and known when real ones are."""

    def __init__(self, fps: Fraction):
        self._fps = fps
        self.reset()

    def reset(self) -> None:
        self._sound = np.empty(0, np.float32)
        self._heard = self._made = 0

    def push(self, sound: np.ndarray) -> np.ndarray:
        self._sound = np.concatenate([self._sound, sound])
        self._heard += len(sound)
        whole = self._heard * self._fps // 16_000
        return self._rows(max(int(whole) - BEHIND, self._made))

    def end(self) -> np.ndarray:
        rows = self._rows(frame_count(self._heard, self._fps))
        self.reset()
        return rows

    def _rows(self, until: int) -> np.ndarray:
        rows = np.tile(SILENCE, (until - self._made, 1))
        first = self._heard - len(self._sound)
        for i, row in enumerate(rows):
            start, stop = (frame_start(self._made + i + n, self._fps) - first for n in (0, 1))
            row[21] = np.abs(self._sound[start:stop]).max(initial=0)
        self._made = until
        done = min(frame_start(until, self._fps) - first, len(self._sound))
        self._sound = self._sound[done:]
        return rows


def pieces(sound: np.ndarray, seed: int, longest: int = 4000) -> list[np.ndarray]:
    """A sound cut at random, some pieces empty."""
    random = np.random.default_rng(seed)
    cuts = np.cumsum(random.integers(0, longest, 1 + 3 * len(sound) // longest))
    return np.split(sound, cuts[cuts < len(sound)])


def motion_of(shots: list[Shot], fps: Fraction) -> Clip:
    """What the head does in some shots, as a clip."""
    parts = ("keypoints", "irises", "pose", "contour")
    arrays = {p: np.stack([getattr(s.clip, p)[s.frame] for s in shots]) for p in parts}
    return Clip("shown", fps, **arrays)
