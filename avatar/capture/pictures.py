"""The second look at a film: every frame's matte and outline, and the pictures that are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..files import replacing
from .crop import Crop, cut
from .detect import Matter
from .matte import GROWN, GROWN_LEAST, POINTS, clean, cut_out, outline, steadied
from .source import VideoSource

QUALITY = 95
"""Of the WebP pictures. Less shows in the lips, more is the film's own noise."""
METHOD = 0
"""WebP's fastest: two and a half times as fast as its usual, files a tenth larger."""
SHOWN_HEIGHT = 240
"""Rows of the frames that the report shows whole."""
FACE_SIDE = 256
"""Side of the middle of the face in which blur and light are measured, in px of the canvas."""
FINE = 1.5
"""Details up to about this many px tell a sharp picture from a blurred one."""


@dataclass(frozen=True)
class Stretch:
    """Frames of one take that are made into pictures together."""

    source: VideoSource
    crop: Crop
    mouth_box: tuple[int, int, int, int]
    start: int
    """First frame, counted in the film."""
    stop: int
    offset: int
    """Frame of the film that is the take's first."""
    face: tuple[int, int]
    """Where the face's middle usually is on the canvas."""
    chosen: frozenset[int]
    """Frames of the film whose pictures are kept."""
    shown: frozenset[int]
    """Frames of the film that the report shows whole."""


@dataclass(frozen=True)
class Folders:
    """Where pictures go."""

    heads: Path
    mouths: Path
    shown: Path


def make_pictures(stretch: Stretch, folders: Folders, background: Path | None) -> dict:
    """Cut a stretch's pictures from the film and write them.

    Args:
        stretch: which frames, and how.
        folders: where pictures go.
        background: the picture behind the person where it stands still, None where it moves.

    Returns:
        For n frames: contour (n, 128, 2) px of the canvas, NaN where there is none; sharpness (n,)
        0..1; light (n,) mean grey of the face, 0..255; clipped (n,) share of it that is white.
    """
    for folder in (folders.heads, folders.mouths, folders.shown):
        folder.mkdir(parents=True, exist_ok=True)
    behind = None if background is None else np.asarray(Image.open(background).convert("RGB"))
    rows = []
    for index, square, head, matte in _matted(stretch):
        found = outline(matte)
        face = _face(head, stretch.face)
        rows.append({
            "contour": np.full((POINTS, 2), np.nan, np.float32) if found is None else found,
            "sharpness": np.float32(sharpness(face)), "light": np.float32(face.mean()),
            "clipped": np.float32((face > 250).mean()),
        })  # fmt: skip
        name = f"{index - stretch.offset:06d}.webp"
        if index in stretch.chosen:
            matte = clean(matte, GROWN_LEAST if behind is None else GROWN)
            _save(folders.heads / name, cut_out(head, matte, behind))
            mouth = cut(square, stretch.mouth_box)
            boxes = (_magnified(part, stretch.mouth_box) for part in (matte, behind))
            _save(folders.mouths / name, cut_out(mouth, *boxes))
    for index in stretch.shown:
        for frame in stretch.source.read(index, index + 1, SHOWN_HEIGHT):
            _save(folders.shown / f"{index:06d}.webp", frame)
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]} if rows else {}


def _matted(stretch: Stretch) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Each frame's number, the crop's square, the head (512, 512, 3), and the steadied matte."""
    first = max(stretch.start - 1, 0)
    squares = stretch.source.read(first, stretch.stop + 1, square=stretch.crop.square)
    with Matter() as matter:
        heads = ((index, square, cut(square)) for index, square in enumerate(squares, first))
        # The frames before and after the stretch are there for their neighbours' sake.
        for seen, matte in steadied((seen, matter(seen[2])) for seen in heads):
            if stretch.start <= seen[0] < stretch.stop:
                yield *seen, matte


def sharpness(face: np.ndarray) -> float:
    """How much of the contrast between neighbours is lost in a blur: 0 in a picture that is itself
    a blur, to 1; (h, w) uint8."""
    face = face.astype(np.float32)
    blurred = cv2.GaussianBlur(face, (0, 0), FINE)
    before, after = (
        np.abs(np.diff(part, axis=0)).mean() + np.abs(np.diff(part, axis=1)).mean()
        for part in (face, blurred)
    )
    return float(1 - after / max(before, 1e-6))


def _face(head: np.ndarray, middle: tuple[int, int]) -> np.ndarray:
    x, y = (max(value - FACE_SIDE // 2, 0) for value in middle)
    return cv2.cvtColor(head[y : y + FACE_SIDE, x : x + FACE_SIDE], cv2.COLOR_RGB2GRAY)


def _magnified(picture: np.ndarray | None, box: tuple[int, int, int, int]) -> np.ndarray | None:
    if picture is None:
        return None
    x, y, w, h = box
    part = picture[y : y + h, x : x + w]
    return cv2.resize(part, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _save(path: Path, picture: np.ndarray) -> None:
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, "webp", quality=QUALITY, method=METHOD)
