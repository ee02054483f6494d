"""Keypoint mashing: the mouth of one frame on the head of another (paper, items 49-54).

A mouth found in the pixels of frame i is taken back to the frame of the head, posed like the head
of frame j and projected again. Pictures have lost the depth, so it is taken from the identity's
rest face in the pose of frame i; the perspective divide is undone with the same depth.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ClipError
from .keypoints import COUNT, JAW, MOUTH
from .pose import pose_distance, posed_points, project
from .pose import unproject as unproject_at

MASHED = JAW + MOUTH
"""What follows the mouth: lips, jaw and chin; everything else stays with the head (G13)."""


@dataclass(frozen=True, eq=False)
class FaceGeometry:
    """One person's face at rest, and the camera that sees it."""

    canonical: np.ndarray
    """(68, 3) float32 metres: the silent face in the head's own frame."""
    camera: np.ndarray
    """(3, 3) float32 intrinsics: pixels, or pixels a metre where it is orthographic."""
    perspective: bool = True
    """Whether the camera is a pinhole; False: orthographic."""

    def __post_init__(self):
        for name, shape in (("canonical", (COUNT, 3)), ("camera", (3, 3))):
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} should be {shape} finite numbers, not {array.shape}")
        if abs(np.linalg.det(self.camera[:2, :2])) < 1e-6:
            raise ValueError("camera has no focal length")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the face to a hundredth of a millimetre."""
        return {
            "canonical": [[round(float(v), 5) for v in point] for point in self.canonical],
            "camera": self.camera.tolist(),
            "perspective": self.perspective,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FaceGeometry":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: for unknown or missing keys, or anything but numbers of the right shapes.
        """
        if set(values) != {"canonical", "camera", "perspective"}:
            raise ValueError("geometry should have canonical, camera and perspective")
        if type(values["perspective"]) is not bool:
            raise ValueError("geometry perspective should be true or false")
        try:
            arrays = [np.asarray(values[key], np.float32) for key in ("canonical", "camera")]
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError("geometry should hold numbers") from error
        return cls(*arrays, values["perspective"])


@dataclass(frozen=True)
class Mash:
    """The head of one frame with the mouth of another."""

    keypoints: np.ndarray
    """(68, 2) float32 px."""
    distance: float
    """Degrees between the two heads: the mash is the less exact the larger it is."""


def unproject(keypoints: np.ndarray, pose: np.ndarray, geometry: FaceGeometry) -> np.ndarray:
    """Canonical points of keypoints found in a picture (Eq. 2), at the depth of the rest face.

    Args:
        keypoints: (..., 68, 2) px.
        pose: (..., 4, 4) canonical -> camera.
        geometry: whose face it is.

    Returns:
        (..., 68, 3) float64 metres.

    Raises:
        ValueError: if a pose cannot be undone.
    """
    keypoints, pose, camera = map(np.float64, (keypoints, pose, geometry.camera))
    depth = posed_points(geometry.canonical, pose)[..., 2]
    return unproject_at(keypoints, depth, pose, camera, geometry.perspective)


def mash(
    keypoints_i: np.ndarray,
    pose_i: np.ndarray,
    keypoints_j: np.ndarray,
    pose_j: np.ndarray,
    geometry: FaceGeometry,
    *,
    strength: float = 1.0,
    max_distance: float = 180.0,
) -> Mash:
    """Lips and jaw of frame i in the pose of frame j, everything else of frame j.

    Args:
        keypoints_i: (68, 2) px of the frame that gives the mouth.
        pose_i: (4, 4) canonical -> camera of its head.
        keypoints_j: (68, 2) px of the frame that gives the head.
        pose_j: (4, 4) of its head.
        geometry: whose face it is.
        strength: how far the mouth is from rest: 0 at rest, 1 as found, up to 2 exaggerated.
        max_distance: degrees that the heads may be apart.

    Returns:
        The mashed keypoints and the distance of the heads.

    Raises:
        ClipError: if the heads are too far apart, or a pose is none.
    """
    pose_i, pose_j = np.float64(pose_i), np.float64(pose_j)
    distance = float(pose_distance(pose_i, pose_j))
    if distance > max_distance:
        raise ClipError(
            f"The two heads are {distance:.1f} degrees apart, more than the {max_distance:g} "
            "allowed: choose frames whose heads are turned alike."
        )
    try:
        with np.errstate(all="ignore"):
            found = unproject(keypoints_i, pose_i, geometry)
            found = geometry.canonical + strength * (found - geometry.canonical)
            moved = project(found, pose_j, geometry.camera, geometry.perspective)
    except ValueError as error:
        raise ClipError("A head pose of these frames is none: it cannot be undone.") from error
    result = np.array(keypoints_j, np.float32)
    result[list(MASHED)] = moved[list(MASHED)]
    if not np.isfinite(result).all():
        raise ClipError("A head pose of these frames puts the face into the camera.")
    return Mash(result, distance)
