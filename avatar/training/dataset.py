"""Training samples: what a frame looks like, what is said in it, and how it is drawn."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
import numpy as np
import torch
from torch import Tensor

from ..capture.layout import Capture, Take
from ..errors import CaptureError, TextError
from ..face.drawing import DrawingStyle, draw, draw_mouth_box, draw_with_mouth
from ..face.keypoints import MOUTH
from ..speech.features import Features, Visemes
from ..speech.speech import Speech
from ..speech.visemes import windows

log = logging.getLogger(__name__)

VISEMES = Visemes()
KEPT = 200
"""Frames that stay decoded, 1.6 MB each: a short film whole, of a long one what was seen last."""
Box = tuple[int, int, int, int]
Pictures = tuple[np.ndarray, np.ndarray]
"""Head and magnified mouth box, each (512, 512, 3) uint8 RGB."""


@dataclass(frozen=True)
class Sample:
    """One frame, rendered or synthetic."""

    take: str
    frame: int
    keypoints: np.ndarray
    """(68, 2) float32 px of the head picture."""
    irises: np.ndarray
    """(2, 2) float32 px."""
    contour: np.ndarray
    """(M, 2) float32 px."""
    window: np.ndarray
    """(frames, k) float32 speech features."""
    pictures: Callable[[], Pictures]
    """Decodes the frame: thousands of them do not fit in memory."""


def train_takes(capture: Capture) -> list[Take]:
    """The takes that may be trained on.

    Raises:
        CaptureError: if there is none.
    """
    takes = [take for take in capture.takes if not take.held_out]
    if not takes:
        raise CaptureError(f"The capture {capture.folder} has no take to train on.")
    return takes


@lru_cache(maxsize=256)
def take_features(take: Take, features: Features = VISEMES) -> np.ndarray:
    """What is said in a take, (T, k) float32; visemes come from the best source at hand: exact
    phones, transcript, sound."""
    phones = take.phones
    if phones is None and features == VISEMES and take.transcript:
        try:
            return Speech.from_sound(take.sound, take.capture.fps, take.transcript).track.values
        except TextError as error:
            log.warning("%s: %s Listening to its sound alone.", take.name, error)
    return features.of(take.sound, take.capture.fps, phones)


def load_samples(take: Take, window: int, features: Features = VISEMES) -> list[Sample]:
    """Every rendered frame of a take that has a mouth picture, too."""
    said = windows(take_features(take, features), window, features.silence)
    arrays, magnified, length = take.arrays, take.magnified, min(len(said), len(take.pose))
    return [
        Sample(
            take.name, frame, arrays["landmarks2d"][frame], arrays["iris2d"][frame],
            arrays["contour"][frame], said[frame], partial(true_pictures, take, frame),
        )
        for frame in take.rendered
        if frame < length and frame in magnified
    ]  # fmt: skip


@lru_cache(maxsize=KEPT)
def true_pictures(take: Take, frame: int) -> Pictures:
    """Decode a rendered frame.

    Raises:
        CaptureError: if a picture is missing or damaged.
    """
    mouth = take.mouth_over_background(frame)
    if mouth is None:
        raise CaptureError(f"Frame {frame} of {take.name} has no mouth picture.")
    return take.head_over_background(frame), mouth


def load_capture(capture: Capture, window: int, features: Features = VISEMES) -> list[Sample]:
    """All rendered train frames; each is decoded when it is asked for.

    Raises:
        CaptureError: if no train take has such a frame.
    """
    samples = [s for take in train_takes(capture) for s in load_samples(take, window, features)]
    if not samples:
        raise CaptureError(
            f"The capture {capture.folder} has no rendered train frame with a mouth picture."
        )
    return samples


def to_show(samples: Sequence[Sample], count: int = 4) -> list[Sample]:
    """Samples from first to last whose pictures can be decoded, ``count`` at most.

    Raises:
        CaptureError: if none can.
    """
    whole: list[Sample] = []
    for index in np.linspace(0, len(samples) - 1, count).astype(int):
        try:
            samples[index].pictures()
        except CaptureError as error:
            problem = error
        else:
            whole.append(samples[index])
    if not whole:
        raise problem
    return whole


def renderer_item(sample: Sample, box: Box, style: DrawingStyle) -> dict[str, Tensor]:
    """drawing (1, 512, 512) uint8; window (frames, k); and what ``pictures_item`` gives."""
    drawing = draw(sample.keypoints, sample.irises, sample.contour, style)
    return {
        "drawing": torch.from_numpy(drawing)[None],
        "window": torch.from_numpy(sample.window.copy()),
    } | pictures_item(sample, box)


def oracle_drawings(sample: Sample, box: Box, style: DrawingStyle) -> dict[str, Tensor]:
    """drawing, mouth_drawing (1, 512, 512) uint8."""
    parts = (sample.keypoints, sample.irises, sample.contour)
    return {
        "drawing": torch.from_numpy(draw_with_mouth(*parts, style))[None],
        "mouth_drawing": torch.from_numpy(draw_mouth_box(*parts, box, style))[None],
    }


def pictures_item(sample: Sample, box: Box) -> dict[str, Tensor]:
    """head, mouth (3, 512, 512) uint8; head_lips, mouth_lips (1, 512, 512) uint8: 255 on and
    around the lips, where the loss looks closest."""
    x, y, w, h = box
    head, mouth = sample.pictures()
    lips, size = sample.keypoints[list(MOUTH)], mouth.shape[1]
    magnified = (lips - (x, y)) * (size / w, size / h)
    return {
        "head": torch.from_numpy(head).permute(2, 0, 1),
        "mouth": torch.from_numpy(mouth).permute(2, 0, 1),
        "head_lips": _lip_mask(lips, head.shape[1]),
        "mouth_lips": _lip_mask(magnified, size),
    }


def collate(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Stack items to a batch."""
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def grid(columns: Sequence[Sequence[Tensor]]) -> np.ndarray:
    """Pictures (3, H, W) in [-1, 1], column by column, as one uint8 RGB picture of half size."""
    whole = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    picture = whole.float().cpu().add(1).mul(127.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _lip_mask(lips: np.ndarray, size: int) -> Tensor:
    """(1, size, size) uint8: 255 inside the lips' outline and near it, falling softly to 0."""
    mask = np.zeros((size, size), np.uint8)
    hull = cv2.convexHull(np.round(lips).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255)
    margin = 0.15 * float(np.ptp(lips[:, 0]))
    cv2.polylines(mask, [hull], True, 255, thickness=max(round(2 * margin), 1))
    return torch.from_numpy(cv2.blur(mask, (2 * int(margin / 2) + 1,) * 2))[None]
