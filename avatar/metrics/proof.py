"""The method's claim as one video: one sentence over four head motions, and silence over a fifth.

Side by side, with the inner-lip opening of every picture plotted beneath as it is read from the
pixels: four curves that should be one, and a flat one at the height of the mouth at rest.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..face.clip import Clip
from ..face.drawing import SIZE
from ..face.keypoints import MOUTH
from ..face.pose import project
from ..identity import Identity
from ..render.caption import INK, PAPER, QUIET, Words, written
from ..render.engine import Engine
from ..render.stream import render_frames
from ..render.video import LABEL, Video, video_writer
from ..speech.speech import Speech
from .image import Box
from .inspection import inspection
from .lip_check import Mouth
from .lips import opening
from .reader import LIPS, PointReader, one_thread, point_reader

MOTIONS = 4
"""Heads that say the sentence."""
COLOURS = ((201, 99, 79), (49, 89, 124), (216, 154, 62), (95, 158, 160), (103, 116, 127))
"""Of the curves, the silent one last."""
WIDTH, HEIGHT, MARGIN = 1280, 568, 16
PANEL, GAP = 240, 12
"""Pixels of a picture's side, and between two."""
PLOT = (52, 338, WIDTH - MARGIN, 524)
"""Left, top, right and bottom of the plot."""
TALLEST = 25 / 192
"""Opening at the top of the plot, as a share of the mouth box."""
RULE = (226, 229, 233)


class Step(NamedTuple):
    """How far the video is."""

    done: int
    total: int
    frame: np.ndarray
    """(568, 1280, 3) uint8 RGB: the frame just made."""


@dataclass(frozen=True)
class Proof:
    """The video, and what its curves say; inner-lip openings in px, read from the pictures."""

    video: Video
    spread_px: float
    """Mean difference between any two of the heads that say the same."""
    silence_px: float
    """Mean opening in silence."""
    rest_px: float | None
    """What it should be: the rest mouth in the same poses; None where the bundle has no
    geometry."""
    reader_px: float
    """Mean error of the reader's openings on takes it has never seen."""


class Panel(NamedTuple):
    """One of the pictures side by side."""

    name: str
    clip: Clip
    start: int
    """Frame of the (endless) clip that the video begins with."""
    silent: bool = False


def prove(
    identity: Identity, engine: Engine, speech: Speech, out: str | Path
) -> Generator[Step, None, Proof]:
    """Make the video, frame by frame; memory does not grow with its length.

    Closing the generator stops everything and leaves no file.

    Args:
        identity: who is shown.
        engine: renders the identity.
        speech: what is said, as ``Avatar.speech`` gives it for the identity.
        out: the MP4 to write.

    Raises:
        RenderError: if it cannot be written.
    """
    shown, fps = panels(identity), identity.config.fps
    values = speech.values
    rest = _rest_openings(identity, shown[-1], len(values))
    reader, box = point_reader(LIPS), identity.config.network.mouth_box
    frames = zip(*(_frames(identity, engine, panel, values) for panel in shown), strict=True)
    sheet = _Sheet(shown, len(values), float(fps), TALLEST * box[3], rest)
    found = np.empty((len(values), len(shown)))
    size, place = (WIDTH, HEIGHT), (MARGIN, MARGIN, PANEL / SIZE)
    inspect = inspection(fps, speech.sound, Mouth.of(identity, speech.track, place=place), size)
    with video_writer(
        out, fps, speech.sound, size=size, metadata=_tags(identity), inspect=inspect
    ) as writer:  # fmt: skip
        for i, pictures in enumerate(frames):
            found[i] = _openings(reader, pictures, box)
            writer.write(sheet.frame(pictures, found[: i + 1]))
            yield Step(i + 1, len(values), sheet.latest)
    spoken = found[:, :MOTIONS]
    pairs = [np.abs(spoken[:, a] - spoken[:, b]) for a, b in combinations(range(MOTIONS), 2)]
    return Proof(
        Video(Path(out), len(values), fps, speech, writer.receipt),
        spread_px=float(np.mean(pairs)),
        silence_px=float(found[:, -1].mean()),
        rest_px=None if rest is None else float(rest.mean()),
        reader_px=max(error.opening_px for error in reader.errors.values()),
    )


