"""Head pose: canonical points to pixels and back (paper, Eq. 1 and 2), distance, damping."""

import numpy as np
from scipy.spatial.transform import Rotation


def project(
    points: np.ndarray, pose: np.ndarray, camera: np.ndarray, perspective: bool = True
) -> np.ndarray:
    """Pose canonical points and look at them: K = proj(P K^f) (paper, Eq. 1).

    Args:
        points: (..., n, 3) metres, in the head's own frame.
        pose: (..., 4, 4) canonical -> camera (x right, y down, z forward).
        camera: (3, 3) intrinsics: pixels, or pixels a metre where it is orthographic.
        perspective: a pinhole camera; otherwise an orthographic one, which does not divide by
            the depth.

    Returns:
        (..., n, 2) px.
    """
    posed = posed_points(points, pose)
    depth = posed[..., 2:] if perspective else 1
    return posed[..., :2] / depth @ camera[:2, :2].T + camera[:2, 2]


def unproject(
    keypoints: np.ndarray,
    depth: np.ndarray,
    pose: np.ndarray,
    camera: np.ndarray,
    perspective: bool = True,
) -> np.ndarray:
    """Canonical points that a camera sees at ``keypoints``: K^f = P^-1 proj^-1(K) (paper, Eq. 2).

    Args:
        keypoints: (..., n, 2) px.
        depth: (..., n) metres from the camera, which the picture has lost.
        pose: (..., 4, 4) canonical -> camera.
        camera: (3, 3) intrinsics, as in ``project``.
        perspective: as in ``project``.

    Returns:
        (..., n, 3) metres: ``project`` takes them back to ``keypoints``.

    Raises:
        ValueError: if the camera or a pose cannot be undone.
    """
    depth = depth[..., None]
    try:
        across = (keypoints - camera[:2, 2]) @ np.linalg.inv(camera[:2, :2]).T
        seen = np.concatenate([across * depth if perspective else across, depth], axis=-1)
        return posed_points(seen, np.linalg.inv(pose))
    except np.linalg.LinAlgError as error:
        raise ValueError("expected a camera and poses that can be undone") from error


def posed_points(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Points (..., n, 3) moved by the poses (..., 4, 4)."""
    return points @ np.swapaxes(pose[..., :3, :3], -1, -2) + pose[..., None, :3, 3]


def pose_distance(pose_a: np.ndarray, pose_b: np.ndarray) -> np.ndarray:
    """Angle between heads in degrees: (...) for poses (..., 4, 4), whatever their place."""
    # Two rotations differ by 2 sqrt(2) sin(angle / 2) in the Frobenius norm; unlike the trace of
    # their quotient, that is exact for small angles.
    chord = np.linalg.norm(pose_a[..., :3, :3] - pose_b[..., :3, :3], axis=(-2, -1))
    return np.degrees(2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1)))


def middle_pose(pose: np.ndarray) -> np.ndarray:
    """The middle of poses (T, 4, 4): the rotation nearest to their mean, and the mean place."""
    middle = np.eye(4)
    u, _, vt = np.linalg.svd(pose[:, :3, :3].mean(axis=0, dtype=np.float64))
    middle[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    middle[:3, 3] = pose[:, :3, 3].mean(axis=0, dtype=np.float64)
    return middle


def to_motion(pose: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """How poses (T, 4, 4) differ from a middle one (4, 4): (T, 6), turn in radians and metres.

    Raises:
        ValueError: if a pose holds no rotation.
    """
    turns = middle[:3, :3].T @ np.float64(pose[:, :3, :3])
    if (np.linalg.det(turns) <= 0).any():
        raise ValueError("expected poses that hold rotations")
    turns = Rotation.from_matrix(turns).as_rotvec()
    return np.concatenate([turns, pose[:, :3, 3] - middle[:3, 3]], axis=1)


def from_motion(motion: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """The poses (T, 4, 4) float64 that ``to_motion`` gave ``motion`` (T, 6) for."""
    pose = np.tile(np.eye(4), (len(motion), 1, 1))
    pose[:, :3, :3] = middle[:3, :3] @ Rotation.from_rotvec(motion[:, :3]).as_matrix()
    pose[:, :3, 3] = middle[:3, 3] + motion[:, 3:]
    return pose


def damp(pose: np.ndarray, amount: float) -> np.ndarray:
    """Keep a share of the motion around the middle pose.

    Args:
        pose: (T, 4, 4) rigid.
        amount: 0 holds the middle pose, 1 changes nothing, more enlarges the motion.

    Returns:
        (T, 4, 4) of the same type.
    """
    middle = middle_pose(pose)
    return from_motion(amount * to_motion(pose, middle), middle).astype(pose.dtype)
