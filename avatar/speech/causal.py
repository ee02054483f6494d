"""Sound as it comes to viseme rows, each made once, a few frames behind the sound.

The same phone decoder as in ``recognize``, asked once a frame for the best path so far. Nothing is
known of the sound to come, so a row differs from the one that ``Speech.from_sound`` gives; what
that costs is in the table of ``python -m avatar.metrics.visemes``.
"""

from collections import deque
from fractions import Fraction

import numpy as np

from ..errors import SoundError
from ..timing import SAMPLE_RATE, frame_count, frame_start
from .causal_prosody import LOOK_AHEAD, RunningProsody
from .phonemes import Phone, segments
from .recognize import best_path, new_decoder, tiled, to_pcm
from .visemes import NAMES, VisemeTrack, coarticulate, cut, viseme_rows

PAST_S = 0.6
"""Seconds before a row over which phones are looked at: none further back has any influence."""
PAUSE_S = 0.5
"""Silence that ends the decoder's utterance: while nobody speaks nothing is decoded."""
LONGEST_S = 15.0
"""Seconds after which speech without a pause is cut, which bounds memory and the time of a row."""
RUN_UP_S = 0.3
"""Seconds of sound before the first loud frame, or before a cut, that are decoded with it."""
START_MEAN = (47.1, 3.4, 7.2, 8.4, 0.2, 1.0, 0.4, -0.1, 0.0, 2.9, 1.1, 4.1, 3.7)
"""Mean of the decoder's features before any is heard; weighs as much as five seconds of speech.
Halfway between the model's own start and the capture's train takes, so as not to suit one voice."""


class CausalVisemes:
    """Makes viseme rows of sound that comes in pieces of any length.

    Row j is out once the sound of frame j + ``LOOK_AHEAD`` is complete, and is never revised.
    However the sound is cut, the rows are the same, bit for bit, and those of ``causal_track``.
    What is learnt of a voice (its level, pitch and mean features) is forgotten at ``end`` and
    ``reset``, so that every utterance gets the rows that it would get alone. One object serves one
    caller at a time.
    """

    def __init__(self, fps: Fraction):
        """Start with nothing heard.

        Args:
            fps: rows per second.
        """
        self._fps = fps
        self.reset()

    def push(self, sound: np.ndarray) -> np.ndarray:
        """Hear more of the utterance.

        Args:
            sound: (n,) float32 in [-1, 1], mono, 16 kHz; n may be 0.

        Returns:
            (rows, 34) float32: the rows that became known, often none.

        Raises:
            SoundError: for another shape or type, or samples that are not finite; that sound is
                left out, and the utterance can go on.
        """
        sound = np.asarray(sound)
        if sound.ndim != 1 or sound.dtype.kind != "f" or not np.isfinite(sound).all():
            raise SoundError("The sound should be one row of finite float samples at 16 kHz.")
        self._waiting = np.concatenate([self._waiting, np.clip(sound, -1, 1).astype(np.float32)])
        rows, used = [np.empty((0, len(NAMES)), np.float32)], 0
        while used + self._next_length() <= len(self._waiting):
            length = self._next_length()
            rows += self._hear(self._waiting[used : used + length])
            used += length
        self._waiting = self._waiting[used:].copy()
        return np.concatenate(rows)

    def end(self) -> np.ndarray:
        """Finish the utterance, as if silence followed, and be ready for another.

        Returns:
            (rows, 34) float32: the rows still owed. With those of ``push`` they are
            ceil(samples * fps / 16000).
        """
        samples = frame_start(self._frames, self._fps) + len(self._waiting)
        owed = frame_count(samples, self._fps) - max(self._frames - LOOK_AHEAD, 0)
        missing = frame_start(self._frames + 1 + LOOK_AHEAD, self._fps) - samples
        rows = self.push(np.zeros(missing, np.float32))[:owed]
        self.reset()
        return rows

    def reset(self) -> None:
        """Forget the unfinished utterance: the next sound begins another."""
        self._frames = 0
        self._waiting = np.empty(0, np.float32)
        self._prosody = RunningProsody(self._fps)
        self._phones = LivePhones(self._fps)

    def _next_length(self) -> int:
        """Samples of the next frame to be heard."""
        return frame_start(self._frames + 1, self._fps) - frame_start(self._frames, self._fps)

    def _hear(self, block: np.ndarray) -> list[np.ndarray]:
        """Hear a whole frame; the row that becomes known, (1, 34), or none."""
        loud = self._prosody.hear(block)
        self._phones.hear(block, loud)
        self._frames += 1
        row = self._frames - 1 - LOOK_AHEAD
        return [self._row(row)] if row >= 0 else []

    def _row(self, row: int) -> np.ndarray:
        centre = (row + 0.5) / float(self._fps)
        shapes = segments(self._phones.since(centre - PAST_S))
        pieces = [piece for shape in shapes for piece in cut(shape)]
        blend = coarticulate(pieces, np.array([centre]), self._fps)
        return viseme_rows(*blend, self._prosody.row())


class LivePhones:
    """The phones of speech that is still going on; nothing is decoded while nobody speaks."""

    def __init__(self, fps: Fraction):
        # A decoder of its own, and a new one: a used one remembers the last utterance a little.
        self._decoder = new_decoder()
        self._decoder.set_cmn(",".join(map(str, START_MEAN)))
        self._recent = deque[np.ndarray](maxlen=max(round(RUN_UP_S * fps), LOOK_AHEAD + 2))
        self._pause = round(PAUSE_S * fps)
        self._heard = self._quiet = 0
        self._start: int | None = None

    def hear(self, block: np.ndarray, loud: bool) -> None:
        """Take the (n,) samples of a frame; ``loud`` if they may be speech."""
        self._heard += len(block)
        self._recent.append(block)
        self._quiet = 0 if loud else self._quiet + 1
        if self._start is not None and self._is_over():
            self._decoder.end_utt()
            self._start = None
        if self._start is not None:
            self._decode(block)
        elif loud:
            self._start = self._heard - sum(map(len, self._recent))
            self._decoder.start_utt()
            for recent in self._recent:
                self._decode(recent)

    def since(self, time: float) -> list[Phone]:
        """The phones that last beyond a time in seconds; the last one up to what was heard."""
        if self._start is None:
            return []
        start = self._start / SAMPLE_RATE
        phones = tiled(best_path(self._decoder), (self._heard - self._start) / SAMPLE_RATE)
        return [
            Phone(start + phone.start, start + phone.end, phone.symbol)
            for phone in phones
            if start + phone.end > time
        ]

    def _is_over(self) -> bool:
        """Whether the utterance has come to a pause, or is so long that it is cut in loud sound."""
        long = self._heard - self._start > LONGEST_S * SAMPLE_RATE
        return self._quiet > self._pause or (long and self._quiet == 0)

    def _decode(self, block: np.ndarray) -> None:
        self._decoder.process_raw(to_pcm(block), full_utt=False)
        self._decoder.get_cmn(True)  # lets the mean follow the voice


def causal_track(sound: np.ndarray, fps: Fraction) -> VisemeTrack:
    """The rows of ``CausalVisemes`` for a whole sound, (N,) float32 at 16 kHz.

    Raises:
        SoundError: as for ``CausalVisemes.push``.
    """
    visemes = CausalVisemes(fps)
    return VisemeTrack(NAMES, fps, np.concatenate([visemes.push(sound), visemes.end()]))
