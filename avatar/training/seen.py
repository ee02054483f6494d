"""The drawings that stand for all that a capture shows, chosen for its bundle."""

import numpy as np
from scipy.spatial import cKDTree

from ..capture.layout import Capture
from ..errors import CaptureError
from ..face.pose import middle_pose
from ..face.seen import SeenDrawings
from ..face.space import FaceSpace
from .dataset import train_takes

SHARES = {"head": 100, "eyes": 80, "brows": 60, "gaze": 60, "nose": 40}
"""How many drawings are chosen to cover what each part does."""
OUTERMOST = 260
"""How many are chosen for the corners of the hull of the head, which has most freedom."""
NEIGHBOURS, LONELY, NEAR_PX = 5, 5.0, 1.0
"""A drawing whose fifth neighbour is this many times further off than for nine of ten drawings, and
further than 1 px, is an error of the detector: what faces do lasts for some frames, or happens
again."""


def gather_seen(capture: Capture) -> SeenDrawings:
    """Choose up to 600 drawings of the train takes that reach as far as all of them together.

    The same capture gives the same drawings.

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
    chosen = _outermost(parts["head"][common], OUTERMOST)
    for name, count in SHARES.items():
        chosen |= _furthest(parts[name][common], count)
    frames = common[sorted(chosen)]
    return SeenDrawings(capture.geometry, **{name: a[frames] for name, a in arrays.items()})


def _outermost(points: np.ndarray, count: int) -> set[int]:
    """Indices of the points (N, D) that are furthest out in directions all around the middle."""
    away = points - points.mean(axis=0)
    axes, _, _ = np.linalg.svd(away, full_matrices=False)  # as wide in all directions
    around = np.random.default_rng(0).normal(0, 1, (4 * count, axes.shape[1]))
    corners = [int((axes @ direction).argmax()) for direction in around]
    return set(list(dict.fromkeys(corners))[:count])


def _furthest(points: np.ndarray, count: int) -> set[int]:
    """Farthest-point sampling: indices of ``count`` of the points (N, D), or of all.

    First the one nearest to the middle, then always the one furthest from those chosen before.
    """
    away = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    chosen, nearest = [int(away.argmin())], np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        last = points[chosen[-1]]
        nearest = np.minimum(nearest, ((points - last) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return set(chosen)


def _lonely(points: np.ndarray) -> np.ndarray:
    """(N,) bool: points (N, D) with hardly another near them."""
    distance, _ = cKDTree(points).query(points, k=[min(NEIGHBOURS + 1, len(points))])
    return distance[:, 0] > max(LONELY * float(np.quantile(distance, 0.9)), NEAR_PX)
