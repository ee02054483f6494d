"""Drawings taken apart, so that their parts can be compared and averaged in px, and back."""

import numpy as np

from .keypoints import BROWS, COUNT, EYES, LEFT_EYE, NOSE, RIGHT_EYE
from .mashing import FaceGeometry
from .pose import from_motion, posed_points, project, to_motion, unproject

FEATURES: dict[str, tuple[int, ...]] = {
    "brows": BROWS, "nose": NOSE, "eyes": EYES, "gaze": (COUNT, COUNT + 1),
}  # fmt: skip
"""Parts of the face that move by themselves; irises are counted behind the keypoints."""


class FaceSpace:
    """Drawings in parts that can be compared and averaged, in px, and back."""

    def __init__(self, geometry: FaceGeometry, middle: np.ndarray):
        """Take a rest face, its camera and the middle (4, 4) of the poses it is seen in."""
        self.geometry, self.middle = geometry, middle
        rest = np.float64(geometry.canonical)
        irises = [rest[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
        self._rest = np.concatenate([rest, irises])  # (70, 3)
        self._camera = np.float64(geometry.camera), geometry.perspective
        right, left = self.seen(np.stack(irises)[None], middle[None])[0]
        apart = np.linalg.norm(irises[1] - irises[0])
        self.scale = float(np.linalg.norm(left - right) / apart)
        """Px of the canvas a metre of the face."""
        self._metric = self._head_metric()

    def canonical(self, keypoints: np.ndarray, irises: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(T, 68, 2) and (T, 2, 2) px in poses (T, 4, 4): (T, 70, 3) metres in the head's frame."""
        points, pose = np.concatenate([keypoints, irises], axis=1), np.float64(pose)
        depth = posed_points(self._rest, pose)[..., 2]
        return unproject(points, depth, pose, *self._camera)

    def seen(self, canonical: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """Points (T, n, 3) of the head's frame in poses (T, 4, 4): (T, n, 2) px."""
        return project(canonical, pose, *self._camera)

    def head(self, pose: np.ndarray) -> np.ndarray:
        """Poses (T, 4, 4): (T, 6); a distance of 1 moves the face by 1 px (root mean square)."""
        return to_motion(pose, self.middle) @ self._metric

    def pose(self, head: np.ndarray) -> np.ndarray:
        """What ``head`` undoes: (T, 6) to (T, 4, 4)."""
        return from_motion(head @ np.linalg.inv(self._metric), self.middle)

    def features(self, canonical: np.ndarray) -> dict[str, np.ndarray]:
        """Parts (T, D) of ``canonical`` (T, 70, 3): 1 is 1 px at each point (root mean square)."""
        return {
            name: canonical[:, list(points)].reshape(len(canonical), -1)
            * (self.scale / np.sqrt(len(points)))
            for name, points in FEATURES.items()
        }

    def _head_metric(self) -> np.ndarray:
        """(6, 6): its square says how far motion moves the projected face, in square px."""
        step = 1e-4  # radians or metres
        poses = (from_motion(sign * step * np.eye(6), self.middle) for sign in (1, -1))
        ahead, behind = (self.seen(self._rest[None, :COUNT], pose) for pose in poses)
        moved = ((ahead - behind) / (2 * step)).reshape(6, -1)
        lengths, axes = np.linalg.eigh(moved @ moved.T / COUNT)
        return (axes * np.sqrt(np.maximum(lengths, 1e-9))) @ axes.T
