"""Who stands before what: the matte of a crop, its outline, and the person cut out by it."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import cv2
import numpy as np

from ..face.drawing import SIZE

T = TypeVar("T")

POINTS = 128
"""Points of an outline, as Mira's have."""
SOFT = 1.0
"""Blur of the matte in px: MediaPipe's comes in steps of two."""
GROWN, GROWN_LEAST = 3, 1
"""Pixels by which the matte is widened, so that single hairs stay, where the camera stands still:
what is taken in too much is the true background; and where it moves."""
EVEN = 2.5
"""How far along the outline, in its points, its steps of whole pixels are evened out."""
NEAR = 31
"""Pixels across which parts of the matte belong together."""
FAINT = 4
"""One part in so many is the alpha below which a pixel's own colour is less and less trusted."""


def steady(mattes: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Each matte with a quarter of both its neighbours, so that edges do not tremble; the first
    and the last, which have one neighbour only, are not yielded."""
    window: list[np.ndarray] = []
    for matte in mattes:
        window = [*window[-2:], matte]
        if len(window) == 3:
            yield window[0] / 4 + window[1] / 2 + window[2] / 4


def steadied(seen: Iterable[tuple[T, np.ndarray]]) -> Iterator[tuple[T, np.ndarray]]:
    """Things beside their mattes, which are evened out as by ``steady``; none is left out, since
    the first and the last matte are their own neighbours."""
    waiting: list[T] = []

    def mattes() -> Iterator[np.ndarray]:
        matte = None
        for thing, now in seen:
            waiting.append(thing)
            if matte is None:
                yield now
            matte = now
            yield matte
        if matte is not None:
            yield matte

    for matte in steady(mattes()):
        yield waiting.pop(0), matte


def clean(matte: np.ndarray, grown: int = GROWN) -> np.ndarray:
    """The person alone, (512, 512) float32 0..1: the largest part, without holes, a little wider.

    Args:
        matte: (512, 512) float32 0..1.
        grown: px by which it is widened.
    """
    core = _person(matte)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grown + 1,) * 2)
    near = cv2.blur(255 * core, (NEAR, NEAR))  # what else the matte holds is somebody else
    inside = cv2.erode(core, kernel)
    matte = np.where(near > 0, cv2.dilate(matte, kernel), 0)
    matte = np.maximum(matte, inside.astype(np.float32))
    return np.clip(cv2.GaussianBlur(matte, (0, 0), SOFT), 0, 1).astype(np.float32)


def outline(matte: np.ndarray) -> np.ndarray | None:
    """The outline of head and shoulders.

    Args:
        matte: (512, 512) float32 0..1, 1 where the person is.

    Returns:
        (128, 2) float32 px, evenly from the frame's left or lower edge over the head to its right
        or lower edge; None where there is nobody.
    """
    core = _person(matte)
    contours, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    points = max(contours, key=len)[:, 0].astype(np.float64) + 0.5
    points = _open(points)
    if len(points) < POINTS // 4:
        return None
    return _evenly(_smoothed(points)).astype(np.float32)


def _person(matte: np.ndarray) -> np.ndarray:
    """(512, 512) uint8: 1 in the largest part of the matte and in its holes."""
    core = (matte > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    if count < 2:
        return core
    core = (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    contours, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(core), contours, -1, 1, cv2.FILLED)


def _open(points: np.ndarray) -> np.ndarray:
    """A closed outline (n, 2) cut open where it runs along the frame's sides and bottom, from the
    left end over the head to the right end."""
    top = int(points[:, 1].argmin())
    points = np.roll(points, -top, axis=0)
    # OpenCV's outlines run down on the left of the top first, that is against the clock.
    on_edge = (points[:, 0] < 1) | (points[:, 0] > SIZE - 1) | (points[:, 1] > SIZE - 1)
    # The head may touch a side of the frame: what ends the outline lies below its middle.
    ends = np.flatnonzero(on_edge & (points[:, 1] > SIZE / 2))
    if not len(ends):
        return points[::-1]
    left, right = points[: ends[0] + 1], points[ends[-1] :]
    if left[-1, 0] > right[0, 0]:
        left, right = right[::-1], left[::-1]
    return np.concatenate([left[::-1], right[::-1]])


def _smoothed(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) without the steps of whole pixels; both ends stay."""
    reach = int(3 * EVEN)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / EVEN) ** 2)
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, points, after])
    columns = [np.convolve(column, weights / weights.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1)


def _evenly(points: np.ndarray) -> np.ndarray:
    """(128, 2) points at equal distances along points (n, 2)."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)])
    wanted = np.linspace(0, along[-1], POINTS)
    return np.stack([np.interp(wanted, along, column) for column in points.T], axis=1)


def cut_out(picture: np.ndarray, matte: np.ndarray, behind: np.ndarray | None) -> np.ndarray:
    """The person with straight alpha.

    Args:
        picture: (512, 512, 3) uint8 RGB.
        matte: (512, 512) float32 0..1.
        behind: (512, 512, 3) uint8 RGB where the background stands still: colours are then such
            that over it they give the picture back. None: colours stay as they are.

    Returns:
        (512, 512, 4) uint8 RGBA.
    """
    alpha = np.round(matte * 255).astype(np.uint8)
    colours = picture
    if behind is not None:
        edge = (alpha > 0) & (alpha < 255)
        share = alpha[edge][:, None].astype(np.float32) / 255
        own = (picture[edge] - (1 - share) * behind[edge]) / share
        sure = np.minimum(share * FAINT, 1)  # what is hardly there has no colour to speak of
        own = sure * own + (1 - sure) * picture[edge]
        colours = picture.copy()
        colours[edge] = np.clip(own + 0.5, 0, 255)
    return np.dstack([colours, alpha])
