"""One visitor's conversation: text or sound in, shots out, in order, for as long as it lasts.

No clock and no thread is in here: what comes out depends on what came in, and on the number of the
frame before which it came. ``avatar.render.scheduler`` renders the shots and keeps time.
"""

import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import numpy as np

from ..errors import RenderError, SoundError, TextError
from ..face.clip import Clip
from ..identity import Identity
from ..speech import tts
from ..speech.features import Visemes
from ..speech.tts import Voice
from ..speech.visemes import SILENCE, viseme_track
from ..timing import SAMPLE_RATE, frame_start
from .motion import Motion
from .shot import Shot
from .turn import Turn

LISTENING = "listening"
"""The clip that is shown while nobody speaks, where the identity has it."""
MAX_CHARS = 2000
"""The longest text that is said at once."""
MAX_PUSH_S = 60
"""Seconds of the longest piece of sound."""
MAX_WAITING_S = 300
"""Seconds of speech that may wait to be shown."""
CLOSING = 4
"""Frames over which the mouth closes, and the sound fades, after an interruption."""


class Recogniser(Protocol):
    """What makes viseme rows of sound as it comes; see ``speech.causal.CausalVisemes``."""

    def push(self, sound: np.ndarray) -> np.ndarray:
        """(n,) float32 to the (rows, 34) that became known."""

    def end(self) -> np.ndarray:
        """The rows that are still owed."""

    def reset(self) -> None:
        """Forget the utterance."""


def causal(fps: Fraction) -> Recogniser:
    """What hears, unless somebody wants another: a ``CausalVisemes``."""
    from ..speech.causal import CausalVisemes

    return CausalVisemes(fps)


