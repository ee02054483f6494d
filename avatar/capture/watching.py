"""A film looked through from its beginning, in memory: for films that are used and not kept."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import numpy as np

from ..errors import CaptureError
from .analysis import analyse, choose_view
from .source import VideoSource
from .tracking import Track, follow

STRETCH = 100
"""Frames that are looked at between two words about how far it is."""


def watch_person(
    source: VideoSource, frames: int
) -> Generator[tuple[int, int], None, tuple[dict[str, np.ndarray], Track]]:
    """Follow the person through a film's first frames; returns what was found, and the person.

    Args:
        source: the film.
        frames: how many to look at, if there are as many.

    Yields:
        Frames that were looked at, and how many there are to look at.

    Raises:
        CaptureError: if there is no picture, or no face in any; half a sentence.
    """
    frames, parts = min(source.frames, frames), []
    view = choose_view(source)
    with tempfile.TemporaryDirectory(prefix="avatar-") as unused:
        for start in range(0, frames, STRETCH):
            yield start, frames
            stop = min(start + STRETCH, frames)
            part = analyse(source, view, start, stop, Path(unused), frames + 1)
            if part:  # fewer frames may come than the file has promised
                parts.append(part | {"mesh_frames": part["mesh_frames"] + start})
    yield frames, frames
    if not parts:
        raise CaptureError("it has no pictures")
    found = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return found, follow(found)
