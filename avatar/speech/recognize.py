"""Sound alone to phones: pocketsphinx's phone decoder, with its bundled acoustic model.

Phones rather than words: several times faster, not lost where no English word fits, and so of
use for other languages too (figures: ``python -m avatar.metrics.visemes``).
"""

import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SoundError
from ..timing import SAMPLE_RATE
from .audio import SHORTEST
from .phonemes import VISEMES, Phone, segments
from .prosody import frame_levels, silence_gate

if TYPE_CHECKING:
    from pocketsphinx import Decoder

STEP = 0.01
"""Seconds between the decoder's feature frames."""
DELAY = (0.0256 - STEP) / 2
"""Seconds to add to the decoder's times: frame i sees 25.6 ms from i * STEP, so its middle lies
this much behind the middle of its step. Exact phone times show the same constant bias."""
LONGEST_PIECE = 30.0
"""Seconds decoded at once, which bounds memory."""
LEVEL_FPS = Fraction(100)
"""Rate of the loudness levels; one level a decoder frame."""

_lock = threading.Lock()


def recognize(sound: np.ndarray) -> list[Phone]:
    """Find the phones of a sound without knowing its text.

    Args:
        sound: (N,) float32 in [-1, 1], mono, 16 kHz.

    Returns:
        ARPAbet phones that cover 0..N/16000 s without gaps, PAU where nobody speaks.

    Raises:
        SoundError: if the sound is shorter than 40 ms.
    """
    if len(sound) < SHORTEST:
        raise SoundError("The sound is shorter than 40 ms.")
    level = frame_levels(sound, LEVEL_FPS)
    speaking = silence_gate(level, LEVEL_FPS) > 0.5
    starts: list[tuple[float, str]] = []
    for first, last in pieces(level):
        if speaking[first:last].any():
            piece = sound[first * SAMPLE_RATE // 100 : last * SAMPLE_RATE // 100]
            found = [(first * STEP + time, symbol) for time, symbol in _decode(piece)]
            starts += _without_quiet(found, last * STEP, speaking)
        else:
            starts.append((first * STEP, "PAU"))
    return tiled(starts, len(sound) / SAMPLE_RATE)


def tiled(starts: Iterable[tuple[float, str]], seconds: float) -> list[Phone]:
    """Phones from their (start, symbol), each up to the next, pauses joined, over 0..seconds."""
    kept: list[tuple[float, str]] = [(0.0, "PAU")]
    for start, symbol in starts:
        if start >= seconds or symbol == kept[-1][1] == "PAU":
            continue
        if start <= kept[-1][0]:
            kept.pop()
            start = kept[-1][0] if kept and symbol == kept[-1][1] == "PAU" else start
        kept.append((max(start, 0.0), symbol))
    ends = [start for start, _ in kept[1:]] + [seconds]
    return [Phone(start, end, symbol) for (start, symbol), end in zip(kept, ends, strict=True)]


def visemes_at(phones: Iterable[Phone], times: np.ndarray) -> np.ndarray:
    """Index into ``VISEMES`` of the shape at each time; (T,) seconds -> (T,) int.

    Args:
        phones: at least one, without gaps, in time order.
        times: seconds; those outside take the first or last shape.
    """
    shapes = segments(phones)
    starts = np.array([shape.start for shape in shapes])
    indices = np.array([VISEMES.index(shape.viseme) for shape in shapes])
    return indices[np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)]


def to_pcm(sound: np.ndarray) -> bytes:
    """(N,) float32 in [-1, 1] as the 16-bit samples that the decoder takes."""
    return np.clip(sound * 32768.0, -32768, 32767).astype("<i2").tobytes()


def is_pause(name: str) -> bool:
    """Whether the decoder's name of a phone is silence, breath or noise."""
    return name == "SIL" or name.startswith(("+", "<"))


def new_decoder() -> "Decoder":
    """A phone decoder, ready to start an utterance."""
    import pocketsphinx

    model = pocketsphinx.get_model_path("en-us")
    # Wide beams cost little here; narrow ones lose the path in the middle of a sound.
    return pocketsphinx.Decoder(
        hmm=f"{model}/en-us", allphone=f"{model}/en-us-phone.lm.bin", lm=None, dict=None,
        lw=2.5, pip=0.3, beam=1e-40, pbeam=1e-40, loglevel="FATAL",
    )  # fmt: skip


def best_path(decoder: "Decoder") -> list[tuple[float, str]]:
    """(start in seconds, ARPAbet) of each phone that a decoder has found so far."""
    found = [(segment.start_frame, segment.word) for segment in decoder.seg() or ()]
    return [
        (frame * STEP + DELAY if frame else 0.0, "PAU" if is_pause(name) else name)
        for frame, name in found
    ]


_decoder = lru_cache(maxsize=1)(new_decoder)


def _decode(sound: np.ndarray) -> list[tuple[float, str]]:
    """(start in seconds, ARPAbet) of each phone of a piece."""
    with _lock:
        decoder = _decoder()
        decoder.reinit_feat()  # forgets the last speaker's mean: one sound, one answer
        decoder.start_utt()
        decoder.process_raw(to_pcm(sound), full_utt=True)
        decoder.end_utt()
        return best_path(decoder)


def pieces(level: np.ndarray) -> Iterator[tuple[int, int]]:
    """Cut (T,) levels at 100 a second into (first, last) of at most 30 s, at the quietest spots."""
    longest = round(LONGEST_PIECE / STEP)
    smooth = np.convolve(level, np.ones(11) / 11, mode="same")
    first = 0
    while len(level) - first > longest:
        earliest = first + longest // 2
        last = earliest + int(smooth[earliest : first + longest].argmin())
        yield first, last
        first = last
    yield first, len(level)


def _without_quiet(
    starts: list[tuple[float, str]], end: float, speaking: np.ndarray
) -> list[tuple[float, str]]:
    """Turn what the decoder read into stretches without speech into pauses."""
    result = []
    ends = [start for start, _ in starts[1:]] + [end]
    for (start, symbol), stop in zip(starts, ends, strict=True):
        span = speaking[round(start / STEP) : max(round(stop / STEP), round(start / STEP) + 1)]
        result.append((start, symbol if span.any() else "PAU"))
    return result
