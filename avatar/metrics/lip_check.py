"""The lips in a finished film, read from its own pixels, beside what they were asked to do.

Only some seconds are read, those in which the mouth moves most, so that long films cost no more.
"""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..capture.source import VideoSource
from ..face.keypoints import MOUTH
from ..face.pose import middle_pose, project
from ..identity import Identity
from ..speech.phonemes import VISEMES
from ..speech.visemes import VisemeTrack, between
from .lips import opening
from .reader import LIPS, one_thread, point_reader

OPENING = {
    "sil": 6.0, "aa": 28.3, "ae": 23.4, "ah": 12.0, "ao": 20.3, "eh": 11.9, "er": 9.0, "ih": 6.1,
    "iy": 8.8, "ow": 12.5, "uw": 5.9, "w": 5.9, "r": 9.3, "l": 12.3, "pbm": 1.1, "fv": 2.7,
    "th": 8.0, "tdn": 11.7, "sz": 8.8, "sh": 15.5, "kg": 7.3,
}  # fmt: skip
"""Inner-lip opening of each viseme in px of the canvas: a linear fit to the capture's train takes
(R 0.91), which tells the openings of the unseen one (R 0.90)."""
_OPENINGS = np.array([OPENING[name] for name in VISEMES], np.float32)

PIECE_S = 2.0
"""Seconds read at a stretch."""
SHARE, PIECES = 0.4, (2, 5)
"""How much of a film is read, and its least and most stretches. A shorter film is read whole."""
BATCH = 8
"""Pictures that are read at once: twice as fast as one by one."""
REACH_S = 1.0
"""How late or early lips are looked for."""

TURNS, TURN_PX = 6, 2.0
"""Least times that the mouth is asked to open or close, by so many px, for an offset: what a
single syllable shows could be early or late."""
CORRELATION = 0.65
"""Least correlation of the openings at an offset that counts."""
MARGIN, NEAR_S = 0.2, 0.09
"""By how much every lag further away than so many seconds must be worse."""
STRONG, HALF_MARGIN = 0.75, 0.05
"""Lips more than a frame out of time are a grave thing to say: the least correlation for that, and
by how much each half of what was read has to be worse in time."""

SILENT = 0.95
"""Weight of silence from which on a frame is to be silent."""
SILENT_S = 0.2
"""Shortest stretch of such frames that is looked at."""
SILENT_READ_S = 1.0
"""Silence to read: where the lively stretches have less of it, the longest pause is read too."""
OPEN_PX = 2.0
"""Opening over the rest mouth's that is open; Mira's silence stays within 0.5 px."""
OPEN_S = 0.08
"""Seconds of it that are not a slip of the reader."""


