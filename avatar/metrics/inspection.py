"""Looking at every MP4 that was made before it takes its place: its sync receipt, or a refusal."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import RenderError
from ..render.receipt import CLOSED, NO_SILENCE, NOT_READ, OPEN, Receipt
from ..timing import frame_count
from .finished import Heard, Streams, heard, streams
from .lip_check import OPEN_S, LipCheck, Mouth, check_lips

UNSURE_MS = 10.0
"""By how much an offset that is read may be off: nine of ten renders in time are within it."""
ROUNDING_MS = 1.0
"""Times in an MP4 are whole ticks."""


def inspection(
    fps: Fraction,
    sound: np.ndarray,
    mouth: Mouth | str,
    size: tuple[int, int] = (512, 512),
) -> Callable[[Path], Receipt]:
    """What ``video_writer`` takes as ``inspect``.

    Args:
        fps: frames per second of the film.
        sound: (N,) float32 mono at 16 kHz: what it was given.
        mouth: what its lips were asked to do, or why they are not read, in a few words: "many
            faces are in it".
        size: width and height in px.

    Returns:
        A function of the file's path; it raises a RenderError if lips and sound are more than a
        frame apart, frames are missing, or the sound is not the one that was given.
    """

    def inspect(path: Path) -> Receipt:
        with ThreadPoolExecutor(2) as pool:  # each mostly waits for an ffmpeg of its own
            found, sounding = pool.submit(streams, path), pool.submit(heard, path, sound)
            lips = check_lips(path, size, fps, mouth) if isinstance(mouth, Mouth) else mouth
        needed = frame_count(len(sound), fps)
        receipt = _receipt(fps, needed, found.result(), sounding.result(), lips)
        if not receipt.passed:
            raise RenderError(f"The video was not kept, because {'; '.join(receipt.reasons)}.")
        return receipt

    return inspect


def _receipt(
    fps: Fraction, needed: int, found: Streams, sounding: Heard, lips: LipCheck | str
) -> Receipt:
    frame_ms = 1000 / float(fps)
    if isinstance(lips, str):
        lips = LipCheck(None, None, lips, read=0, silent=0, open=None)
    offset, notes = None, []
    if lips.offset_frames is not None:
        offset = lips.offset_frames * frame_ms - (sounding.late_ms or 0)
    if sounding.late_ms is None:
        notes.append("The sound could not be compared: it is silent, or too short.")
    length_error = 1000 * (found.picture_s - found.sound_s)
    dropped = needed - found.frames
    reasons = _reasons(frame_ms, dropped, length_error, sounding, offset)
    silence, open_s = _silence(lips, fps)
    return Receipt(
        offset_ms=_rounded(offset), offset_frames=_rounded(offset, 2, frame_ms), why=lips.why,
        length_error_ms=round(length_error, 1), silence=silence, open_s=round(open_s, 2),
        frames=found.frames, frames_dropped=dropped, sound_late_ms=_rounded(sounding.late_ms),
        lips_read_s=round(lips.read / float(fps), 2), correlation=_rounded(lips.correlation, 3),
        passed=not reasons, reasons=tuple(reasons), notes=tuple(notes),
    )  # fmt: skip


def _reasons(
    frame_ms: float, dropped: int, length_error: float, sounding: Heard, offset: float | None
) -> list[str]:
    """Why a film cannot be kept: ends of a sentence that begins with "because"."""
    reasons = []
    if dropped > 0:
        reasons.append(f"it lacks {dropped} of its frames")
    if dropped < 0:
        reasons.append(f"it has {-dropped} frames too many")
    if abs(length_error) > frame_ms + ROUNDING_MS:
        more = "longer" if length_error > 0 else "shorter"
        reasons.append(f"its picture is {abs(length_error):.0f} ms {more} than its sound")
    if not sounding.same:
        reasons.append("its sound is not the one that was given")
    elif abs(sounding.late_ms or 0) > frame_ms:
        reasons.append(f"its sound is {_late(sounding.late_ms)}, more than a frame")
    if offset is not None and abs(offset) > frame_ms + UNSURE_MS:
        reasons.append(f"its lips are {_late(offset)}, more than a frame")
    return reasons


def _silence(lips: LipCheck, fps: Fraction) -> tuple[str, float]:
    """What the lips do in silence, and for how many seconds they are open there."""
    if lips.open is None:
        return NOT_READ, 0.0
    open_s = lips.open / float(fps)
    if not lips.silent:
        return NO_SILENCE, 0.0
    return (OPEN, open_s) if open_s >= OPEN_S else (CLOSED, 0.0)


def _late(milliseconds: float) -> str:
    return f"{abs(milliseconds):.0f} ms {'late' if milliseconds > 0 else 'early'}"


def _rounded(value: float | None, digits: int = 1, unit: float = 1.0) -> float | None:
    return None if value is None else round(value / unit, digits)