def panels(identity: Identity) -> list[Panel]:
    """Four motions that say the sentence, from the clips in turn, and the liveliest in silence."""
    clips = list(identity.clips.values())
    spoken = []
    for n in range(MOTIONS):
        clip, turn = clips[n % len(clips)], n // len(clips)
        name = f"{clip.name} {turn + 1}" if turn else clip.name
        spoken.append(Panel(name, clip, turn * len(clip) // 2))
    liveliest = max(clips, key=lambda clip: float(np.abs(np.diff(clip.pose, axis=0)).mean()))
    return [*spoken, Panel(f"silence, {liveliest.name}", liveliest, 0, silent=True)]


def _frames(
    identity: Identity, engine: Engine, panel: Panel, values: np.ndarray
) -> Iterator[np.ndarray]:
    if panel.silent:
        values = np.broadcast_to(identity.config.features.silence, values.shape)
    return render_frames(engine, panel.clip, identity.config, values, panel.start)


def _openings(reader: PointReader, pictures: tuple[np.ndarray, ...], box: Box) -> np.ndarray:
    """(panels,) px."""
    with one_thread():
        return opening(np.stack([reader.read(picture, box) for picture in pictures]))


def _rest_openings(identity: Identity, panel: Panel, count: int) -> np.ndarray | None:
    """(count,) px: how far the rest mouth is open in the poses of a panel."""
    geometry = identity.config.geometry
    if geometry is None:
        return None
    poses = panel.clip.pose[list(panel.clip.frame_indices(count, panel.start))]
    lips = geometry.canonical[list(MOUTH)]
    return opening(project(lips, poses, geometry.camera, geometry.perspective))


class _Sheet:
    """The pictures, their names, and the plot that grows with the video."""

    def __init__(
        self,
        shown: list[Panel],
        frames: int,
        fps: float,
        tallest: float,
        rest: np.ndarray | None,
    ):
        self._frames, self._tallest = frames, tallest
        left, top, right, bottom = PLOT
        canvas = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
        words = [
            Words("Inner-lip opening in px, read from the pictures", left, top - 16, anchor="ls"),
            Words(f"{LABEL} video", right, HEIGHT - 10, QUIET, 16, "rs"),
        ]
        for level in range(0, int(tallest) + 1, 10):
            y = round(self._point(0, level)[1])
            cv2.line(canvas, (left, y), (right, y), RULE, 1)
            words.append(Words(str(level), left - 10, y, QUIET, 16, "rm"))
        for second in range(int(frames / fps) + 1):
            x = self._point(second * fps, 0)[0]
            if x < right - 120:
                words.append(Words(f"{second} s", x, HEIGHT - 22, QUIET, 16, "mm"))
        for panel, colour, x in zip(shown, COLOURS, self._columns(), strict=False):
            words.append(Words(panel.name, x + PANEL / 2, MARGIN + PANEL + 20, colour))
        if rest is not None:
            words.append(Words("dashed: the mouth at rest", right, top - 16, QUIET, 16, "rs"))
        self._canvas = written(canvas, *words)
        if rest is not None:
            for i in range(0, frames - 1, 4):
                self._draw(rest[i : i + 3], i, (147, 160, 173))
        self.latest = self._canvas

    @staticmethod
    def _columns() -> list[int]:
        return [MARGIN + n * (PANEL + GAP) for n in range(MOTIONS + 1)]

    def frame(self, pictures: tuple[np.ndarray, ...], found: np.ndarray) -> np.ndarray:
        """The next frame: pictures (512, 512, 3), openings (frames so far, panels) px."""
        now = len(found) - 1
        for column, colour in zip(found[-2:].T, COLOURS, strict=True):
            self._draw(column, max(now - 1, 0), colour)
        result = self._canvas.copy()
        for picture, x in zip(pictures, self._columns(), strict=True):
            small = cv2.resize(picture, (PANEL, PANEL), interpolation=cv2.INTER_AREA)
            result[MARGIN : MARGIN + PANEL, x : x + PANEL] = small
        x = round(self._point(now, 0)[0])
        cv2.line(result, (x, PLOT[1]), (x, PLOT[3]), INK, 1)
        self.latest = result
        return result

    def _point(self, frame: float, pixels: float) -> tuple[float, float]:
        left, top, right, bottom = PLOT
        x = left + (right - left) * frame / max(self._frames - 1, 1)
        return x, bottom - (bottom - top) * min(pixels / self._tallest, 1)

    def _draw(self, openings: np.ndarray, start: int, colour: tuple[int, int, int]) -> None:
        """Draw a piece of a curve, (n,) px from frame ``start`` on."""
        points = [self._point(start + n, pixels) for n, pixels in enumerate(openings)]
        fixed = np.round(np.array(points) * 16).astype(np.int32)
        cv2.polylines(self._canvas, [fixed], False, colour, 2, cv2.LINE_AA, 4)


def _tags(identity: Identity) -> dict[str, str]:
    name = identity.name
    return {
        "title": f"{name}: one sentence over {MOTIONS} head motions ({LABEL})",
        "comment": f"{LABEL}: a synthetic video of the virtual human {name}.",
        "synthetic": "true",
    }