@dataclass(frozen=True)
class Mouth:
    """A mouth in a film: where it is, and what each of its T frames was asked to show."""

    square: tuple[int, int, int]
    """x, y, side in even px of the film: what the reader looks at."""
    canvas: float
    """Px of the canvas to a px of what it finds."""
    openings: np.ndarray
    """(T,) px of the canvas."""
    silent: np.ndarray
    """(T,) bool: a frame of a pause."""
    shown: np.ndarray
    """(T,) bool: whether this is the mouth that the frame shows."""
    rest_px: float | None
    """Opening at rest, px of the canvas; None where the identity does not say."""

    @classmethod
    def of(
        cls,
        identity: Identity,
        track: VisemeTrack,
        *,
        fps: Fraction | None = None,
        place: tuple[float, float, float] = (0, 0, 1),
        shown: np.ndarray | None = None,
    ) -> "Mouth":
        """The mouth of an identity that was shown a track.

        Args:
            identity: whose mouth it is.
            track: what it says.
            fps: the film's, if it is not the identity's own.
            place: x, y in px of the film where the canvas begins, and px of the film to one of it.
            shown: (T,) bool of the film's frames; None: it is always there.
        """
        rate = fps or track.fps
        count = len(shown) if shown is not None else len(track)
        weights = between(track.values[:, : len(VISEMES)], np.arange(count), rate, track.fps)
        x, y, side, _ = identity.config.network.mouth_box
        left, top, scale = place
        square = tuple(2 * int(v // 2) for v in (left + x * scale, top + y * scale, side * scale))
        return cls(
            square, side / square[2], weights @ _OPENINGS, weights[:, 0] >= SILENT,
            np.ones(count, bool) if shown is None else shown, _rest(identity),
        )  # fmt: skip


@dataclass(frozen=True)
class LipCheck:
    """What was read."""

    offset_frames: float | None
    """Lips late (positive) or early; None: it cannot be told, and ``why`` says why."""
    correlation: float | None
    why: str
    read: int
    """Frames."""
    silent: int
    """Frames of pauses among them, in stretches that are long enough."""
    open: int | None
    """Those in which the lips are open; None where the rest opening is not known."""


def check_lips(path: Path, size: tuple[int, int], fps: Fraction, mouth: Mouth) -> LipCheck:
    """Read the lips where they move most, and where they should not move.

    Args:
        path: the film.
        size: its width and height in px.
        fps: its frames a second.
        mouth: what it should show.
    """
    quiet = _pauses(mouth.silent & mouth.shown, fps)
    frames = _chosen(mouth, quiet, fps)
    source = VideoSource(path, *size, fps, len(mouth.openings), has_sound=True)
    read = np.full(len(mouth.openings), np.nan, np.float32)
    for start, stop in _runs(frames):
        pictures = source.read(start, stop, square=mouth.square)
        found = np.concatenate([*_openings(pictures), np.empty(0)]) * mouth.canvas
        read[start : start + len(found)] = found
    seen = np.isfinite(read)
    offset, correlation, why = _offset(np.where(mouth.shown, read, np.nan), mouth.openings, fps)
    quiet &= seen
    over = None if mouth.rest_px is None else int((read[quiet] > mouth.rest_px + OPEN_PX).sum())
    return LipCheck(offset, correlation, why, int(seen.sum()), int(quiet.sum()), over)


def _rest(identity: Identity) -> float | None:
    """Opening of the mouth at rest, px of the canvas, in the middle pose of the usual clip."""
    geometry = identity.config.geometry
    if geometry is None:
        return None
    pose = middle_pose(identity.clip().pose)
    lips = project(geometry.canonical[list(MOUTH)], pose, geometry.camera, geometry.perspective)
    return float(opening(lips))


def _chosen(mouth: Mouth, quiet: np.ndarray, fps: Fraction) -> np.ndarray:
    """(T,) bool: the liveliest stretch of each part of the film, and a pause."""
    total, length = len(mouth.openings), round(PIECE_S * fps)
    least, most = PIECES
    if total <= least * length:
        return np.ones(total, bool)
    parts = min(max(int(SHARE * total / length), least), most)
    chosen = np.zeros(total, bool)
    moving = np.where(mouth.shown, mouth.openings, OPENING["sil"])
    for begin, end in itertools.pairwise(np.linspace(0, total, parts + 1).astype(int)):
        starts = range(begin, max(end - length, begin) + 1, max(length // 10, 1))
        start = max(starts, key=lambda start: float(moving[start : start + length].std()))
        chosen[start : start + length] = True
    wanted = round(SILENT_READ_S * fps)
    if (chosen & quiet).sum() < min(wanted, quiet.sum()):
        start, stop = max(_runs(quiet), key=lambda run: run[1] - run[0])
        chosen[start : min(stop, start + wanted)] = True
    return chosen


def _pauses(silent: np.ndarray, fps: Fraction) -> np.ndarray:
    """Silent frames (T,) bool without those that are too few in a row."""
    result = np.zeros_like(silent)
    for start, stop in _runs(silent):
        result[start:stop] = stop - start >= SILENT_S * fps
    return result


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """Stretches (start, stop) of (T,) bool that are true."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _openings(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Openings (n,) px of pictures of the mouth's square, a batch a core at a time.

    Where the processor multiplies in bfloat16 that takes half the time and moves them by 0.1 px.
    """
    import torch

    reader = point_reader(LIPS)
    able = getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16", False)

    def read(batch: np.ndarray) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16, enabled=able):
            return opening(reader.read_cut(batch))

    with one_thread(), ThreadPoolExecutor(cores := min(os.cpu_count() or 1, 4)) as pool:
        while some := list(itertools.islice(pictures, cores * BATCH)):
            batches = (np.stack(some[i : i + BATCH]) for i in range(0, len(some), BATCH))
            yield from pool.map(read, batches)


def _offset(
    read: np.ndarray, asked: np.ndarray, fps: Fraction
) -> tuple[float | None, float | None, str]:
    """Lag of openings (T,), NaN where not read, behind those asked for; correlation; why not."""
    at = np.flatnonzero(np.isfinite(read))
    if not len(at):
        return None, None, "the new mouth is never seen in full"
    moves = sum(_turns(asked[start:stop]) for start, stop in _runs(np.isfinite(read)))
    if moves < TURNS:
        return None, None, "too little is said" if moves else "the mouth is to stay closed"
    reach, near = max(round(REACH_S * fps), 4), max(round(NEAR_S * fps), 1)
    padded = np.pad(asked, reach, constant_values=OPENING["sil"])
    lags = np.arange(-reach, reach + 1)
    wanted = padded[at[None] - lags[:, None] + reach]  # (lags, frames)
    likeness = _correlations(wanted, read[at])
    best = int(likeness.argmax())
    offset, others = lags[best] + _peak(likeness, best), np.abs(lags - lags[best]) > near
    sure = likeness[best] >= CORRELATION and likeness[best] - likeness[others].max() >= MARGIN
    if abs(offset) > 1:
        sure &= likeness[best] >= STRONG and _both_halves(wanted[[best, reach]], read[at])
    why = "" if sure else "the lips cannot be read clearly enough"
    return float(offset) if sure else None, float(likeness[best]), why


def _both_halves(rows: np.ndarray, curve: np.ndarray) -> bool:
    """Whether each half of a curve (n,) is more like the first of two rows (2, n)."""
    halves = zip(np.array_split(rows, 2, axis=1), np.array_split(curve, 2), strict=True)
    likeness = [_correlations(row, half) for row, half in halves]
    return all(first - second >= HALF_MARGIN for first, second in likeness)


def _turns(curve: np.ndarray) -> int:
    """How often a curve turns round for more than ``TURN_PX``."""
    turns, rising = 0, None
    low = high = curve[0]
    for value in curve:
        low, high = min(low, value), max(high, value)
        if rising is not False and value < high - TURN_PX:
            turns, rising, low = turns + 1, False, value
        elif rising is not True and value > low + TURN_PX:
            turns, rising, high = turns + 1, True, value
    return turns


def _correlations(rows: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Pearson correlation of each row (m, n) with a curve (n,); 0 where one does not move."""
    rows = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    curve = curve - curve.mean(dtype=np.float64)
    power = np.square(rows).sum(axis=1) * np.square(curve).sum()
    return rows @ curve / np.sqrt(np.maximum(power, 1e-6))


def _peak(values: np.ndarray, best: int) -> float:
    """Where between its neighbours a peak is, -0.5 to 0.5: the top of a parabola."""
    if not 0 < best < len(values) - 1:
        return 0.0
    left, top, right = values[best - 1 : best + 2]
    return 0.5 * (left - right) / min(left - 2 * top + right, -1e-9)
