"""The one square of a film that becomes the 512 canvas, and the box of the mouth in it."""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from PIL import Image

from ..errors import CaptureError
from ..face.drawing import SIZE
from ..face.keypoints import LEFT_EYE, MOUTH, RIGHT_EYE

EYES_AT, EYES_APART = (262.0, 242.0), 98.0
"""Where the middle between the eyes lies on Mira's canvas and how far they are apart, in px: a new
face in the same place can be learnt from her network."""
BOX = 192
"""Side of the mouth box on the canvas, in px."""
WHOLE = (0, 0, SIZE, SIZE)
OUTSIDE = 8
"""Pixels of the canvas by which a point may leave it before the frame is left out."""
EDGE = 1 / 32
"""Share of the square to leave around a face so near that the picture's edge cuts the square."""


@dataclass(frozen=True)
class Crop:
    """A square of a film, in even pixels: films have half as many colours as pixels."""

    x: int
    y: int
    side: int

    @property
    def scale(self) -> float:
        """Pixels of the film to a pixel of the canvas."""
        return self.side / SIZE

    def to_canvas(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2 or 3) px of the film on the canvas."""
        offset = np.zeros(points.shape[-1], np.float32)
        offset[:2] = self.x, self.y
        return (points - offset) / np.float32(self.scale)

    def of(self, frame: np.ndarray) -> np.ndarray:
        """(side, side, 3) uint8: the square of a frame of the film."""
        return frame[self.y : self.y + self.side, self.x : self.x + self.side]

    @property
    def square(self) -> tuple[int, int, int]:
        """x, y, side as ``VideoSource.read`` takes them."""
        return self.x, self.y, self.side

    def to_dict(self) -> dict[str, int]:
        """Plain values for JSON."""
        return asdict(self)


def cut(square: np.ndarray, box: tuple[int, int, int, int] = WHOLE) -> np.ndarray:
    """A box of the canvas from the square's own pixels: (512, 512, 3) uint8 RGB."""
    scale = len(square) / SIZE
    if box == WHOLE and scale >= 2:  # six times as fast there, and looks the same
        return cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    # Pillow filters over as many pixels as fall on one, and takes boxes between pixels.
    x, y, width, height = (value * scale for value in box)
    edges = (x, y, min(x + width, len(square)), min(y + height, len(square)))
    picture = Image.fromarray(np.ascontiguousarray(square))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=edges))


def place_crop(
    keypoints: np.ndarray,
    eyes: np.ndarray,
    width: int,
    height: int,
    eyes_at: tuple[float, float] = EYES_AT,
    eyes_apart: float = EYES_APART,
) -> Crop:
    """The square that brings a person where Mira is, or somebody else, inside the picture.

    Args:
        keypoints: (T, 68, 2) px of the film, frames in which the face is seen.
        eyes: (T,) px from eye to eye as if seen from the front.
        width: of the picture in px.
        height: likewise.
        eyes_at: px of the canvas where the middle between the eyes comes to lie.
        eyes_apart: px of the canvas from eye to eye.
    """
    middle = np.median(keypoints[:, list(RIGHT_EYE + LEFT_EYE)].mean(axis=1), axis=0)
    side = float(np.median(eyes)) * SIZE / eyes_apart
    side = min(2 * round(side / 2), width // 2 * 2, height // 2 * 2)
    begin = middle - np.array(eyes_at) / SIZE * side
    # A square that the picture's edge cuts smaller must hold the chin before the eyes' usual place.
    low, high = (np.median(ends, axis=0) for ends in (keypoints.min(axis=1), keypoints.max(axis=1)))
    begin = np.minimum(np.maximum(begin, high - (1 - EDGE) * side), low - EDGE * side)
    x, y = (
        min(max(2 * round(float(b) / 2), 0), (most - side) // 2 * 2)
        for b, most in zip(begin, (width, height), strict=True)
    )
    return Crop(x, y, side)


def place_mouth_box(keypoints: np.ndarray) -> tuple[int, int, int, int]:
    """x, y, 192, 192 px of the canvas around the places where the mouth is.

    Args:
        keypoints: (T, 68, 2) px of the canvas, frames in which the face is seen.
    """
    mouth = keypoints[:, list(MOUTH)]
    low = np.percentile(mouth.min(axis=1), 1, axis=0)  # single frames may be found wrong
    high = np.percentile(mouth.max(axis=1), 99, axis=0)
    x, y = (int(np.clip(round(v - BOX / 2), 0, SIZE - BOX)) for v in (low + high) / 2)
    return x, y, BOX, BOX


def leaves(keypoints: np.ndarray) -> np.ndarray:
    """(T,) bool: frames whose face (T, 68, 2) px of the canvas is partly outside, or of quite
    another size than the person has in most of them."""
    outside = (keypoints < -OUTSIDE) | (keypoints > SIZE + OUTSIDE)
    size = np.linalg.norm(np.ptp(keypoints, axis=1), axis=1)
    usual = size / np.median(size)
    return outside.any(axis=(1, 2)) | (usual < 0.6) | (usual > 1.6)


def check_crop(crop: Crop) -> None:
    """Refuse a face too small to be seen.

    Raises:
        CaptureError: if the crop is smaller than a tenth of the canvas.
    """
    if crop.side < SIZE // 10:
        raise CaptureError("the face in it is too small")
