"""Does the mouth obey the sound alone, and the head the drawing alone? In numbers (Fig. 8).

Any mouth of a capture can be posed exactly, so lips are compared with the truth of that very
mouth in that very pose: what is left of a difference is the network's, or the reader's own. The
functions here take keypoints and give figures; ``measure`` makes the pictures and reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .image import Box
from .lips import correlation, lip_distance, opening
from .reader import PointReader

SHIFTS = ((2.5, 1.3), (-3.3, 2.2), (1.4, -2.6), (-1.7, -3.4))
"""Pixels by which a picture is moved to see how well it is read again."""


@dataclass(frozen=True)
class Openings:
    """Inner-lip openings where a closed mouth at rest is right."""

    frames: int
    mean_px: float
    p95_px: float
    """The 95th percentile."""
    rest_px: float
    """Mean true opening of the rest mouth, posed exactly as each frame is."""
    excess_px: float
    """Mean of what is open beyond it; negative: too closed."""
    error_px: float
    """Mean absolute difference from it."""
    error_p95_px: float


@dataclass(frozen=True)
class Change:
    """How much points differ between pictures that should show the same."""

    mean_px: float
    """Mean distance between the points of any two."""
    p95_px: float


@dataclass(frozen=True)
class Lips:
    """How near lips come to the truth."""

    frames: int
    error_px: float
    """Mean distance of the 20 points."""
    opening_error_px: float
    """Mean absolute error of the inner-lip opening."""
    opening_correlation: float | None
    """Pearson correlation of the openings; None where one of them stands still."""


def openings(found: np.ndarray, rest: np.ndarray) -> Openings:
    """Compare openings in silence with those of the rest mouth.

    Args:
        found: (T, 20, 2) px, lips as they are.
        rest: (T, 20, 2) px, the lips of the rest mouth in the same poses.
    """
    is_open, should = opening(found), opening(rest)
    error = np.abs(is_open - should)
    return Openings(
        frames=len(found),
        mean_px=float(is_open.mean()),
        p95_px=float(np.percentile(is_open, 95)),
        rest_px=float(should.mean()),
        excess_px=float((is_open - should).mean()),
        error_px=float(error.mean()),
        error_p95_px=float(np.percentile(error, 95)),
    )


def change(points: np.ndarray) -> Change:
    """How much points change along the second axis, where they should not.

    Args:
        points: (i, j, n, 2) px: i groups, each of j pictures that should agree.
    """
    first, second = np.triu_indices(points.shape[1], 1)
    distance = np.linalg.norm(points[:, first] - points[:, second], axis=-1)  # (i, pairs, n)
    return Change(float(distance.mean()), float(np.percentile(distance.mean(axis=-1), 95)))


def lips_error(found: np.ndarray, truth: np.ndarray) -> Lips:
    """Compare lips (T, 20, 2) px with true ones."""
    a, b = opening(found), opening(truth)
    related = correlation(a, b)
    return Lips(
        frames=len(found),
        error_px=float(lip_distance(found, truth).mean()),
        opening_error_px=float(np.abs(a - b).mean()),
        opening_correlation=None if np.isnan(related) else related,
    )


def repeatability(
    reader: PointReader, pictures: Sequence[np.ndarray], mouth_box: Box
) -> tuple[Change, Change | None]:
    """Read pictures again, moved by a few pixels, and move the points back.

    Args:
        reader: what is asked how well it agrees with itself.
        pictures: (H, W, 3) uint8 RGB each.
        mouth_box: x, y, width, height in px.

    Returns:
        Change of the points, and of the inner-lip opening where lips are read.
    """
    readings = np.stack([
        [reader.read(_moved(picture, shift), mouth_box) - shift for shift in ((0, 0), *SHIFTS)]
        for picture in pictures
    ])  # (pictures, shifts, n, 2)
    if reader.region.name != "lip":
        return change(readings), None
    gaps = np.zeros((*readings.shape[:2], 1, 2), np.float32)
    gaps[..., 0, 0] = opening(readings)
    return change(readings), change(gaps)


def far_apart(distance: np.ndarray, count: int) -> list[int]:
    """Choose items that differ as much as can be: each is the farthest from those before it.

    Args:
        distance: (N, N) between items.
        count: how many to choose, at most N.

    Returns:
        Their indices; the first is the one nearest to all others.
    """
    chosen = [int(distance.mean(axis=1).argmin())]
    while len(chosen) < min(count, len(distance)):
        nearest = distance[:, chosen].min(axis=1)
        nearest[chosen] = -1  # equal items are not the same item
        chosen.append(int(nearest.argmax()))
    return chosen


def _moved(picture: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    matrix = np.array([(1, 0, shift[0]), (0, 1, shift[1])], np.float64)
    size = picture.shape[1::-1]
    return cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
