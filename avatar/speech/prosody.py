"""Loudness, pitch and the silence gate, measured on the sound alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..timing import SAMPLE_RATE, frame_count, frame_start
from .kernels import load_librosa

QUIETEST_DB, LOUDEST_DB = -30.0, 5.0
"""Loudness runs from 0 to 1 over this range around the speech level of the recording."""
GATE_FLOOR_DB, GATE_CEILING_DB = -50.0, -38.0
"""The gate's threshold stays between these, in dBFS: room noise at -45 dBFS is never speech."""
HANGOVER_S = 0.10
"""The gate stays open this long around speech: closures and quiet consonants are speech too."""
GATE_RAMP = np.array([0.25, 0.5, 0.25])
"""Weights of the frame before, itself and the frame after: the gate opens and closes softly."""
SPEECH = 90
"""Percentile of the levels of speech that counts as its level."""
PITCH_RANGE_HZ = (65.0, 500.0)
LEVEL_BLOCK = 1000
"""Frames of which the loudness is measured at once."""
YIN_SPAN, YIN_HOP, YIN_BLOCK = 2048, 320, 1500
"""Samples that one pitch is read from, samples between two, pitches read at once."""


@dataclass(frozen=True)
class Prosody:
    """What the sound says beside its phones; each (T,) float."""

    loudness: np.ndarray
    """0 (silence) to 1 (loud for this recording)."""
    slope: np.ndarray
    """Change of loudness over one frame, in [-1, 1]."""
    pitch: np.ndarray
    """Octaves from the recording's median, clipped to [-1, 1]; 0 where there is no voice."""
    gate: np.ndarray
    """1 where there may be speech, 0 where there is only silence or noise, ramps between."""


def prosody(sound: np.ndarray, fps: Fraction) -> Prosody:
    """Measure a sound (N,) float32 at 16 kHz, one value a frame."""
    level = frame_levels(sound, fps)
    gate = silence_gate(level, fps)
    speech_level = np.percentile(level[gate > 0.5], SPEECH) if (gate > 0.5).any() else 0.0
    loudness = loudness_of(level, speech_level) * gate
    slope = np.gradient(loudness) if len(loudness) > 1 else np.zeros_like(loudness)
    return Prosody(loudness, np.clip(slope, -1, 1), pitch(sound, loudness), gate)


def frame_levels(sound: np.ndarray, fps: Fraction) -> np.ndarray:
    """Root mean square of each frame's sound in dBFS, (T,), never below -120."""
    starts = np.array([frame_start(i, fps) for i in range(frame_count(len(sound), fps))])
    ends = np.append(starts[1:], len(sound))
    return decibels(np.concatenate(list(_energies(sound, starts, ends))) / (ends - starts))


def decibels(power: np.ndarray) -> np.ndarray:
    """Mean squares of samples in [-1, 1] in dBFS, never below -120."""
    return 10 * np.log10(np.maximum(power, 1e-12))


def loudness_of(level: np.ndarray, speech_level: float) -> np.ndarray:
    """Levels in dBFS to 0 (silence) .. 1 (loud) around the level of the recording's speech."""
    return np.clip((level - speech_level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB), 0, 1)


def _energies(sound: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Iterator[np.ndarray]:
    """Sum of squares of each frame, some frames at once: the squares of all would be a copy."""
    for first in range(0, len(starts), LEVEL_BLOCK):
        some = slice(first, first + LEVEL_BLOCK)
        begin, end = starts[some][0], ends[some][-1]
        yield np.add.reduceat(np.square(sound[begin:end]), starts[some] - begin, dtype=np.float64)


def silence_gate(level: np.ndarray, fps: Fraction) -> np.ndarray:
    """Where there may be speech, from frame levels (T,) in dBFS; (T,) in [0, 1]."""
    loud, hold = level > gate_threshold(level), hangover(fps)
    is_open = np.convolve(loud, np.ones(2 * hold + 1))[hold : hold + len(level)] > 0
    return np.convolve(np.pad(is_open.astype(float), 1, mode="edge"), GATE_RAMP, mode="valid")


def gate_threshold(level: np.ndarray) -> float:
    """Level in dBFS above which the sound of these frame levels (T,) may be speech.

    It follows the recording (8 dB above its floor, 25 dB below its loud parts) within fixed
    bounds, so that quiet recordings speak and noisy pauses do not.
    """
    threshold = max(np.percentile(level, 10) + 8, np.percentile(level, 95) - 25)
    return min(max(threshold, GATE_FLOOR_DB), GATE_CEILING_DB)


def hangover(fps: Fraction) -> int:
    """Frames for which the gate stays open around speech."""
    return max(round(HANGOVER_S * fps), 1)


def pitch(sound: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Octaves from the median pitch, (T,) in [-1, 1], 0 where the sound is quiet."""
    hertz = np.concatenate(list(_pitch_blocks(sound)))
    times = (np.arange(len(loudness)) + 0.5) / len(loudness)
    hertz = hertz[np.minimum((times * len(hertz)).astype(int), len(hertz) - 1)]
    voiced = is_voiced(hertz, loudness)
    if not voiced.any():
        return np.zeros_like(loudness)
    return np.where(voiced, octaves(hertz, np.median(hertz[voiced])), 0.0)


def is_voiced(hertz: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Where a pitch is to be trusted: loud enough, and off the ends of the range."""
    low, high = PITCH_RANGE_HZ
    return (loudness > 0.3) & (hertz > low * 1.05) & (hertz < high * 0.95)


def octaves(hertz: np.ndarray, middle: float) -> np.ndarray:
    """Pitch as octaves from the speaker's middle one, clipped to [-1, 1]."""
    return np.clip(np.log2(hertz / middle), -1, 1)


def hertz_of(sound: np.ndarray) -> np.ndarray:
    """Pitch every ``YIN_HOP`` samples, each from ``YIN_SPAN`` of them; (n,) -> (m,) Hz."""
    low, high = PITCH_RANGE_HZ
    return load_librosa().yin(
        sound, fmin=low, fmax=high, sr=SAMPLE_RATE,
        frame_length=YIN_SPAN, hop_length=YIN_HOP, center=False,
    )  # fmt: skip


def _pitch_blocks(sound: np.ndarray) -> Iterator[np.ndarray]:
    """Pitch in Hz every 20 ms, in blocks of half a minute: yin needs 16 KB for each value."""
    count = 1 + len(sound) // YIN_HOP
    for first in range(0, count, YIN_BLOCK):
        last = min(first + YIN_BLOCK, count) - 1
        # Each value is read from the span around its place; beyond both ends there is silence.
        begin, end = first * YIN_HOP - YIN_SPAN // 2, last * YIN_HOP + YIN_SPAN // 2
        block = sound[max(begin, 0) : end]
        beyond = max(-begin, 0), end - max(begin, 0) - len(block)
        yield hertz_of(np.pad(block, beyond))
