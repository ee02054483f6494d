"""Lips read from pixels: how far apart, how far from the truth, and how late.

The reader that finds the 20 mouth points is trained by ``avatar.training.keypoint_reader`` on one
person, named in its metadata. ``lip_reader.safetensors`` beside this file was trained for 2,500
steps (21 minutes of a shared core) on Mira's train takes but train_13, train_14 and train_listen_2.
On those it errs by 0.51 px a point and 0.39 px in the opening (98 pictures), on test_a by 0.53 and
0.43 px (100), the same when they are blurred. On anybody else its figures may mean little: look at
its error on the very frames, which stands beside them.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..errors import AvatarError
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP, LEFT_EYE, MOUTH, RIGHT_EYE
from .image import Box, crop

WEIGHTS = Path(__file__).with_name("lip_reader.safetensors")
MAX_LAG = 10
"""Frames either way in which the offset is looked for."""
LEAST_PAIRS = 8
"""A correlation over fewer frames says nothing."""


@dataclass(frozen=True)
class ReaderError:
    """How well the reader found points that are known."""

    points_px: float
    """Mean distance over the 20 points."""
    opening_px: float
    """Mean absolute error of the inner-lip opening."""
    opening_correlation: float
    """Pearson correlation of the openings; NaN where the truth does not move."""
    frames: int


def opening(points: np.ndarray) -> np.ndarray:
    """Inner-lip opening: mouth points (..., 20, 2) px to distances (...,) px between 62 and 66."""
    first = MOUTH[0]
    gap = points[..., INNER_LIP_TOP - first, :] - points[..., INNER_LIP_BOTTOM - first, :]
    return np.linalg.norm(gap, axis=-1)


def lip_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance between two sets of mouth points, (..., 20, 2) px each, to (...,) px."""
    return np.linalg.norm(a - b, axis=-1).mean(axis=-1)


def interocular(keypoints: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners 36 and 45: (..., 68, 2) px to (...,) px."""
    corners = keypoints[..., RIGHT_EYE[0], :] - keypoints[..., LEFT_EYE[3], :]
    return np.linalg.norm(corners, axis=-1)


def reader_error(found: np.ndarray, truth: np.ndarray) -> ReaderError:
    """Compare read with exact points, (T, 20, 2) px each."""
    a, b = opening(found), opening(truth)
    return ReaderError(
        points_px=float(lip_distance(found, truth).mean()),
        opening_px=float(np.abs(a - b).mean()),
        opening_correlation=correlation(a, b),
        frames=len(found),
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation over the frames that both have; NaN if too few, or one stands still."""
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both].astype(np.float64), b[both].astype(np.float64)
    if len(a) < 2 or a.std() < 1e-6 or b.std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def offset_frames(rendered: np.ndarray, true: np.ndarray, max_lag: int = MAX_LAG) -> int | None:
    """How many frames the rendered lips are late (positive) or early (negative).

    Args:
        rendered: (T,) openings in px, frame by frame.
        true: (T,) openings in px; NaN where there is no true frame.
        max_lag: frames either way.

    Returns:
        The lag of the highest correlation, the smallest one of equals; None if no lag has enough
        frames in common or nothing moves.
    """
    best, best_score = None, -np.inf
    for lag in sorted(range(-max_lag, max_lag + 1), key=abs):
        a, b = _pairs(rendered, true, lag)
        if np.count_nonzero(np.isfinite(a) & np.isfinite(b)) < LEAST_PAIRS:
            continue
        score = correlation(a, b)
        if score > best_score + 1e-9:
            best, best_score = lag, score
    return best


def _pairs(rendered: np.ndarray, true: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """What is rendered at t + lag beside what is true at t."""
    length = min(len(rendered), len(true))
    first, last = max(0, -lag), min(length, length - lag)
    if first >= last:
        return np.empty(0), np.empty(0)
    return rendered[first + lag : last + lag], true[first:last]


class LipReader:
    """Finds the 20 mouth points in a frame."""

    def __init__(self, weights: Path = WEIGHTS):
        """Load the network.

        Raises:
            AvatarError: if the weights are missing or damaged.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        from ..nets.keypoint_reader import KeypointReader

        self.network = KeypointReader()
        try:
            with safe_open(weights, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            self.network.load_state_dict(tensors)
            self.errors = {
                label: ReaderError(**values)
                for label, values in json.loads(metadata["errors"]).items()
            }
            """Its error on takes that it was not trained on."""
            self.subject = metadata["subject"]
            """Whose mouth it was trained on."""
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise AvatarError(f"The lip reader {weights} is missing or damaged.") from error
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def read(self, frame: np.ndarray, box: Box) -> np.ndarray:
        """Find the mouth points.

        Args:
            frame: (H, W, 3) uint8 RGB.
            box: x, y, width, height of the mouth box in px.

        Returns:
            (20, 2) float32 px on the frame, origin at its corner, pixel centres at .5.
        """
        import torch

        from ..nets.keypoint_reader import SIZE

        x, y, w, h = box
        picture = np.ascontiguousarray(crop(frame, box))
        if (w, h) != (SIZE, SIZE):
            picture = cv2.resize(picture, (SIZE, SIZE))
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
        with torch.inference_mode():
            points = self.network(pixels.float().div(127.5).sub(1))[0].numpy()
        return (points * (w / SIZE, h / SIZE) + (x, y)).astype(np.float32)


@lru_cache(maxsize=1)
def lip_reader() -> LipReader:
    """The reader that comes with the package."""
    return LipReader()
