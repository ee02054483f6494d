"""What is said and when: a sound with its phones and its viseme track, from any source."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import SoundError
from ..timing import SAMPLE_RATE
from . import tts
from .align import align
from .audio import load_sound
from .phonemes import Phone
from .recognize import recognize
from .tts import Voice
from .visemes import VisemeTrack, viseme_track


@dataclass(frozen=True)
class Speech:
    """A sound ready to be shown by a face."""

    sound: np.ndarray
    """(N,) float32 mono at 16 kHz."""
    phones: list[Phone]
    track: VisemeTrack
    source: str
    """Where the phones come from: "tts", "aligned" (with a transcript) or "recognized"."""
    features: np.ndarray | None = None
    """(T, k) float32 that a renderer is shown in place of the track, if it listens otherwise."""

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.sound) / SAMPLE_RATE

    @property
    def values(self) -> np.ndarray:
        """(T, k) float32: what the renderer is shown."""
        return self.track.values if self.features is None else self.features

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        fps: Fraction,
        transcript: str | None = None,
        max_seconds: float | None = None,
    ) -> "Speech":
        """Read speech from any audio or video file; see ``from_sound``.

        Raises:
            SoundError: if the file has no usable sound, or more than ``max_seconds`` of it.
            TextError: if the transcript is not what is said.
        """
        return cls.from_sound(load_sound(path, max_seconds), fps, transcript)

    @classmethod
    def from_sound(
        cls, sound: np.ndarray, fps: Fraction, transcript: str | None = None
    ) -> "Speech":
        """Find the phones of a sound, best with its (English) transcript.

        Args:
            sound: (N,) float32 mono at 16 kHz in [-1, 1].
            fps: frames per second of the track.
            transcript: what is said; without it the phones are recognised from sound alone.

        Raises:
            SoundError: for another shape, or samples that are not finite.
            TextError: if the transcript is not what is said.
        """
        if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
            raise SoundError("The sound should be one row of finite samples at 16 kHz.")
        if transcript and transcript.strip():
            phones, source = align(sound, transcript), "aligned"
        else:
            phones, source = recognize(sound), "recognized"
        return cls(sound, phones, viseme_track(phones, sound, fps), source)

    @classmethod
    def from_text(
        cls,
        text: str,
        fps: Fraction,
        voice: str | Voice = tts.DEFAULT_VOICE,
        rate: float = 1.0,
        pitch: float = 1.0,
        max_chars: int | None = None,
    ) -> "Speech":
        """Speak a text; the voice's own phone times drive the mouth.

        Raises:
            TextError: if there is nothing to say, or more than ``max_chars`` characters.
            VoiceError: if the voice is unknown or cannot be loaded.
        """
        sounds, phones, samples = [], [], 0
        for utterance in tts.speak(text, voice, rate, pitch, max_chars):
            start = samples / SAMPLE_RATE
            phones += [Phone(p.start + start, p.end + start, p.symbol) for p in utterance.phones]
            sounds.append(utterance.sound)
            samples += len(utterance.sound)
        sound = np.concatenate(sounds)
        return cls(sound, phones, viseme_track(phones, sound, fps), "tts")
