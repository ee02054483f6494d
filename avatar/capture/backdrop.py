"""The picture behind a person, from many in which they hide other parts of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..face.drawing import SIZE
from ..files import replacing
from .analysis import load_sample, sample_numbers
from .crop import Crop, cut
from .detect import Matter
from .matte import clean

SOLID = 0.02
"""Alpha up to which a pixel belongs to the background alone."""
STILL = 8.0
"""Grey levels by which the background may differ from picture to picture and still stand still."""
PICTURES = 48
"""Most pictures that it is made from, of all films together."""
COVERED = 6
"""Pictures that must show what is behind a pixel; below, it is made up from around it."""
SMALL = 128
"""Side of the picture in which holes are filled, in px: nobody ever sees what is there."""
GREY = np.full((SIZE, SIZE, 3), 127, np.uint8)
"""What is behind where nothing is ever seen."""


@dataclass(frozen=True)
class Samples:
    """Frames spread over a film."""

    folder: Path
    crop: Crop
    height: int
    """Rows of the film; the frames may have been scaled down."""
    usable: np.ndarray
    """(T,) bool: which of them count."""

    def heads(self, most: int) -> list[np.ndarray]:
        """(512, 512, 3) uint8 RGB each, ``most`` at most."""
        frames = [n for n in sample_numbers(self.folder) if self.usable[n : n + 1].any()]
        step = max(-(-len(frames) // most), 1)
        return [cut(self._square(load_sample(self.folder, n))) for n in frames[::step]]

    def _square(self, picture: np.ndarray) -> np.ndarray:
        """The crop's square of a frame that was scaled down."""
        shrink = len(picture) / self.height
        x, y, side = (round(v * shrink) for v in (self.crop.x, self.crop.y, self.crop.side))
        side = min(side, picture.shape[1] - x, picture.shape[0] - y)
        return picture[y : y + side, x : x + side]


def write_background(films: Sequence[Samples], out: Path) -> dict[str, np.ndarray]:
    """Write the picture behind the person as PNG.

    Returns:
        still: whether it stands still.
    """
    heads = [head for film in films for head in film.heads(-(-PICTURES // len(films)))]
    with Matter() as matter:
        mattes = [clean(matter(head)) for head in heads]
    picture, still = background(np.stack(heads), np.stack(mattes)) if heads else (GREY, False)
    with replacing(out) as temporary:
        Image.fromarray(picture).save(temporary, "png")
    return {"still": np.bool_(still)}


def background(pictures: np.ndarray, mattes: np.ndarray) -> tuple[np.ndarray, bool]:
    """What is behind a person.

    Args:
        pictures: (n, 512, 512, 3) uint8 RGB.
        mattes: (n, 512, 512) float32 0..1, cleaned.

    Returns:
        (512, 512, 3) uint8 RGB, and whether it stands still: then it is what is truly seen there,
        otherwise a smooth mean.
    """
    free = mattes < SOLID
    middle, spread = _median_and_spread(pictures, free)
    known = free.sum(axis=0) >= min(COVERED, len(pictures))
    if not known.any():
        return GREY, False
    still = bool(np.median(spread[known]) < STILL)
    filled = _filled(np.where(known[..., None], middle, 0), known)
    if not still:
        filled = cv2.GaussianBlur(filled, (0, 0), SIZE / 20)
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8), still


def _median_and_spread(pictures: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(512, 512, 3) median of pictures (n, 512, 512, 3) where (n, 512, 512) they are free, and
    (512, 512) how far they are from it."""
    middle = np.zeros((SIZE, SIZE, 3), np.float32)
    spread = np.zeros((SIZE, SIZE), np.float32)
    for row in range(SIZE):  # as floats all pictures at once would be large
        hidden = ~free[:, row, :, None]
        seen = np.where(hidden, np.float32(np.inf), pictures[:, row])
        middle[row] = _finite_median(seen)
        away = np.where(hidden, np.float32(np.inf), np.abs(pictures[:, row] - middle[row]))
        spread[row] = _finite_median(away).mean(axis=-1)
    return middle, spread


def _finite_median(values: np.ndarray) -> np.ndarray:
    """Median of (n, ...) without those that are infinite; 0 where all are."""
    count = np.isfinite(values).sum(axis=0)
    middle = np.maximum(count - 1, 0)[None] // 2
    found = np.take_along_axis(np.sort(values, axis=0), middle, axis=0)[0]
    return np.where(count > 0, found, 0)


def _filled(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A picture whose unknown pixels are made up from those around them."""
    small = cv2.resize(np.where(known[..., None], picture, 0), (SMALL, SMALL),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    weight = cv2.resize(known.astype(np.float32), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    mean = np.clip(small / np.maximum(weight, 1e-6)[..., None] + 0.5, 0, 255).astype(np.uint8)
    made = cv2.inpaint(mean, (weight < 0.5).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    made = cv2.resize(cv2.GaussianBlur(made, (0, 0), 2), (SIZE, SIZE)).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.erode(known.astype(np.float32), np.ones((5, 5))), (0, 0), 2)
    soft = (soft * known)[..., None]
    return picture * soft + made * (1 - soft)
