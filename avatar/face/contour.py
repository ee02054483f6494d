"""The head-and-shoulder outline, cut near the chin so that it cannot tell the jaw (G13)."""

import numpy as np

from .keypoints import LEFT_EYE, NOSE_BASE, RIGHT_EYE

# The chin zone in units of the distance from the eyes to the nose base, which speech does not move.
ZONE_TOP, ZONE_BOTTOM, ZONE_HALF_WIDTH = 1.0, 3.2, 1.3


def near_chin(points: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """Which points lie in the mouth and chin zone.

    The zone is placed by eyes and nose base alone, so that opening the mouth cannot move it.

    Args:
        points: (M, 2) px.
        keypoints: (68, 2) px.

    Returns:
        (M,) bool.
    """
    eyes = keypoints[list(RIGHT_EYE + LEFT_EYE)].mean(axis=0)
    down = keypoints[NOSE_BASE] - eyes
    length = max(float(np.hypot(*down)), 1e-6)
    down = down / length
    offset = (points - eyes) / length
    along = offset @ down
    across = offset @ np.array([-down[1], down[0]])
    return (along > ZONE_TOP) & (along < ZONE_BOTTOM) & (np.abs(across) < ZONE_HALF_WIDTH)


def cut(contour: np.ndarray, keypoints: np.ndarray) -> list[np.ndarray]:
    """Split the contour (M, 2) px into its stretches outside the chin zone, two points or more."""
    inside = near_chin(contour, keypoints)
    stretches = np.split(np.arange(len(contour)), np.flatnonzero(np.diff(inside)) + 1)
    return [contour[s] for s in stretches if len(s) > 1 and not inside[s[0]]]
