"""Training samples: drawing, features, head and mouth picture of every rendered train frame."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..capture.layout import Capture, Take
from ..errors import CaptureError
from ..face.drawing import DrawingStyle, draw
from ..face.keypoints import MOUTH
from ..speech.speech import Speech
from ..speech.visemes import VisemeTrack, viseme_track, windows

log = logging.getLogger(__name__)

HELD_OUT = "test"
"""Takes whose name begins so are never trained on."""


@dataclass(frozen=True)
class Sample:
    """One rendered frame, decoded."""

    take: str
    frame: int
    drawing: np.ndarray
    """(512, 512) uint8."""
    window: np.ndarray
    """(6, 34) float32."""
    head: np.ndarray
    """(512, 512, 3) uint8 RGB."""
    mouth: np.ndarray
    """(512, 512, 3) uint8 RGB, the mouth box magnified."""
    lips: np.ndarray
    """(20, 2) float32 px of the head picture: where the loss looks closest, nothing else."""


def take_track(take: Take) -> VisemeTrack:
    """Speech features of a take, by the best source at hand: exact phones, transcript, sound."""
    phones = take.phones
    if phones is None:
        return Speech.from_sound(take.sound, take.capture.fps, take.transcript).track
    return viseme_track(phones, take.sound, take.capture.fps)


def load_samples(take: Take, style: DrawingStyle, window: int) -> list[Sample]:
    """Decode every rendered frame of a take that has a mouth picture."""
    features = windows(take_track(take).values, window)
    arrays = take.arrays

    def load(frame: int) -> Sample | None:
        try:
            mouth = take.mouth_over_background(frame)
            if mouth is None or frame >= min(len(features), len(arrays["contour"])):
                return None
            head = take.head_over_background(frame)
        except CaptureError as error:
            log.warning("left out: %s", error)
            return None
        drawing = draw(
            arrays["landmarks2d"][frame], arrays["iris2d"][frame], arrays["contour"][frame], style
        )
        lips = arrays["landmarks2d"][frame, list(MOUTH)]
        return Sample(take.name, frame, drawing, features[frame], head, mouth, lips)

    with ThreadPoolExecutor() as pool:
        return [sample for sample in pool.map(load, take.rendered) if sample is not None]


class CaptureDataset(Dataset):
    """All train frames of a capture, held decoded in memory (about 2 MB a frame)."""

    def __init__(self, capture: Capture, style: DrawingStyle, window: int):
        """Decode the capture.

        Raises:
            CaptureError: if no train take has a rendered frame.
        """
        self.samples: list[Sample] = []
        self.box = capture.mouth_box
        for name in capture.take_names:
            if not name.startswith(HELD_OUT):
                self.samples += load_samples(capture.take(name), style, window)
        if not self.samples:
            raise CaptureError(f"The capture {capture.folder} has no rendered train frame.")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """drawing (3, 512, 512) in [0, 1]; window (6, k); head, mouth (3, 512, 512) in [-1, 1];
        head_lips, mouth_lips (1, 512, 512) in [0, 1]: 1 on and around the lips."""
        sample = self.samples[index]
        x, y, w, h = self.box
        size = sample.mouth.shape[1]
        drawing = torch.from_numpy(sample.drawing).float().div(255)
        return {
            "drawing": drawing.expand(3, -1, -1),
            "window": torch.from_numpy(sample.window.copy()),
            "head": _to_tensor(sample.head),
            "mouth": _to_tensor(sample.mouth),
            "head_lips": _lip_mask(sample.lips, sample.head.shape[1]),
            "mouth_lips": _lip_mask((sample.lips - (x, y)) * (size / w, size / h), size),
        }


def _to_tensor(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1).float().div(127.5).sub(1)


def _lip_mask(lips: np.ndarray, size: int) -> Tensor:
    """(1, size, size) float32: 1 inside the lips' outline and near it, falling softly to 0."""
    mask = np.zeros((size, size), np.float32)
    hull = cv2.convexHull(np.round(lips).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0)
    margin = 0.15 * float(np.ptp(lips[:, 0]))
    cv2.polylines(mask, [hull], True, 1.0, thickness=max(round(2 * margin), 1))
    return torch.from_numpy(cv2.blur(mask, (2 * int(margin / 2) + 1,) * 2))[None]
