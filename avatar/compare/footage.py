"""Videos side by side on one clock: the same moments, the same size, each with its face followed.

The first video sets the clock. Others are read at its rate, whatever their own, frame for frame at
the same moment; they are compared for as long as all of them last.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path

import cv2
import numpy as np

from ..capture.face_track import FaceTrack, track_face
from ..capture.source import VideoSource, open_video
from ..errors import CaptureError, MetricError, SoundError
from ..metrics.image import WINDOW
from ..speech.audio import load_sound
from ..timing import SAMPLE_RATE

SHORTEST_S = 0.5
"""Seconds that all videos must share."""
HIGHEST = 720
"""Rows that larger videos are scaled down to before pictures are compared."""
SAME_SHAPE = 0.03
"""Share by which width over height may differ between pictures that are compared."""
SLOW = 20
"""Frames a second below which mouths are seen too seldom to judge their timing."""
SEEN = 0.9
"""Share of the frames with a face below which that is told."""
HELD_S = 0.2
"""Seconds by which pictures may end before their file does, without a word."""
QUIET_END_S = 1.0
"""Seconds of nothing at a sound's end that are told: it may be too short a file."""


@dataclass(frozen=True)
class Footage:
    """A video on the common clock."""

    name: str
    source: VideoSource
    """At its own rate."""
    frames: int
    """Of the common clock."""
    fps: Fraction
    """Of the common clock."""
    sound: np.ndarray = field(repr=False)
    """(N,) float32 mono at 16 kHz: what its lips are judged by, as long as the common time."""
    track: FaceTrack | None = None
    """The face, at the video's own rate."""
    delay: int = 0
    """Frames of the common clock by which the picture is shown late."""

    @property
    def seconds(self) -> float:
        """Length in common."""
        return float(self.frames / self.fps)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in which pictures are compared, px."""
        if self.source.height <= HIGHEST:
            return self.source.width, self.source.height
        return 2 * round(self.source.width * HIGHEST / self.source.height / 2), HIGHEST

    def pictures(self, size: tuple[int, int] | None = None) -> Iterator[np.ndarray]:
        """Frames of the common clock, (h, w, 3) uint8 RGB, in ``size`` or the video's own.

        A video that ends a frame or two before its file says so holds its last picture.
        """
        width, height = size or self.size
        with closing(self.source.at(self.fps).read(0, self.frames, height)) as frames:
            first = next(frames, None)
            if first is None:
                raise CaptureError(f"'{self.name}' has no pictures.")
            shown, count = _resized(first, width, height), 0
            for frame in chain(repeat(first, self.delay), [first], frames):
                if count == self.frames:
                    return
                shown = shown if frame is first else _resized(frame, width, height)
                yield shown
                count += 1
            yield from repeat(shown, self.frames - count)

    def on_clock(self, fps: Fraction) -> "Footage":
        """The same video on another clock."""
        frames = max(round(self.frames / self.fps * fps), 1)
        return replace(self, fps=fps, frames=frames, delay=round(self.delay / self.fps * fps))

    def face(self, fps: Fraction | None = None) -> FaceTrack | None:
        """The face at the moments of the common clock, or of another one; None without a face."""
        if self.track is None:
            return None
        clock = self if fps is None else self.on_clock(fps)
        return self.track.at(clock.fps, clock.frames).delayed(clock.delay)


def open_footage(
    videos: Sequence[Path], sound: Path | None = None, common_sound: bool = False
) -> list[Footage]:
    """Put videos on the clock of the first.

    Args:
        videos: one or more.
        sound: a file whose sound the lips of all are judged by.
        common_sound: judge all by the sound of the first video; else each by its own.

    Raises:
        CaptureError: if one cannot be read.
        MetricError: if they have less than half a second in common, or one is less than 11 px
            wide or high.
    """
    sources = [open_video(path) for path in videos]
    fps = sources[0].fps
    seconds = min(source.seconds for source in sources)
    frames = int(seconds * fps + Fraction(1, 2))
    if seconds < SHORTEST_S:
        short = min(sources, key=lambda source: source.seconds).path.name
        raise MetricError(f"'{short}' is shorter than half a second: too short to measure.")
    length = frames * SAMPLE_RATE * fps.denominator // fps.numerator
    given = _fitted(load_sound(sound), length) if sound else None
    result = []
    for name, source in zip(_names(videos), sources, strict=True):
        own = given
        if own is None and common_sound and result:
            own = result[0].sound
        if own is None:
            own = _fitted(_sound_of(source), length)
        result.append(Footage(name, source, frames, fps, own))
        if min(result[-1].size) < WINDOW:
            raise MetricError(f"'{name}' is {source.width}x{source.height}: too small to measure.")
    return result


def follow(footage: Footage) -> Generator[tuple[int, int], None, tuple[Footage, str]]:
    """Find the face; returns the footage with it, and sentences where there are problems.

    Yields:
        Frames that were looked at, and how many there are to look at.
    """
    wanted = int(-(-footage.frames / footage.fps * footage.source.fps // 1))
    try:
        track = yield from track_face(footage.source, wanted)
    except CaptureError as error:
        return footage, f"No face was found in '{footage.name}': {error}."
    trouble = []
    if track.others.any():
        trouble.append(
            f"'{footage.name}' shows two faces in {track.others.mean():.0%} of its frames: the "
            "one that is seen longest and largest is measured."
        )
    if track.visible.mean() < SEEN:
        trouble.append(
            f"'{footage.name}' shows a face in only {track.visible.mean():.0%} of its frames: in "
            "the others it is guessed, so its sync and motion say little."
        )
    if (wanted - len(track)) / footage.source.fps > HELD_S:
        end = float(len(track) / footage.source.fps)
        trouble.append(
            f"The pictures of '{footage.name}' end after {end:.1f} s: the last one is held."
        )
    return replace(footage, track=track), " ".join(trouble)


def warnings(footages: Sequence[Footage]) -> list[str]:
    """What somebody should know who reads the figures."""
    found, first = [], footages[0]
    for footage in footages:
        left = footage.source.seconds - footage.seconds
        if left > max(1.0, 0.1 * footage.seconds):
            found.append(
                f"'{footage.name}' is {left:.1f} s longer than what all have in common: its first "
                f"{footage.seconds:.1f} s are measured."
            )
        if footage.source.fps < SLOW:
            found.append(
                f"'{footage.name}' has {float(footage.source.fps):.3g} frames a second: below "
                f"{SLOW} the timing of lips can hardly be judged."
            )
        if not footage.source.has_sound and not footage.sound.any():
            found.append(f"'{footage.name}' has no sound.")
        elif footage.seconds - (end := _end_s(footage.sound)) > QUIET_END_S:
            found.append(f"The sound that '{footage.name}' is judged by ends after {end:.1f} s.")
        if not same_shape(first, footage):
            found.append(
                f"'{footage.name}' is {footage.source.width}x{footage.source.height} and "
                f"'{first.name}' {first.source.width}x{first.source.height}: pictures of another "
                "shape are not compared."
            )
    return found


def same_shape(a: Footage, b: Footage) -> bool:
    """Whether pictures can be laid over each other."""
    ratio = (a.source.width / a.source.height) / (b.source.width / b.source.height)
    return abs(ratio - 1) <= SAME_SHAPE


def _sound_of(source: VideoSource) -> np.ndarray:
    try:
        return source.sound()
    except SoundError as error:
        raise CaptureError(str(error)) from error


def _end_s(sound: np.ndarray) -> float:
    """Seconds after which there is nothing but zeros."""
    return len(np.trim_zeros(sound, "b")) / SAMPLE_RATE


def _fitted(sound: np.ndarray, length: int) -> np.ndarray:
    return np.pad(sound[:length], (0, max(length - len(sound), 0)))


def _resized(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    if frame.shape[:2] == (height, width):
        return frame
    shrinks = frame.shape[0] > height
    return cv2.resize(
        frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )


def _names(videos: Sequence[Path]) -> list[str]:
    """File names, told apart where they are the same."""
    result: list[str] = []
    for path in videos:
        name, number = path.name, 2
        while name in result:
            name, number = f"{path.name} ({number})", number + 1
        result.append(name)
    return result
