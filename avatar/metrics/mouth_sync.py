"""How well a mouth fits a sound, by a small network that comes with the package.

No SyncNet and not to be compared with its LSE: this one looks at keypoints, never at pixels, and
was trained by ``avatar.training.mouth_sync`` on one synthetic speaker with one voice. What that is
worth on other people is measured, and stored with the weights:
``python -m avatar.metrics.mouth_sync_accuracy``.
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..capture.face_track import FaceTrack
from ..errors import AvatarError
from ..face.keypoints import LEFT_EYE, NOSE_BASE, RIGHT_EYE
from ..speech.kernels import load_librosa
from ..speech.prosody import frame_levels, silence_gate
from ..timing import SAMPLE_RATE
from .lips import LEAST_MOTION

FPS = Fraction(25)
"""The one frame rate at which mouths are looked at."""
MOST = 15
"""Frames either way in which the offset is looked for."""
WEIGHTS = Path(__file__).with_name("mouth_sync.safetensors")
GENERAL = 0.8
"""Share of shifted one-second pairs that must be told on real people for the score to mean
anything on others than the one it was trained on."""

BANDS, STEPS, HOP, SPAN = 24, 4, 160, 512
"""Mel bands, spectra a frame, samples from one to the next and samples that one sees."""
LOWEST_HZ, HIGHEST_HZ = 80.0, 6500.0
DEPTH_DB, UNIT_DB = 60.0, 15.0
"""What lies further below the loud parts is not heard; what is called 1."""

MOUTH_CHANNELS, SOUND_CHANNELS = 7, BANDS * STEPS
FEWEST = 25
"""Frames without which there is too little to say: a second."""
LEAST_SPEECH = 8
"""Frames in which something must be heard."""
LEAST_CONFIDENCE = 0.15
"""From which on a shift stands out. True pairs of three seconds reach 0.19 to 0.6. So do half of
those whose sound is another's, but of ten seconds only one in twenty."""

_TOP, _BOTTOM = (50, 51, 52), (58, 57, 56)
_INNER_TOP, _INNER_BOTTOM = (61, 62, 63), (67, 66, 65)
_CORNERS, _INNER_CORNERS = (48, 54), (60, 64)


@dataclass(frozen=True)
class MouthSyncScore:
    """How well one mouth fits one sound; all None, with a reason, where nothing can be said."""

    score: float | None = None
    """Mean agreement as they are, in [-1, 1]; about 0 for a mouth that says something else."""
    best: float | None = None
    """The same at the best shift."""
    confidence: float | None = None
    """``best`` less the median over all shifts."""
    offset_frames: int | None = None
    """The best shift, positive where the lips are late; None where none stands out."""
    curve: np.ndarray | None = None
    """(31,) mean agreement where the lips are taken to be -15 to 15 frames late."""
    per_frame: np.ndarray | None = None
    """(T,) agreement of each frame as they are, in [-1, 1]."""
    reason: str = ""
    """One sentence where something is None."""


class MouthSync:
    """Judges mouths by the network that comes with the package, or another one of its kind."""

    def __init__(self, weights: Path = WEIGHTS):
        """Load the network.

        Raises:
            AvatarError: if the weights are missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        from ..nets.mouth_sync import MouthSyncNet

        self.network = MouthSyncNet(SOUND_CHANNELS, MOUTH_CHANNELS)
        try:
            with safe_open(weights, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            self.network.load_state_dict(tensors)
            self.subject = metadata["subject"]
            """Whom it was trained on."""
            self.accuracy: dict[str, dict[str, float]] = json.loads(metadata["accuracy"])
            """How well it tells shifted pairs, by whose they are; see ``mouth_sync_accuracy``."""
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
            raise AvatarError(f"The mouth judge {weights} is missing or damaged.") from error
        self.network.eval().requires_grad_(False)

    @property
    def general(self) -> bool:
        """Whether it was found to work on real people too."""
        return self.accuracy.get("grid", {}).get("one_second", 0) >= GENERAL

    def __call__(self, track: FaceTrack, sound: np.ndarray) -> MouthSyncScore:
        """Score a face's mouth, looked at 25 times a second; see ``score``."""
        frames = round(len(track) * FPS / track.fps)
        return self.score(track.at(FPS, frames).canonical, sound)

    def score(self, canonical: np.ndarray, sound: np.ndarray) -> MouthSyncScore:
        """Score a mouth.

        Args:
            canonical: (T, 68, 3) keypoints with the head's pose taken away, 25 a second, in any
                unit: ``FaceTrack.canonical`` or a capture's ``landmarks3d_canonical``.
            sound: (N,) float32 mono at 16 kHz from the first frame on; cut or filled up to T.
        """
        mouth = mouth_shape(canonical) if len(canonical) else np.empty((0, MOUTH_CHANNELS))
        sound = fit_sound(sound, len(mouth))
        if reason := _nothing_to_say(mouth, sound):
            return MouthSyncScore(reason=reason)
        rows = self.agreements(mouth, sound)
        curve = np.nanmean(rows, axis=1)
        best = int(curve.argmax())
        confidence = float(curve[best] - np.median(curve))
        clear = confidence >= LEAST_CONFIDENCE
        return MouthSyncScore(
            score=float(curve[MOST]), best=float(curve[best]), confidence=confidence,
            offset_frames=best - MOST if clear else None, curve=curve, per_frame=rows[MOST],
            reason="" if clear else "No shift of the sound fits the mouth clearly better.",
        )  # fmt: skip

    def agreements(self, mouth: np.ndarray, sound: np.ndarray) -> np.ndarray:
        """(31, T) agreement of every frame's mouth with the sound at every shift, NaN outside.

        Args:
            mouth: (T, 7), see ``mouth_shape``.
            sound: (T * 640,), see ``fit_sound``.
        """
        import torch

        from ..nets.mouth_sync import agreements

        inputs = normal_sound(sound_bands(sound)), normal_mouth(mouth)
        with torch.inference_mode():
            embedded = self.network(*(torch.from_numpy(values)[None] for values in inputs))
            return agreements(*embedded, MOST)[0].numpy()


