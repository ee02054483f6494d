"""A finished MP4 as it is: its frames counted, its lengths, and its sound beside the one given."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from ..errors import RenderError
from ..media import input_arguments, running_ffmpeg
from ..timing import SAMPLE_RATE

SHIFT_S = 0.5
"""Seconds either way in which the sound is looked for."""
PIECE_S = 1.5
"""Length of the pieces of sound that are looked for, the loudest of each third."""
QUIET = 1e-3
"""Loudness (root mean square) under which a piece is silence, -60 dB."""
SHORTEST_S = 0.2
"""A shorter piece cannot be placed: an AAC frame lasts 21 ms."""
SAME = 0.5
"""Least correlation of a piece with itself after AAC; speech, hums and noise have over 0.95."""
EQUAL = 0.01
"""Correlations this near are equal, and the smaller shift is taken: a hum repeats itself."""


@dataclass(frozen=True)
class Streams:
    """The two streams of an MP4."""

    frames: int
    """Pictures, counted packet by packet."""
    picture_s: float
    """When the last one ends."""
    sound_s: float
    """When the sound ends."""


def streams(path: Path) -> Streams:
    """Count what is in a file, without decoding it and in constant memory.

    Raises:
        RenderError: if it cannot be read, or has no picture or no sound.
    """
    arguments = [
        *input_arguments(path), *("-map", "0:V:0", "-map", "0:a:0", "-c", "copy", "-copyts"),
        *("-f", "framecrc", "pipe:1"),
    ]  # fmt: skip
    ticks: dict[int, Fraction] = {}
    counts, ends = [0, 0], [Fraction(0), Fraction(0)]
    with running_ffmpeg(arguments, stdout=subprocess.PIPE) as ffmpeg:
        for line in ffmpeg.stdout:
            if line.startswith(b"#tb"):
                stream, tick = line[3:].decode().split(":")
                ticks[int(stream)] = Fraction(tick.strip())
            elif not line.startswith(b"#"):
                stream, _, start, length, *_ = map(int, line.split(b",")[:5])
                counts[stream] += 1
                ends[stream] = max(ends[stream], (start + length) * ticks[stream])
        if ffmpeg.wait() != 0 or not all(counts):
            raise RenderError("The finished video cannot be read again: its disk may be damaged.")
    return Streams(counts[0], float(ends[0]), float(ends[1]))


@dataclass(frozen=True)
class Heard:
    """The sound in a file beside the one that was given."""

    late_ms: float | None
    """The largest delay of any piece, negative where it is early; None: silent, or too short."""
    same: bool
    """Whether every piece was found."""


def heard(path: Path, given: np.ndarray) -> Heard:
    """Look for the loudest pieces of a sound (N,) at 16 kHz in a file, to a tenth of a ms."""
    late, same = [], True
    for start, stop in _loudest(given):
        reach = round(SHIFT_S * SAMPLE_RATE)
        around = _sound(path, start - reach, stop + reach)
        likeness = _likeness(around, given[start:stop])
        near = np.flatnonzero(likeness >= likeness.max() - EQUAL) - reach
        late.append(near[np.abs(near).argmin()] * 1000 / SAMPLE_RATE)
        same &= bool(likeness.max() >= SAME)
    return Heard(float(max(late, key=abs)) if late else None, same)


def _loudest(sound: np.ndarray) -> Iterator[tuple[int, int]]:
    """The loudest piece of each third of a sound that is not silent, as samples."""
    length = round(PIECE_S * SAMPLE_RATE)
    thirds = np.linspace(0, len(sound), 4 if len(sound) > 3 * length else 2).astype(int)
    for begin, end in zip(thirds[:-1], thirds[1:], strict=True):
        step = length // 3
        starts = range(begin, max(end - length, begin) + 1, step)
        pieces = [(start, min(start + length, end)) for start in starts]
        power = [float(np.square(sound[a:b], dtype=np.float64).mean()) for a, b in pieces]
        if max(power) > QUIET**2 and end - begin >= SHORTEST_S * SAMPLE_RATE:
            yield pieces[int(np.argmax(power))]


def _sound(path: Path, start: int, stop: int) -> np.ndarray:
    """Samples ``start`` to ``stop`` of a file, (n,) float32 at 16 kHz; nothing is zero."""
    begin = max(start, 0)
    arguments = [
        *("-ss", f"{begin / SAMPLE_RATE:.6f}", "-t", f"{(stop - begin) / SAMPLE_RATE:.6f}"),
        *input_arguments(path), *("-map", "0:a:0", "-af", "aresample=async=1:first_pts=0"),
        *("-ar", str(SAMPLE_RATE), "-ac", "1", "-f", "f32le", "pipe:1"),
    ]  # fmt: skip
    with running_ffmpeg(arguments, stdout=subprocess.PIPE) as ffmpeg:
        data = ffmpeg.stdout.read()
    found = np.frombuffer(data, "<f4")[: stop - begin]
    return np.pad(found, (begin - start, stop - begin - len(found)))


def _likeness(around: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Correlation (lags,) of a piece with each place of a longer sound."""
    piece, around = np.float64(piece), np.float64(around)
    products = correlate(around, piece, "valid", "fft")
    energy = np.cumsum(np.concatenate([[0.0], np.square(around)]))
    power = np.maximum(energy[len(piece) :] - energy[: -len(piece)], 1e-9)
    return products / np.sqrt(power * np.square(piece).sum())
