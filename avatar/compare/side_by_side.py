"""The videos beside each other, labelled, with sound: for eyes and ears."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..metrics.inspection import inspection
from ..render.video import video_writer
from .footage import Footage

if TYPE_CHECKING:
    from moviepy import VideoClip

HEIGHT, STRIP, WIDEST = 360, 36, 1920
"""Rows of a picture and of its label, and the most columns of all together, in px."""
PAPER, INK = (246, 247, 248), (35, 44, 53)
FONT, FONT_SIZE, LETTER = "DejaVuSans.ttf", 16, 10
"""One of matplotlib's, as moviepy's own knows no accents; px: its height, and a letter's width."""


def side_by_side(footages: Sequence[Footage], path: Path) -> Generator[tuple[int, int], None, None]:
    """Write the MP4: moviepy composes and captions it.

    Args:
        footages: on one clock; the first one is heard.
        path: of the MP4.

    Yields:
        Frames that were written, and how many there are.

    Raises:
        RenderError: if it cannot be written, or is not as long as its sound.
    """
    from moviepy import ColorClip, clips_array

    first = footages[0]
    with ExitStack() as stack:
        panels = [_panel(footage, stack) for footage in footages]
        columns = max(min(WIDEST // max(panel.w for panel in panels), len(panels)), 1)
        empty = ColorClip(panels[0].size, PAPER, duration=first.seconds)
        panels += [empty] * (-len(panels) % columns)
        rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
        sheet = clips_array(rows, bg_color=PAPER)
        tags = {"title": "Videos compared by Avatar"}
        inspect = inspection(first.fps, first.sound, "several faces are in it", sheet.size)
        with video_writer(
            path, first.fps, first.sound, size=sheet.size, metadata=tags, inspect=inspect
        ) as writer:  # fmt: skip
            for i in range(first.frames):
                writer.write(sheet.get_frame(float(i / first.fps)).astype("uint8"))
                yield i + 1, first.frames


def _panel(footage: Footage, stack: ExitStack) -> "VideoClip":
    """A video with its name underneath."""
    import matplotlib
    from moviepy import TextClip, VideoClip, clips_array

    width = 2 * round(footage.source.width * HEIGHT / footage.source.height / 2)
    frames = stack.enter_context(closing(footage.pictures((width, HEIGHT))))
    latest = (-1.0, None)

    def at(moment: float) -> "VideoClip":
        nonlocal latest
        if moment != latest[0]:  # moviepy asks twice for the first
            latest = moment, next(frames)
        return latest[1]

    film = VideoClip(at, duration=footage.seconds)
    name, fits = footage.name, width // LETTER
    label = TextClip(
        text=name if len(name) <= fits else f"{name[: fits - 1]}…", method="caption",
        font=str(Path(matplotlib.get_data_path(), "fonts", "ttf", FONT)),
        size=(width, STRIP), font_size=FONT_SIZE, color=INK, bg_color=PAPER, text_align="center",
        transparent=False, duration=footage.seconds,
    )  # fmt: skip
    return clips_array([[film], [label]])
