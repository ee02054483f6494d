"""Putting a rendered lower face back into the film that its head comes from.

Only what speech moves is replaced: cheeks, mouth, jaw and a part of the neck, so that a chin has
somewhere to go. The border is feathered inside the face, and the picture takes on the film's
colours: what film and picture differ by along the border is spread over the face.
"""

import cv2
import numpy as np

from ..face.drawing import SIZE
from ..face.keypoints import JAW, LEFT_EYE, MOUTH, NOSE_BASE, RIGHT_EYE
from .crop import Crop

INWARD = 0.07
"""Share of the face's width by which the border runs inside the jaw line."""
BELOW = 0.22
"""Share of the way from nose to chin by which the border runs below the chin."""
FEATHER = 0.10
"""Share of the face's width over which the picture fades in."""
COARSE = 8
"""Colours are matched on a canvas this many times smaller."""
SPREAD = 0.18
"""Standard deviation of that, as a share of the face's width."""
SETTLE = 0.25
"""Share of a new frame's colour match in the one in use: it must not flicker."""


def face_mask(keypoints: np.ndarray) -> np.ndarray:
    """Where the rendered picture is shown, (512, 512) float32 in 0..1.

    Args:
        keypoints: (68, 2) px of the canvas.
    """
    width = float(np.ptp(keypoints[list(JAW), 0]))
    middle = keypoints[NOSE_BASE]
    jaw = keypoints[list(JAW[1:16])].astype(np.float32)
    jaw[:, 0] += np.sign(middle[0] - jaw[:, 0]) * np.minimum(
        INWARD * width, np.abs(middle[0] - jaw[:, 0])
    )
    chin = keypoints[JAW[8]] - middle
    lowered = np.clip((jaw[:, 1] - middle[1]) / max(float(chin[1]), 1), 0, 1)[:, None]
    jaw = jaw + BELOW * lowered * chin
    under = [_under_eye(keypoints, eye, 0.35) for eye in (LEFT_EYE, RIGHT_EYE)]
    border = np.concatenate([jaw, under[:1], keypoints[28:29], under[1:]])
    inside = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(inside, [np.round(border).astype(np.int32)], 255)
    inside[[0, -1]] = inside[:, [0, -1]] = 0  # what leaves the canvas fades out before its edge
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / max(FEATHER * width, 1)
    depth = np.clip(cv2.GaussianBlur(depth, (0, 0), 2), 0, 1)
    return depth * depth * (3 - 2 * depth)


class Paster:
    """Puts rendered pictures into the frames of one film, one after the other."""

    def __init__(self, crop: Crop):
        self.crop = crop
        self._match: np.ndarray | None = None

    def __call__(
        self, frame: np.ndarray, picture: np.ndarray, keypoints: np.ndarray, share: float = 1.0
    ) -> np.ndarray:
        """One frame with another lower face.

        Args:
            frame: (H, W, 3) uint8 RGB of the film.
            picture: (512, 512, 3) uint8 RGB, rendered.
            keypoints: (68, 2) px of the canvas, as the film has them.
            share: 0 leaves the frame as it is, 1 shows the whole picture.

        Returns:
            (H, W, 3) uint8 RGB, a new array.
        """
        mask = face_mask(keypoints)
        match = self._matched(frame, picture, keypoints, mask)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return frame.copy()
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        x0, y0 = (round(v * self.crop.scale) for v in (left, top))
        x1, y1 = (round(v * self.crop.scale) for v in (right, bottom))
        size = (x1 - x0, y1 - y0)
        part = np.s_[top:bottom, left:right]
        matched = picture[part].astype(np.float32) + match[part]
        new = cv2.resize(matched, size, interpolation=cv2.INTER_CUBIC)
        weight = share * cv2.resize(mask[part], size)[..., None]
        result = frame.copy()
        x, y = self.crop.x + x0, self.crop.y + y0
        old = result[y : y + size[1], x : x + size[0]]
        mixed = new[: old.shape[0], : old.shape[1]] * weight[: old.shape[0], : old.shape[1]]
        mixed += old * (1 - weight[: old.shape[0], : old.shape[1]])
        old[:] = np.clip(mixed + 0.5, 0, 255)
        return result

    def _matched(
        self, frame: np.ndarray, picture: np.ndarray, keypoints: np.ndarray, mask: np.ndarray
    ) -> np.ndarray:
        """What to add to the picture, (512, 512, 3) float32."""
        small = SIZE // COARSE
        crop = self.crop
        seen = frame[crop.y : crop.y + crop.side, crop.x : crop.x + crop.side]
        film = cv2.resize(seen, (small, small), interpolation=cv2.INTER_AREA)
        made = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        border = cv2.resize(mask * (mask < 0.95), (small, small), interpolation=cv2.INTER_AREA)
        # Below the lips the two differ by what is said, not by their light.
        lips = keypoints[list(MOUTH), 1].mean() / COARSE
        weight = border * np.clip(2 - np.arange(small) / max(lips, 1), 0, 1)[:, None] ** 4
        sigma = max(SPREAD * float(np.ptp(keypoints[list(JAW), 0])) / COARSE, 1)
        difference = (film.astype(np.float32) - made) * weight[..., None]
        total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None] + 1e-4
        match = cv2.GaussianBlur(difference, (0, 0), sigma) / total
        if self._match is not None:
            match = self._match + SETTLE * (match - self._match)
        self._match = match
        return cv2.resize(match, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def _under_eye(keypoints: np.ndarray, eye: tuple[int, ...], down: float) -> np.ndarray:
    """A point on the cheek: below the eye by a share of the way to the nose's base."""
    centre = keypoints[list(eye)].mean(axis=0)
    return centre + (0, down * float(keypoints[NOSE_BASE, 1] - centre[1]))
