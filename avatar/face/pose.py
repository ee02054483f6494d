"""Head pose: canonical points to pixels, and motion made smaller (paper, Eq. 1)."""

import cv2
import numpy as np


def project(points: np.ndarray, pose: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pose canonical points and look at them through a pinhole camera.

    Args:
        points: (T, n, 3) metres, in the head's own frame.
        pose: (T, 4, 4) canonical -> camera (x right, y down, z forward).
        camera: (3, 3) intrinsics in pixels.

    Returns:
        (T, n, 2) px.
    """
    posed = points @ pose[:, :3, :3].transpose(0, 2, 1) + pose[:, None, :3, 3]
    pixels = posed @ camera.T
    return pixels[..., :2] / pixels[..., 2:]


def damp(pose: np.ndarray, amount: float) -> np.ndarray:
    """Keep a share of the motion around the middle pose.

    Args:
        pose: (T, 4, 4) rigid.
        amount: 0 holds the middle pose, 1 changes nothing.

    Returns:
        (T, 4, 4) of the same type.
    """
    # The middle rotation is the rotation nearest to the mean matrix.
    u, _, vt = np.linalg.svd(pose[:, :3, :3].mean(axis=0))
    middle = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    centre = pose[:, :3, 3].mean(axis=0)
    result = pose.copy()
    for frame in result:
        turn, _ = cv2.Rodrigues(middle.T @ frame[:3, :3].astype(np.float64))
        frame[:3, :3] = middle @ cv2.Rodrigues(amount * turn)[0]
        frame[:3, 3] = centre + amount * (frame[:3, 3] - centre)
    return result
