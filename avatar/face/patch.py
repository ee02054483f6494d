"""The mouth of one picture on the head of another picture of the same person, cut and pasted.

No network: a similarity brings the mouth over as the steady parts of the two faces tell, and the
border is feathered. It makes frozen mouths for controls, and the cut-and-paste baseline.
"""

import cv2
import numpy as np

from .keypoints import JAW, LEFT_EYE, MOUTH, NOSE, NOSE_BASE, RIGHT_EYE

STEADY = list(NOSE + RIGHT_EYE[::3] + LEFT_EYE[::3] + JAW[:2] + JAW[-2:])
"""Keypoints that speech does not move: nose, corners of the eyes, ears."""
FEATHER = 0.12
"""Share of the patch's width over which it fades in."""


def paste_mouth(
    frame: np.ndarray,
    keypoints: np.ndarray,
    other: np.ndarray,
    other_keypoints: np.ndarray,
) -> np.ndarray:
    """Give a face the mouth, chin and lower cheeks of another picture of it.

    Args:
        frame: (H, W, 3) uint8, whose head it is.
        keypoints: (68, 2) px of ``frame``.
        other: (h, w, 3) uint8, whose mouth it is.
        other_keypoints: (68, 2) px of ``other``.

    Returns:
        (H, W, 3) uint8, a new array.
    """
    moved = _similarity(other_keypoints[STEADY], keypoints[STEADY])
    mask = _mask(frame.shape[:2], _region(keypoints), _region(_turned(other_keypoints, moved)))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return frame.copy()
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    moved[:, 2] -= columns[0], rows[0]
    size = (columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])
    patch = cv2.warpAffine(
        other, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    result, weight = frame.copy(), mask[part][..., None]
    result[part] = np.float32(patch) * weight + np.float32(frame[part]) * (1 - weight) + 0.5
    return result


def _similarity(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """(2, 3): turn, scale and shift that bring points (n, 2) nearest to others."""
    centre, goal = points.mean(axis=0), to.mean(axis=0)
    a, b = (points - centre) @ (1, -1j), (to - goal) @ (1, -1j)  # y counts down
    factor = np.vdot(a, b) / np.vdot(a, a)
    turn = np.array([(factor.real, factor.imag), (-factor.imag, factor.real)])
    return np.column_stack([turn, goal - turn @ centre])


def _turned(points: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    return points @ similarity[:, :2].T + similarity[:, 2]


def _region(keypoints: np.ndarray) -> np.ndarray:
    """(n, 2) px around mouth and chin: from under the nose to the jaw line."""
    nose, mouth = keypoints[NOSE_BASE], keypoints[list(MOUTH)]
    centre = mouth.mean(axis=0)
    corners = nose + 0.35 * (centre - nose) + 1.35 * (mouth[[0, 6]] - centre)
    jaw = keypoints[list(JAW[4:13])]
    return np.concatenate([corners[:1], jaw, corners[1:]])


def _mask(shape: tuple[int, int], *regions: np.ndarray) -> np.ndarray:
    """(H, W) float32: 1 inside all regions' hull, falling to 0 at its border."""
    inside = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.concatenate(regions).astype(np.float32))
    cv2.fillConvexPoly(inside, np.round(hull).astype(np.int32), 255)
    width = float(np.ptp(hull[:, 0, 0]))
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / max(FEATHER * width, 1)
    depth = np.clip(depth, 0, 1)
    return depth * depth * (3 - 2 * depth)
