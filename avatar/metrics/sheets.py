"""Pictures for people: renderings beside the truth, and silence over extreme heads (Fig. 8)."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ..capture.layout import Capture
from . import views as choose
from .chart import write
from .image import crop
from .lips import opening
from .reader import LIPS, point_reader
from .subject import Subject
from .views import View, posed

TILE = 256
"""Side of every small picture, in pixels."""
COLUMNS = 6


def contact_sheet(subject: Subject, capture: Capture) -> np.ndarray:
    """Unseen frames whose mouths differ most: truth, rendering, and the mouth box of both.

    Returns:
        (1024, 1536, 3) uint8 RGB, rows in that order.
    """
    views, true = choose.true_pictures(choose.different_mouths(capture, COLUMNS, with_picture=True))
    said = [subject.windows(subject.said(take))[frame] for take, frame in views]
    made = list(subject.render(views, np.stack(said)))
    rows = {
        "truth": true, "rendered": made,
        "truth, mouth": [crop(picture, capture.mouth_box) for picture in true],
        "rendered, mouth": [crop(picture, capture.mouth_box) for picture in made],
    }  # fmt: skip
    return np.vstack([_row(pictures, name) for name, pictures in rows.items()])


def silence_sheet(subjects: Mapping[str, Subject], capture: Capture) -> np.ndarray:
    """Silence over heads turned far and over trained drawings of open mouths.

    Args:
        subjects: rows of heads and mouths by name.
        capture: whose heads are shown.

    Returns:
        (512 rows, 1536, 3) uint8 RGB; under each mouth its opening and what it should be.
    """
    trained = choose.trained_open(capture, COLUMNS // 3)
    views = choose.different_heads(capture, COLUMNS + 1 - len(trained))[1:] + trained
    rest = opening(posed(capture.geometry.canonical, views)[:, list(LIPS.points)])
    rows = []
    for name, subject in subjects.items():
        heads = list(subject.render(views, subject.silent_windows(len(views))))
        mouths = [crop(picture, capture.mouth_box) for picture in heads]
        rows += [_row(heads, name), _row(mouths, "", _openings(heads, views, rest))]
    return np.vstack(rows)


def _openings(heads: Sequence[np.ndarray], views: Sequence[View], rest: np.ndarray) -> list[str]:
    reader, box = point_reader(LIPS), views[0][0].capture.mouth_box
    found = [opening(reader.read(picture, box)) for picture in heads]
    return [f"{a:.1f} px, rest {b:.1f}" for a, b in zip(found, rest, strict=True)]


def _row(
    pictures: Sequence[np.ndarray], name: str, notes: Sequence[str] | None = None
) -> np.ndarray:
    tiles = [cv2.resize(p, (TILE, TILE), interpolation=cv2.INTER_AREA) for p in pictures]
    for tile, note in zip(tiles, notes or [name, *[""] * len(tiles)], strict=False):
        write(tile, note, (8, TILE - 10), 0.5)
    return np.hstack(tiles)