def fit_sound(sound: np.ndarray, frames: int) -> np.ndarray:
    """A sound (N,) cut, or filled up with silence, to the length of so many frames."""
    length = int(frames * SAMPLE_RATE / FPS)
    return np.pad(sound[:length], (0, max(length - len(sound), 0))).astype(np.float32)


def mouth_shape(canonical: np.ndarray) -> np.ndarray:
    """What is looked at of a mouth.

    Args:
        canonical: (T, 68, 3), x to the side and z up.

    Returns:
        (T, 7) in inter-ocular distances: opening of the inner lips and of the outer lips, width,
        height of lower lip, upper lip and corners over the nose's base, width of the inner lips.
    """
    unit = np.median(
        np.linalg.norm(canonical[:, LEFT_EYE[3]] - canonical[:, RIGHT_EYE[0]], axis=-1)
    )
    points = canonical[..., [0, 2]] / unit
    top, bottom, inner_top, inner_bottom, corners = (
        points[:, list(part), 1].mean(axis=1)
        for part in (_TOP, _BOTTOM, _INNER_TOP, _INNER_BOTTOM, _CORNERS)
    )
    width, inner_width = (
        points[:, right, 0] - points[:, left, 0] for left, right in (_CORNERS, _INNER_CORNERS)
    )
    nose = points[:, NOSE_BASE, 1]
    columns = (
        inner_top - inner_bottom, top - bottom, width,
        bottom - nose, top - nose, corners - nose, inner_width,
    )  # fmt: skip
    return np.stack(columns, axis=1)


def sound_bands(sound: np.ndarray, warp: float = 1.0) -> np.ndarray:
    """What is heard: (T * 640,) at 16 kHz to (T, 96) dB, four spectra of 24 mel bands a frame.

    Args:
        sound: whole frames of it.
        warp: factor by which all frequencies are taken to be higher, as another head would have
            them.
    """
    librosa = load_librosa()
    power = librosa.feature.melspectrogram(
        y=sound, sr=SAMPLE_RATE * warp, n_fft=SPAN, hop_length=HOP, n_mels=BANDS,
        fmin=LOWEST_HZ, fmax=HIGHEST_HZ,
    )  # fmt: skip
    decibels = librosa.power_to_db(power, amin=1e-12, top_db=None)
    frames = len(sound) // (HOP * STEPS)
    return decibels[:, : frames * STEPS].T.reshape(frames, SOUND_CHANNELS)


def normal_sound(bands: np.ndarray) -> np.ndarray:
    """Take away loudness, microphone and the average voice: (T, 96) dB to (T, 96) float32."""
    spectra = bands.reshape(-1, BANDS)
    loud = np.percentile(spectra.max(axis=1), 95)
    spectra = np.maximum(spectra, loud - DEPTH_DB)
    spectra = (spectra - spectra.mean(axis=0)) / UNIT_DB
    return spectra.reshape(bands.shape).astype(np.float32)


def normal_mouth(mouth: np.ndarray) -> np.ndarray:
    """Take away whose mouth it is and how far it usually opens: (T, 7) to (T, 7) float32."""
    spread = mouth.std(axis=0) + 1e-3
    return ((mouth - np.median(mouth, axis=0)) / spread).clip(-4, 4).astype(np.float32)


def _nothing_to_say(mouth: np.ndarray, sound: np.ndarray) -> str:
    """Why there is nothing to score, or an empty text."""
    if len(mouth) < FEWEST:
        return "The video is shorter than one second."
    if (silence_gate(frame_levels(sound, FPS), FPS) > 0.5).sum() < LEAST_SPEECH:
        return "There is no speech to be heard."
    if mouth[:, 1].std() < LEAST_MOTION:
        return "The mouth hardly moves."
    return ""
