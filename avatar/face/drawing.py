"""The one rasteriser: keypoints, irises and contour to the line drawing that the renderer sees.

Training, inference and the page all call it, so that what is shown is what the network gets.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from . import contour as outline
from .keypoints import COUNT, LEFT_EYE, MOUTH_LINES, RIGHT_EYE, UPPER_FACE_LINES, Line

SIZE = 512
"""Height and width of a drawing, in pixels."""
SUBPIXEL_BITS = 4
"""OpenCV draws in steps of 1/16 px, so that slow motion does not jump."""


@dataclass(frozen=True)
class DrawingStyle:
    """How lines look; stored in the identity, because its network has learnt them."""

    line_width: int = 2
    """Width of every line in pixels."""
    iris_radius: float = 0.19
    """Radius of the iris disc as a share of the eye's width."""

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)


def draw(
    keypoints: np.ndarray,
    irises: np.ndarray,
    contour: np.ndarray,
    style: DrawingStyle = DrawingStyle(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Draw brows, eyes, irises, nose and outline in white on black: no mouth, jaw or chin.

    Args:
        keypoints: (68, 2) px, iBUG-68, origin at the top-left corner, pixel centres at .5.
        irises: (2, 2) px, image left first.
        contour: (M, 2) px outline of head and shoulders.
        style: line width and iris size.

    Returns:
        (512, 512) uint8, the same bits for any position of mouth and jaw points.

    Raises:
        ValueError: for wrong shapes or coordinates that are not finite.
    """
    if keypoints.shape != (COUNT, 2) or irises.shape != (2, 2) or contour.shape[1:] != (2,):
        raise ValueError(
            "expected keypoints (68, 2), irises (2, 2), contour (M, 2), "
            f"got {keypoints.shape}, {irises.shape}, {contour.shape}"
        )
    image = np.zeros((SIZE, SIZE), np.uint8)
    for stretch in outline.cut(contour, keypoints):
        _polyline(image, stretch, closed=False, width=style.line_width)
    _lines(image, keypoints, UPPER_FACE_LINES, style.line_width)
    for eye, iris in zip((RIGHT_EYE, LEFT_EYE), irises, strict=True):
        _iris(image, keypoints[list(eye)], iris, style.iris_radius)
    return image


def draw_with_mouth(
    keypoints: np.ndarray,
    irises: np.ndarray,
    contour: np.ndarray,
    style: DrawingStyle = DrawingStyle(),  # noqa: B008 - frozen
) -> np.ndarray:
    """What ``draw`` gives, and lips and jaw: the oracle's drawing (paper, section 3.3).

    Arguments, result and errors as those of ``draw``.
    """
    image = draw(keypoints, irises, contour, style)
    _lines(image, keypoints, MOUTH_LINES, style.line_width)
    return image


def draw_mouth_box(
    keypoints: np.ndarray,
    irises: np.ndarray,
    contour: np.ndarray,
    box: tuple[int, int, int, int],
    style: DrawingStyle = DrawingStyle(),  # noqa: B008 - frozen
) -> np.ndarray:
    """The mouth box of the oracle's drawing, magnified to the whole canvas (paper, Fig. 4a).

    The points are magnified, not the lines: these keep their width.

    Args:
        box: x, y, width, height in px; other arguments, result and errors as those of ``draw``.
    """
    x, y, width, height = box
    scale = np.array((SIZE / width, SIZE / height), np.float32)
    near = ((points - (x, y)) * scale for points in (keypoints, irises, contour))
    return draw_with_mouth(*near, style)


def _lines(image: np.ndarray, keypoints: np.ndarray, lines: tuple[Line, ...], width: int) -> None:
    for line in lines:
        _polyline(image, keypoints[list(line.points)], line.closed, width)


def _polyline(image: np.ndarray, points: np.ndarray, closed: bool, width: int) -> None:
    cv2.polylines(image, [_fixed(points)], closed, 255, width, cv2.LINE_AA, SUBPIXEL_BITS)


def _iris(image: np.ndarray, eye: np.ndarray, iris: np.ndarray, radius: float) -> None:
    """Draw the part of the iris that the lids leave open."""
    disc, opening = np.zeros_like(image), np.zeros_like(image)
    pixels = radius * float(np.hypot(*(eye[3] - eye[0])))
    centre = tuple(int(v) for v in _fixed(iris[None])[0])
    scale = 1 << SUBPIXEL_BITS
    cv2.circle(disc, centre, round(pixels * scale), 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.fillPoly(opening, [_fixed(eye)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    np.maximum(image, np.minimum(disc, opening), out=image)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixels with centres at .5 to OpenCV's fixed point with centres at whole numbers."""
    if not np.isfinite(points).all():
        raise ValueError("expected finite keypoints, got NaN or infinity")
    # Far outside the canvas is all the same to the picture, but would overflow OpenCV's integers.
    near = np.clip(points - 0.5, -4 * SIZE, 5 * SIZE)
    return np.round(near * (1 << SUBPIXEL_BITS)).astype(np.int32)
