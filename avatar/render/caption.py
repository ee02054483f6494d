"""Words on pictures, in the font that comes with Pillow."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
INK: Colour = (35, 44, 53)
QUIET: Colour = (103, 116, 127)
PAPER: Colour = (246, 247, 248)
HEIGHT, SIZE = 40, 22
"""Pixels of a caption's strip and of its letters."""


class Words(NamedTuple):
    """A line of text and where it stands."""

    text: str
    x: float
    y: float
    colour: Colour = INK
    size: int = SIZE
    anchor: str = "mm"
    """What of the text lies at x, y, as Pillow names it: "mm" its middle, "ls" its start."""


def written(picture: np.ndarray, *lines: Words) -> np.ndarray:
    """A copy of a picture (H, W, 3) uint8 RGB with words on it."""
    image = Image.fromarray(picture)
    canvas = ImageDraw.Draw(image)
    for words in lines:
        font = ImageFont.load_default(words.size)
        at = words.x, words.y
        canvas.text(at, words.text, fill=words.colour, font=font, anchor=words.anchor)
    return np.array(image)


def captioned(name: str, picture: np.ndarray) -> np.ndarray:
    """A picture (H, W) or (H, W, 3) uint8 with its name in a strip under it, RGB."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    height, width = picture.shape[:2]
    strip = np.full((HEIGHT, width, 3), PAPER, np.uint8)
    strip = written(strip, Words(name, width / 2, HEIGHT / 2))
    return np.vstack([picture, strip])
