"""The control rows: what the figures say of lips that cannot be right.

They are made of the reference: with its sound in another order, with its picture late, and with a
mouth that does not move. A figure that does not tell these from the reference itself, which is the
first row, says nothing about anybody else.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..capture.face_track import FaceTrack
from ..capture.source import open_video
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP
from ..face.patch import paste_mouth
from ..metrics.evaluate import LATE, shuffled
from ..render.video import video_writer
from ..timing import SAMPLE_RATE
from .footage import Footage, follow

SHUFFLED, SHIFTED, FROZEN = "shuffled sound", f"shifted +{LATE}", "frozen mouth"


def make_controls(
    first: Footage, folder: Path
) -> Generator[tuple[int, int], None, tuple[list[Footage], str]]:
    """Make the control rows of a reference.

    Args:
        first: the reference with its face.
        folder: for the film with the frozen mouth, while it is needed.

    Yields:
        Frames of the frozen mouth that were made and looked at, and how many there are.

    Returns:
        The rows that can be made, and a sentence if there is no frozen mouth among them.
    """
    made = [
        replace(first, name=SHUFFLED, sound=shuffled(first.sound, SAMPLE_RATE // 2)),
        replace(first, name=SHIFTED, delay=LATE),
    ]
    if first.track is None:
        return made, "Without a face there is no frozen mouth to compare with."
    path, width, height = folder / "frozen.mp4", *first.size
    frames = _frozen(first, first.face())
    with video_writer(path, first.fps, first.sound, size=(width, height)) as writer:
        for frame in frames:
            writer.write(frame)
            yield writer.written, 2 * first.frames
    source = open_video(path)
    looking = follow(replace(first, name=FROZEN, source=source, track=None))
    try:
        while True:
            done, total = next(looking)
            yield first.frames + done * first.frames // max(total, 1), 2 * first.frames
    except StopIteration as end:
        frozen, trouble = end.value
    return [*made, frozen], trouble


def _frozen(first: Footage, track: FaceTrack) -> Iterator[np.ndarray]:
    """The reference with the mouth of the frame in which it is most closed."""
    width, height = first.size
    points = track.keypoints * (width / track.width, height / track.height)
    closed = _most_closed(track)
    mouth = next(frame for i, frame in enumerate(first.pictures()) if i == closed)
    for frame, keypoints, seen in zip(first.pictures(), points, track.visible, strict=True):
        yield paste_mouth(frame, keypoints, mouth, points[closed]) if seen else frame


def _most_closed(track: FaceTrack) -> int:
    """Number of the frame; among equals the one whose head is nearest to the usual pose."""
    lips = track.canonical[:, [INNER_LIP_TOP, INNER_LIP_BOTTOM]]
    opening = np.linalg.norm(np.diff(lips, axis=1)[:, 0], axis=1)
    opening[~track.visible] = np.inf
    few = np.argsort(opening)[: max(len(opening) // 20, 1)]
    facing = track.pose[:, :3, :3]
    away = np.linalg.norm(facing[few] - np.median(facing, axis=0), axis=(1, 2))
    return int(few[away.argmin()])
