"""What is measured: an identity, a sound, and frames as a video of them has."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..avatar import Avatar
from ..errors import SoundError
from ..identity import Identity
from ..render.engine import make_engine
from ..speech import tts
from ..speech.visemes import windows
from ..timing import SAMPLE_RATE

TEXT = (
    "The sun had just come up when Mary opened the window. People moved about below, "
    "buying bread, fish and apples, while a small brown dog kept watch over the whole affair. "
)
"""What is said, again and again, for as long as is asked for."""


@dataclass(frozen=True)
class Stand:
    """Where all parts of a benchmark are measured."""

    identity: Identity
    sound: np.ndarray
    """(N,) float32 at 16 kHz."""

    @classmethod
    def of(cls, identity: Identity, seconds: float) -> "Stand":
        """With speech of that length.

        Raises:
            SoundError: if it is shorter than a sound may be, 40 ms.
        """
        if not seconds >= 0.04:
            raise SoundError(f"A clip of {seconds:g} s is too short to measure: take 1 s or more.")
        return cls(identity, speech_of(seconds))

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.sound) / SAMPLE_RATE

    @cached_property
    def avatar(self) -> Avatar:
        """The product, with the engine that it chooses here."""
        return Avatar(self.identity, make_engine(self.identity))

    @cached_property
    def seen(self) -> np.ndarray:
        """(T, window, k) float32: what the network hears for each frame of the sound."""
        config = self.identity.config
        values = config.features.of(self.sound, config.fps)
        found = windows(values, config.network.window, config.features.silence)
        return np.ascontiguousarray(found)

    def drawings(self, count: int) -> np.ndarray:
        """What a video's first frames are drawn from: (count, 512, 512) uint8."""
        clip, style = self.identity.clip(), self.identity.config.style
        return np.stack([clip.drawing(frame, style) for frame in clip.frame_indices(count)])

    def inputs(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Drawings and windows (count, window, k) of a video's first frames."""
        return self.drawings(count), np.resize(self.seen, (count, *self.seen.shape[1:]))


def speech_of(seconds: float) -> np.ndarray:
    """Speech by the embedded voice, exactly that long: (N,) float32 at 16 kHz."""
    wanted = round(seconds * SAMPLE_RATE)
    parts, length = [], 0
    while length < wanted:
        for utterance in tts.speak(TEXT):
            parts.append(utterance.sound)
            length += len(utterance.sound)
    return np.concatenate(parts)[:wanted]
