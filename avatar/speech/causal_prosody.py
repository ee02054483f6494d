"""Loudness, pitch and the silence gate of a sound that is still coming.

What ``prosody`` measures over a whole recording (speech level, noise floor, middle pitch) is here a
running estimate over the last seconds, and what it takes from the future is in the look-ahead.
"""

from collections import deque
from fractions import Fraction

import numpy as np

from ..timing import frame_start
from .prosody import (
    GATE_RAMP,
    SPEECH,
    YIN_SPAN,
    Prosody,
    decibels,
    gate_threshold,
    hangover,
    hertz_of,
    is_voiced,
    loudness_of,
    octaves,
)

LOOK_AHEAD = 3
"""Frames of sound after a row's own that the row waits for."""
MEMORY_S = 10
"""Seconds over which levels and pitch are remembered."""
MUTED_DB = -90.0
"""Quieter sound is a muted microphone or a gap between files: it says nothing about the room."""
USUAL_SPEECH_DB = -15.0
"""Level of speech that is expected for want of any; it counts as much as a second of speech."""


class RunningProsody:
    """Measures a sound frame by frame, a row ``LOOK_AHEAD`` frames behind the last one heard."""

    def __init__(self, fps: Fraction):
        self._fps = fps
        memory, second = round(MEMORY_S * fps), max(round(fps), 1)
        self._heard: deque[float] = deque(maxlen=memory)
        self._speech = deque([USUAL_SPEECH_DB] * second, maxlen=memory)
        self._hertz: deque[float] = deque(maxlen=memory)
        # From the frame before the row to the last one heard.
        self._levels = deque([MUTED_DB] * (LOOK_AHEAD + 2), maxlen=LOOK_AHEAD + 2)
        # As many more before them as the gate stays open after speech.
        self._hold = hangover(fps)
        kept = LOOK_AHEAD + 2 + self._hold
        self._loud = deque([False] * kept, maxlen=kept)
        # From where the first row's pitch is read: half a span before the middle of its frame.
        self._frames = 0
        self._sound = np.zeros(YIN_SPAN, np.float32)

    def hear(self, block: np.ndarray) -> bool:
        """Take the sound of the next frame; tells whether it is loud enough for speech.

        Args:
            block: (n,) float32 in [-1, 1], all samples of that frame.
        """
        level = float(decibels(np.square(block, dtype=np.float64).mean()))
        if level > MUTED_DB:
            self._heard.append(level)
        loud = level > MUTED_DB and level > gate_threshold(np.array(self._heard))
        if loud:
            self._speech.append(level)
        self._levels.append(level)
        self._loud.append(loud)
        self._frames += 1
        longest = YIN_SPAN + (LOOK_AHEAD + 1) * len(block)
        self._sound = np.concatenate([self._sound, block])[-longest:]
        return loud

    def row(self) -> Prosody:
        """What is known of the frame ``LOOK_AHEAD`` before the last one heard; arrays of one."""
        gate = self._gate()
        speech_level = float(np.percentile(np.array(self._speech), SPEECH))
        before, loudness, after = loudness_of(np.array(self._levels)[:3], speech_level)
        loudness, slope = gate * loudness, gate * (after - before) / 2
        pitch = self._pitch(loudness)
        return Prosody(*(np.array([value]) for value in (loudness, slope, pitch, gate)))

    def _gate(self) -> float:
        """Open around loud frames, as far ahead as the sound is known, with soft edges."""
        loud, ahead = list(self._loud), min(self._hold, LOOK_AHEAD - 1)
        reach = self._hold + 1 + ahead
        return float(GATE_RAMP @ [any(loud[i : i + reach]) for i in range(len(GATE_RAMP))])

    def _pitch(self, loudness: float) -> float:
        """Octaves from the middle pitch so far, 0 where there is no voice."""
        row = self._frames - 1 - LOOK_AHEAD
        start, end = frame_start(row, self._fps), frame_start(row + 1, self._fps)
        after = frame_start(self._frames, self._fps) - (start + end) // 2
        last = len(self._sound) - max(after - YIN_SPAN // 2, 0)
        hertz = float(hertz_of(self._sound[last - YIN_SPAN : last])[0])
        if not is_voiced(hertz, loudness):
            return 0.0
        self._hertz.append(hertz)
        return float(octaves(hertz, np.median(np.array(self._hertz))))
