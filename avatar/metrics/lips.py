"""Mouth points in numbers: how open, how far from the truth, and how late."""

import numpy as np

from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP, LEFT_EYE, MOUTH, RIGHT_EYE

MAX_LAG = 10
"""Frames either way in which the offset is looked for."""
LEAST_PAIRS = 8
"""A correlation over fewer frames says nothing."""


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
