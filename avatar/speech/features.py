"""What a renderer listens to: viseme tracks, or wav2vec 2.0; both give (T, k) rows, one a frame."""

import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import BundleError
from . import wav2vec
from .phonemes import Phone
from .pretrained import REPO_ID
from .recognize import recognize
from .visemes import NAMES, SILENCE, viseme_track

_REVISION = re.compile(r"\w[\w./-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Visemes:
    """The 34 channels of a viseme track: readable, and open to be edited."""

    kind = "visemes"
    k = len(NAMES)
    silence = SILENCE

    def of(
        self, sound: np.ndarray, fps: Fraction, phones: list[Phone] | None = None
    ) -> np.ndarray:
        """Features of a sound, (T, 34) float32; see ``viseme_track``.

        Args:
            sound: (N,) float32 mono at 16 kHz.
            fps: frames per second.
            phones: what is said when; None to hear it from the sound.
        """
        return viseme_track(recognize(sound) if phones is None else phones, sound, fps).values

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "names": list(NAMES)}


@dataclass(frozen=True)
class Wav2Vec2:
    """The last hidden layer of a wav2vec 2.0 from the Hub (G32)."""

    model: str = "facebook/wav2vec2-base-960h"
    revision: str = "22aad52d435eb6dbaf354bdad9b0da84ce7d6156"
    k: int = 768
    """Its hidden size."""
    kind = "wav2vec2"

    def __post_init__(self):
        if not REPO_ID.fullmatch(str(self.model)) or not _REVISION.fullmatch(str(self.revision)):
            raise ValueError("expected the features' model and revision to be names on the Hub")
        if type(self.k) is not int:
            raise ValueError("expected the features' k to be a whole number")

    @property
    def silence(self) -> np.ndarray:
        """Features of digital silence, (k,) float32; errors as ``of``."""
        return self._checked(wav2vec.silence(self.model, self.revision))

    def of(
        self, sound: np.ndarray, fps: Fraction, phones: list[Phone] | None = None
    ) -> np.ndarray:
        """Features of a sound, (T, k) float32; see ``wav2vec.hidden_states``.

        Args:
            sound: (N,) float32 mono at 16 kHz.
            fps: frames per second.
            phones: not needed.

        Raises:
            SoundError: if the sound is shorter than 40 ms.
            BundleError: if the model cannot be fetched or is another one than k says.
        """
        return self._checked(wav2vec.hidden_states(sound, fps, self.model, self.revision))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind} | asdict(self)

    def _checked(self, values: np.ndarray) -> np.ndarray:
        if values.shape[-1] != self.k:
            raise BundleError(
                f"{self.model} gives {values.shape[-1]} features, but this identity needs {self.k}."
            )
        return values


Features = Visemes | Wav2Vec2


def read_features(values: dict[str, Any]) -> Features:
    """Read what ``to_dict`` wrote.

    Raises:
        ValueError: for an unknown kind, other visemes, or values that cannot be.
    """
    rest = {key: value for key, value in values.items() if key != "kind"}
    if values.get("kind") == Visemes.kind and rest == {"names": list(NAMES)}:
        return Visemes()
    if values.get("kind") == Wav2Vec2.kind and set(rest) == {"model", "revision", "k"}:
        return Wav2Vec2(**rest)
    raise ValueError(f"it names other features than the {len(NAMES)} visemes or wav2vec2")


def blend(values: np.ndarray, silence: np.ndarray, strength: float) -> np.ndarray:
    """Weaken (0 is silence), leave (1) or exaggerate features (T, k)."""
    return (silence + strength * (values - silence)).astype(np.float32)