class LiveSession:
    """A conversation with one identity.

    One thread may feed it (``say``, ``push``, ``end``) while another takes shots; ``interrupt``
    may come from anywhere.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        clip: str | None = None,
        idle: tuple[Clip, int] | None = None,
        recogniser: Callable[[Fraction], Recogniser] = causal,
    ):
        """Begin at frame 0, with nobody speaking.

        Args:
            identity: who is shown; it must be one that listens to visemes.
            clip: what the head does while she speaks; None for the identity's default.
            idle: what it does while she listens, and the frame of that, endless, to begin with;
                None for the identity's ``LISTENING``, and to begin with whatever comes first.
            recogniser: makes what hears raw sound, given the frame rate.

        Raises:
            RenderError: if the identity cannot speak live.
            ClipError: if there is no such clip.
        """
        if not isinstance(identity.config.features, Visemes):
            raise RenderError(
                f"{identity.name} listens to wav2vec 2.0, which needs the whole sound at once: "
                "only an identity that listens to visemes can speak live."
            )
        self.identity = identity
        self.fps = identity.config.fps
        self._clip = identity.clip(clip)
        self.idle_clip = idle[0] if idle else identity.clips.get(LISTENING, self._clip)
        """What the head does while she listens."""
        self._motion = Motion(*idle) if idle else None
        self._make_recogniser = recogniser
        self._recogniser: Recogniser | None = None
        self._heard_since, self._hearing = 0, False
        self._shown = 0
        window = identity.config.network.window
        self._past = deque([SILENCE] * (window // 2), maxlen=window // 2)
        self._ahead = window - 1 - window // 2
        self._turns: deque[Turn] = deque()
        self._open: Turn | None = None
        """The last of the turns, while more of it may come."""
        self._interrupted = 0
        """How often; what was begun before is not gone on with."""
        self._feeding, self._lock = threading.RLock(), threading.Lock()

    def say(
        self, text: str, voice: str | Voice = tts.DEFAULT_VOICE, rate: float = 1, pitch: float = 1
    ) -> None:
        """Say a text behind what is said already; each sentence can be shown once it is made.

        Returns when all is made, or when it was interrupted meanwhile.

        Args:
            text: at most ``MAX_CHARS`` characters.
            voice: as for ``speech.tts.speak``, as are ``rate`` and ``pitch``.
            rate: speed.
            pitch: height of the voice.

        Raises:
            TextError: if there is nothing to say, or too much.
            VoiceError: if the voice is unknown, or rate or pitch are out of range.
        """
        since = self._interrupted
        with self._feeding:
            sentences = tts.speak(text, voice, rate, pitch, MAX_CHARS)
            if self.waiting_s > MAX_WAITING_S:
                raise TextError("Too much waits to be said: let some of it be said first.")
            self.end()
            self._begin(since)
            try:
                for sentence in sentences:
                    rows = viseme_track(sentence.phones, sentence.sound, self.fps).values
                    sound = _of_length(sentence.sound, frame_start(len(rows), self.fps))
                    if not self._feed(since, rows, sound):
                        return
            finally:
                self._finish(since)

    def push(self, sound: np.ndarray) -> None:
        """Go on with an utterance, or begin one, with a piece of sound that somebody says.

        Args:
            sound: (n,) float32 in [-1, 1], mono, 16 kHz, up to ``MAX_PUSH_S`` long.

        Raises:
            SoundError: if it is something else, or if too much sound waits to be shown; it is
                left out then, and the utterance can go on.
        """
        sound, since = _checked(sound), self._interrupted
        with self._feeding:
            if self.waiting_s > MAX_WAITING_S:
                raise SoundError("Too much sound waits to be shown: send no more than is heard.")
            if self._recogniser is None:
                self._recogniser = self._make_recogniser(self.fps)
            if self._open is None:
                if self._hearing:  # what was interrupted
                    self._recogniser.reset()
                self._heard_since, self._hearing = since, True
                self._begin(since)
            for start in range(0, len(sound), SAMPLE_RATE):  # the first second need not wait
                part = sound[start : start + SAMPLE_RATE]
                if not self._feed(self._heard_since, self._recogniser.push(part), part):
                    return

    def end(self) -> None:
        """Nothing more comes of the utterance that is pushed, if there is one."""
        with self._feeding:
            if self._open is not None:
                self._hearing = False
                self._feed(self._heard_since, self._recogniser.end(), np.empty(0, np.float32))
                self._finish(self._heard_since)

    def interrupt(self) -> None:
        """Forget what was not shown yet; the mouth closes in a few frames, the head goes on."""
        with self._lock:
            current = self._current()
            self._turns.clear()
            self._open = None
            self._interrupted += 1
            if current is not None and current.begun:
                samples = self._samples(CLOSING)
                self._turns.append(current.faded(self._past[-1], CLOSING, samples))

    def pause(self) -> None:
        """Let her listen until more comes of an utterance that was begun, if it is at its end.

        For sound, or a voice, that comes more slowly than it is shown: ``take`` gives nothing then.
        """
        with self._lock:
            current = self._current()
            if current is not None and current is self._open:
                self._open = current.split(self._samples(len(current.rows)))
                self._turns.append(self._open)

    @property
    def waiting_s(self) -> float:
        """Seconds of speech that are in the session and not shown yet."""
        with self._lock:
            return sum(
                max(len(turn.rows) / float(self.fps), turn.samples / SAMPLE_RATE)
                for turn in self._turns
            )

    def take(self, idle: bool = True) -> Shot | None:
        """The next shot.

        Args:
            idle: whether she is shown listening where there is nothing to show of any speech.

        Returns:
            None where only more sound can tell what she does: in the midst of an utterance, or
            wherever nobody speaks if ``idle`` is false.
        """
        with self._lock:
            turn = self._current()
            if turn is not None and (turn.ended or len(turn.rows) > self._ahead):
                return self._speaking(turn)
            if idle and not (turn is not None and turn.begun):
                return self._listening()
            return None

    def _speaking(self, turn: Turn) -> Shot:
        ahead = [turn.rows[i] for i in range(min(1 + self._ahead, len(turn.rows)))]
        sound = turn.take_sound(self._samples(1))
        turn.rows.popleft()
        turn.begun = True
        return self._shot(ahead, sound, self._clip, speaking=True)

    def _listening(self) -> Shot:
        sound = np.zeros(self._samples(1), np.float32)
        return self._shot([SILENCE], sound, self.idle_clip, speaking=False)

    def _shot(
        self, ahead: list[np.ndarray], sound: np.ndarray, clip: Clip, speaking: bool
    ) -> Shot:
        missing = 1 + self._ahead - len(ahead)
        window = np.stack([*self._past, *ahead, *[SILENCE] * missing])
        if self._motion is None:
            self._motion = Motion(clip)
        head, frame = self._motion.follow(clip)
        self._past.append(ahead[0])
        self._shown += 1
        return Shot(self._shown - 1, head, frame, window, sound, speaking)

    def _current(self) -> Turn | None:
        """What is being said."""
        while self._turns and self._turns[0].ended and not self._turns[0].rows:
            self._turns.popleft()
        return self._turns[0] if self._turns else None

    def _samples(self, frames: int) -> int:
        """How much sound belongs to the next frames."""
        return frame_start(self._shown + frames, self.fps) - frame_start(self._shown, self.fps)

    def _begin(self, since: int) -> None:
        """Begin a turn, if there were no more interruptions since it was asked for."""
        with self._lock:
            if since == self._interrupted:
                self._open = Turn()
                self._turns.append(self._open)

    def _feed(self, since: int, rows: np.ndarray, sound: np.ndarray) -> bool:
        """Go on with the turn; false if it was interrupted."""
        with self._lock:
            if since != self._interrupted:
                return False
            self._open.add(rows, sound)
            return True

    def _finish(self, since: int) -> None:
        with self._lock:
            if since == self._interrupted:
                self._open.ended = True
                self._open = None


def _checked(sound: np.ndarray) -> np.ndarray:
    if not isinstance(sound, np.ndarray) or sound.dtype != np.float32 or sound.ndim != 1:
        raise SoundError("The sound should be one row of float32 samples at 16 kHz.")
    if len(sound) > MAX_PUSH_S * SAMPLE_RATE:
        raise SoundError(f"The piece of sound is longer than {MAX_PUSH_S} s: send shorter ones.")
    if not np.isfinite(sound).all():
        raise SoundError("The sound holds samples that are not numbers (NaN or infinite).")
    return np.clip(sound, -1, 1)


def _of_length(sound: np.ndarray, samples: int) -> np.ndarray:
    """The sound (n,) cut, or gone on with silence."""
    return np.pad(sound[:samples], (0, max(samples - len(sound), 0)))
