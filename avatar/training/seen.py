"""The drawings that stand for all that a capture shows, chosen for its bundle."""

import numpy as np
from scipy.spatial import cKDTree

from ..capture.layout import Capture
from ..errors import CaptureError
from ..face.pose import middle_pose
from ..face.seen import FaceSpace, SeenDrawings
from .dataset import train_takes

SHARES = {"head": 300, "eyes": 120, "brows": 80, "gaze": 80, "nose": 20}
"""How many drawings are chosen for each part of the face: the corners of its hull come first."""
NEIGHBOURS, LONELY = 5, 3.0
"""A drawing whose fifth neighbour is this many times further off than for 99 % of them is an error
of the detector: what faces do lasts for some frames, or happens again."""


def gather_seen(capture: Capture) -> SeenDrawings:
    """Choose up to 600 drawings of the train takes that reach as far as all of them together.

    For each part in turn the drawing is taken that is furthest from those chosen before it, first
    the one nearest to the middle; the same capture gives the same drawings.

    Raises:
        CaptureError: if there is no usable frame to train on.
    """
    takes = train_takes(capture)
    usable = np.concatenate([take.usable for take in takes])
    if not usable.any():
        raise CaptureError(f"The capture {capture.folder} has no usable frame to train on.")
    arrays = {
        "keypoints": [take.arrays["landmarks2d"] for take in takes],
        "irises": [take.arrays["iris2d"] for take in takes],
        "pose": [take.pose for take in takes],
        "contour": [take.arrays["contour"] for take in takes],
    }
    arrays = {name: np.concatenate(parts)[usable] for name, parts in arrays.items()}
    space = FaceSpace(capture.geometry, middle_pose(arrays["pose"]))
    canonical = space.canonical(arrays["keypoints"], arrays["irises"], arrays["pose"])
    parts = {"head": space.head(arrays["pose"]), **space.features(canonical)}
    common = np.flatnonzero(~np.any([_lonely(part) for part in parts.values()], axis=0))
    chosen = {
        int(common[index])
        for name, count in SHARES.items()
        for index in _furthest(parts[name][common], count)
    }
    return SeenDrawings(
        capture.geometry, **{name: array[sorted(chosen)] for name, array in arrays.items()}
    )


def _furthest(points: np.ndarray, count: int) -> list[int]:
    """Farthest-point sampling: indices of ``count`` of the points (N, D), or of all."""
    away = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    chosen, nearest = [int(away.argmin())], np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        last = points[chosen[-1]]
        nearest = np.minimum(nearest, ((points - last) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return chosen


def _lonely(points: np.ndarray) -> np.ndarray:
    """(N,) bool: points (N, D) with hardly another near them."""
    distance, _ = cKDTree(points).query(points, k=[min(NEIGHBOURS + 1, len(points))])
    return distance[:, 0] > LONELY * max(float(np.quantile(distance, 0.99)), 1e-3)
