"""What the keypoint readers are worth, on true frames whose points are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..capture.layout import Capture
from ..errors import CaptureError
from . import views as choose
from .disentanglement import Change, Openings, change, openings
from .reader import LIPS, UPPER_FACE, ReaderError, Region, point_reader, reader_error
from .views import View, faces, posed

LIP = list(LIPS.points)


@dataclass(frozen=True)
class Readers:
    """What the readers are worth on true frames."""

    subject: str
    """Whose face they were trained on."""
    lips: ReaderError
    """On held-out takes."""
    upper_face: ReaderError
    """On held-out takes."""
    silent: Openings | None
    """True frames in silence, read, beside the rest mouth; None where there is no such frame."""
    other_render: Change | None
    """Lips read in a frame and in its magnified mouth shrunk, which has other noise; None where
    there are no such pictures."""


def measure_readers(capture: Capture, frames: int) -> Readers:
    """Read true frames, whose points are known."""
    held_out = choose.held_out(capture)
    views = choose.thinned(choose.rendered(held_out), frames)
    quiet = choose.rendered(held_out + choose.train_takes(capture, listening=True))
    silent = [(take, frame) for take, frame in quiet if take.silent[frame]]
    return Readers(
        subject=point_reader(LIPS).subject,
        lips=_error(LIPS, views),
        upper_face=_error(UPPER_FACE, views),
        silent=_true_silence(capture, silent) if silent else None,
        other_render=_other_render(capture, frames),
    )


def _error(region: Region, views: Sequence[View]) -> ReaderError:
    views, found = _true(region, views)
    return reader_error(found, posed(faces(views), views)[:, list(region.points)])


def _true_silence(capture: Capture, views: Sequence[View]) -> Openings:
    views, found = _true(LIPS, views)
    return openings(found, posed(capture.geometry.canonical, views)[:, LIP])


def _true(region: Region, views: Sequence[View]) -> tuple[list[View], np.ndarray]:
    """True frames that can be read, and their points (N, n, 2) px."""
    views, pictures = choose.true_pictures(views)
    if not views:
        raise CaptureError("None of the capture's held-out pictures can be read.")
    reader, box = point_reader(region), views[0][0].capture.mouth_box
    return views, np.stack([reader.read(picture, box) for picture in pictures])


def _other_render(capture: Capture, frames: int) -> Change | None:
    """How well lips are read again in another rendering of the same frame."""
    reader, (x, y, w, h) = point_reader(LIPS), capture.mouth_box
    views = choose.rendered(choose.train_takes(capture, listening=False))
    readings = []
    views, heads = choose.true_pictures(choose.thinned(views, frames) if views else [])
    for (take, frame), head in zip(views, heads, strict=True):
        mouth = take.mouth_over_background(frame)
        if mouth is None:
            continue
        other = head.copy()
        other[y : y + h, x : x + w] = cv2.resize(mouth, (w, h), interpolation=cv2.INTER_AREA)
        readings.append([reader.read(picture, capture.mouth_box) for picture in (head, other)])
    return change(np.array(readings)) if readings else None
