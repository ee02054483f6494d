"""Pictures of a prepared capture to look at: the crop, what was found in it, what is left out."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..face.drawing import SIZE, draw_mouth_box, draw_with_mouth
from ..speech.phonemes import VISEMES
from .analysis import load_sample, sample_numbers
from .film import Film
from .layout import Capture, Take
from .quality import middle_frame
from .rgba import composite
from .shoot import Shoot

TILE, COLUMNS = 240, 6
"""Side of a small picture in px, and how many are in a row."""
DRAWN = 18
"""Heads shown with their drawings."""
INK, PAPER = (40, 44, 52), (255, 255, 255)
LINE, SQUARE, MOUTH = (0, 230, 120), (255, 255, 255), (255, 190, 0)
COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (20, 170, 60)}
"""Backgrounds on which a bad matte shows."""

Drawn = tuple[np.ndarray, str]
"""A picture (h, w, 3) uint8 RGB and its caption."""


def crop_sheet(shoot: Shoot) -> np.ndarray:
    """A frame of each film, four at most, with the crop, the mouth box and what was found."""
    tiles = [(_with_crop(film, shoot.mouth_box), film.name) for film in shoot.films[:4]]
    height = 480 if len(tiles) == 1 else 300
    return np.hstack([caption(fit(picture, height), name) for picture, name in tiles])


def drawing_sheet(capture: Capture) -> np.ndarray:
    """Heads spread over all takes, with the drawing of all that was found."""
    tiles = []
    for take, frame in _spread(capture, DRAWN):
        arrays = take.arrays
        lines = draw_with_mouth(
            arrays["landmarks2d"][frame], arrays["iris2d"][frame], arrays["contour"][frame]
        )
        tiles.append((tinted(take.head_over_background(frame), lines), f"{take.name}, {frame}"))
    return sheet(tiles)


def matte_sheet(capture: Capture) -> np.ndarray:
    """A few heads over backgrounds that are not theirs, and over their own."""
    tiles = []
    for take, frame in _spread(capture, 2):
        head = take.head(frame)
        for name, colour in COLOURS.items():
            behind = np.full((SIZE, SIZE, 3), colour, np.uint8)
            tiles.append((composite(head, behind), f"over {name}"))
        tiles += [(np.repeat(head[..., 3:], 3, axis=2), "matte")]
        tiles += [(take.head_over_background(frame), "over its background")]
        tiles += [(capture.background, "background")]
    return sheet(tiles)


def mouth_sheet(shoot: Shoot, capture: Capture) -> np.ndarray | None:
    """For each mouth shape that is heard the picture in the middle of it, with its drawing."""
    found: dict[str, Drawn] = {}
    for plan, piece in zip(shoot.plans, shoot.listening_pieces(), strict=True):
        take, heard = capture.take(plan.name), piece.load()["visemes"]
        usable = take.usable
        for frame in sorted(take.magnified):
            name = VISEMES[heard[frame]]
            around = heard[max(frame - 1, 0) : frame + 2]
            if name not in found and usable[frame] and (around == heard[frame]).all():
                arrays = take.arrays
                lines = draw_mouth_box(
                    arrays["landmarks2d"][frame], arrays["iris2d"][frame],
                    arrays["contour"][frame], capture.mouth_box,
                )  # fmt: skip
                found[name] = tinted(take.mouth_over_background(frame), lines, 0.5), name
    return sheet([found[name] for name in VISEMES if name in found]) if found else None


def marked_sheet(shoot: Shoot) -> np.ndarray | None:
    """Frames that are left out, and why; None if there are none."""
    tiles = []
    films = {plan.name: shoot.films[plan.film] for plan in shoot.plans}
    for mark in shoot.marks:
        film = films[mark["take"]]
        path = film.shown / f"{middle_frame(mark, shoot.fps):06d}.webp"
        if path.exists():
            text = f"{clock(mark['start_s'])} {mark['why']}"
            tiles.append((np.asarray(Image.open(path).convert("RGB")), text))
    return sheet([(fit(picture, TILE * 3 // 4), text) for picture, text in tiles], 4)


def tinted(picture: np.ndarray, lines: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Lines (h, w) uint8 in colour over a picture (h, w, 3)."""
    share = strength * lines[..., None].astype(np.float32) / 255
    return (picture * (1 - share) + np.array(LINE, np.float32) * share).astype(np.uint8)


def sheet(tiles: Sequence[Drawn], columns: int = COLUMNS) -> np.ndarray | None:
    """Pictures with captions, row by row; None of none."""
    if not tiles:
        return None
    sized = [caption(fit(picture, TILE), text) for picture, text in tiles]
    high, wide = (max(tile.shape[axis] for tile in sized) for axis in (0, 1))
    sized = [_padded(tile, high, wide) for tile in sized]
    rows = [sized[i : i + columns] for i in range(0, len(sized), columns)]
    empty = np.full_like(sized[0], 255)
    width = min(columns, len(sized))
    return np.vstack([np.hstack(row + [empty] * (width - len(row))) for row in rows])


def caption(picture: np.ndarray, text: str) -> np.ndarray:
    """A picture with a line of text under it and a little room around."""
    strip = 22 if text else 0
    board = Image.new("RGB", (picture.shape[1] + 6, picture.shape[0] + 6 + strip), PAPER)
    board.paste(Image.fromarray(picture), (3, 3))
    if text:
        font = ImageFont.load_default(14)
        ImageDraw.Draw(board).text((5, picture.shape[0] + 5), text, INK, font)
    return np.asarray(board)


def fit(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture (h, w, 3) scaled to a height, but not wider than twice that."""
    scale = min(height / picture.shape[0], 2 * height / picture.shape[1])
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _padded(tile: np.ndarray, height: int, width: int) -> np.ndarray:
    result = np.full((height, width, 3), 255, np.uint8)
    result[: tile.shape[0], : tile.shape[1]] = tile
    return result


def _with_crop(film: Film, box: tuple[int, int, int, int]) -> np.ndarray:
    """A frame of the film, scaled down, with all that was decided about it."""
    usable = np.flatnonzero(film.usable)
    wanted = usable[len(usable) // 2]
    number = min(sample_numbers(film.samples), key=lambda number: abs(number - wanted))
    picture, number = load_sample(film.samples, number), min(number, film.frames - 1)
    shrink = len(picture) / film.source.height
    board = Image.fromarray(picture).convert("RGB")
    pen, crop = ImageDraw.Draw(board), film.crop
    width = max(round(len(picture) / 240), 2)
    x, y, side = (value * shrink for value in (crop.x, crop.y, crop.side))
    canvas = side / SIZE
    bx, by, bw, bh = (value * canvas for value in box)
    pen.rectangle((x, y, x + side - 1, y + side - 1), outline=SQUARE, width=width)
    pen.rectangle((x + bx, y + by, x + bx + bw, y + by + bh), outline=MOUTH, width=width)
    for px, py in film.track.keypoints[number] * shrink:
        pen.ellipse((px - width, py - width, px + width, py + width), fill=LINE)
    return np.asarray(board)


def _spread(capture: Capture, count: int) -> list[tuple[Take, int]]:
    """Frames with pictures, evenly over all takes."""
    every = [(take, frame) for take in capture.takes for frame in take.rendered]
    places = np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int)
    return [every[place] for place in places]
