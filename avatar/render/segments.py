"""A stream of frames and sound as short MP4s of one length, each finished as soon as it can be.

Every segment is a film of its own, from its first key frame to its last sample, so that players
may copy its pictures. Its sound is kept sample by sample: whoever joins the segments encodes it
once, for an encoder that began anew in each would click at every seam, and AAC is not cut to the
sample (ffmpeg 5 reads 128 too many from each: 2.7 ms a second).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .video import video_writer

SECONDS = 1
"""Players stall on shorter segments; longer ones come later."""


class Moment(NamedTuple):
    """What is seen and heard during one frame."""

    frame: np.ndarray
    """(H, W, 3) uint8 RGB."""
    sound: np.ndarray
    """(n,) float32 mono at 16 kHz: what is heard during the frame."""


def segment_frames(fps: Fraction) -> int:
    """Frames of a segment: the fewest that last ``SECONDS``."""
    return math.ceil(fps * SECONDS)


def segments(
    stream: Iterable[Moment],
    fps: Fraction,
    folder: Path,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """Write a stream as it comes, each picture labelled "AI-generated".

    Args:
        stream: frames of one size with their sound, none of them twice as long as it should be.
        fps: frames per second.
        folder: where the segments go, which are whoever's who asked for them.
        metadata: container tags of each.

    Yields:
        MP4s of ``segment_frames(fps)`` frames; only the last may have fewer.

    Raises:
        RenderError: if one cannot be written; it leaves no file.
    """
    stream, length = iter(stream), segment_frames(fps)
    for number in count():
        part = list(islice(stream, length))
        if not part:
            return
        height, width = part[0].frame.shape[:2]
        sound = np.concatenate([moment.sound for moment in part])
        path = folder / f"segment-{number:05}.mp4"
        with video_writer(
            path, fps, sound, size=(width, height), metadata=metadata, label=True, lossless=True
        ) as writer:  # fmt: skip
            for moment in part:
                writer.write(moment.frame)
        yield path
