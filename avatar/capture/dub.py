"""New words in a film of the person whose face an identity is: only their lower face changes.

The film keeps its size and its rate, and becomes as long as the sound: it is shown forth and back
where it is too short. Frames in which the face cannot be followed stay as they are.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import CaptureError
from ..face.drawing import SIZE, draw
from ..face.keypoints import LEFT_EYE, RIGHT_EYE
from ..identity import Identity
from ..metrics.inspection import inspection
from ..metrics.lip_check import Mouth
from ..render.engine import Engine
from ..render.steps import Step, looking
from ..render.video import Video, video_writer
from ..speech.speech import Speech
from ..speech.visemes import between, windows
from ..timing import frame_count
from .crop import Crop, check_crop, place_crop
from .detect import Matter
from .matte import outline, steadied
from .paste import Paster
from .source import VideoSource, open_video
from .watching import watch_person

FASTEST = 120
"""Films are read at their own rate up to this one, in frames a second."""
BACKWARDS = 256_000_000
"""Bytes of film that are held to show them backwards."""
SHOWN = 0.9
"""Share of the new face from which on its lips are the new ones."""
FADE = 2.0
"""Frames over which the new face comes and goes where the old one cannot be followed."""


@dataclass(frozen=True)
class _Shot:
    """A film whose face has been found."""

    source: VideoSource
    crop: Crop
    keypoints: np.ndarray
    """(T, 68, 2) px of the canvas."""
    irises: np.ndarray
    """(T, 2, 2) px of the canvas."""
    share: np.ndarray
    """(T,) 0..1: how much of the new face each frame shows."""


def dub(
    identity: Identity,
    engine: Engine,
    film: str | Path,
    speech: Speech,
    out: str | Path,
    *,
    metadata: Mapping[str, str] | None = None,
    label: bool = False,
) -> Generator[Step, None, Video]:
    """Let a person say something else in their own film; returns the video.

    Closing the generator stops everything and leaves no file.

    Args:
        identity: the person in the film.
        engine: what renders them.
        film: the film.
        speech: what they say now, at the identity's frame rate.
        out: the MP4 to write.
        metadata: container tags.
        label: draw a small "AI-generated" into a corner.

    Raises:
        CaptureError: if the film cannot be read or shows no face.
        RenderError: if the video cannot be written.
    """
    source = open_video(film, FASTEST)
    total = frame_count(len(speech.sound), source.fps)
    shot = yield from _look(source, total, identity)
    size = (source.width, source.height)
    inspect = inspection(source.fps, speech.sound, _mouth(shot, identity, speech, total), size)
    with video_writer(
        out, source.fps, speech.sound, size=size, metadata=metadata, label=label, inspect=inspect
    ) as writer:  # fmt: skip
        yield Step("render", 0, total)
        for frame in _frames(shot, identity, engine, speech.values, total):
            writer.write(frame)
            yield Step("render", writer.written, total, frame)
    return Video(Path(out), writer.written, source.fps, speech, writer.receipt)


def _mouth(shot: _Shot, identity: Identity, speech: Speech, total: int) -> Mouth:
    """Where the new mouth is in the film, and what it says there."""
    length, crop = len(shot.share), shot.crop
    turn = np.arange(total) % max(2 * length - 2, 1)
    shown = shot.share[np.where(turn < length, turn, 2 * length - 2 - turn)] > SHOWN
    place = (crop.x, crop.y, crop.scale)
    return Mouth.of(identity, speech.track, fps=shot.source.fps, place=place, shown=shown)


def _look(
    source: VideoSource, wanted: int, identity: Identity
) -> Generator[Step, None, _Shot]:
    """Find the face in as much of a film as is needed, and bring it where its network knows it."""
    try:
        _, track = yield from looking(watch_person(source, wanted))
        seen = track.usable if track.usable.any() else track.slot >= 0
        size = source.width, source.height
        crop = place_crop(track.keypoints[seen], track.eyes[seen], *size, *_eyes(identity))
        check_crop(crop)
    except CaptureError as error:
        raise CaptureError(f"'{source.path.name}' cannot be dubbed: {error}.") from error
    points = (crop.to_canvas(points) for points in (track.keypoints, track.irises))
    share = gaussian_filter1d(seen.astype(np.float32), FADE, mode="nearest") * seen
    return _Shot(source, crop, *points, share)


def _eyes(identity: Identity) -> tuple[tuple[float, float], float]:
    """Where an identity's eyes are on its canvas, and how far apart: medians of its clip, in px."""
    clip = identity.clip()
    right, left = (clip.keypoints[:, list(eye)].mean(axis=1) for eye in (RIGHT_EYE, LEFT_EYE))
    x, y = np.median((right + left) / 2, axis=0)
    # A turned head brings the eyes together in the picture; the widest are seen from the front.
    apart = np.percentile(np.linalg.norm(left - right, axis=1), 90)
    return (float(x), float(y)), float(apart)


def _frames(
    shot: _Shot, identity: Identity, engine: Engine, values: np.ndarray, total: int
) -> Iterator[np.ndarray]:
    """The film's frames with the new face, a batch at a time."""
    config, paster = identity.config, Paster(shot.crop)
    seen = windows(values, config.network.window, config.features.silence)
    order = _forth_and_back(shot.source, len(shot.share), total)
    with Matter() as matter:
        outlined, done = _outlined(order, shot.crop, matter), 0
        while batch := list(islice(outlined, engine.batch)):
            drawings = np.stack([
                draw(shot.keypoints[i], shot.irises[i], contour, config.style)
                for i, _, contour in batch
            ])  # fmt: skip
            moments = np.arange(done, done + len(batch))
            pictures = engine(drawings, between(seen, moments, shot.source.fps, config.fps))
            for (i, frame, _), picture in zip(batch, pictures, strict=True):
                yield paster(frame, picture, shot.keypoints[i], float(shot.share[i]))
            done += len(batch)


def _outlined(
    frames: Iterator[tuple[int, np.ndarray]], crop: Crop, matter: Matter
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each frame with its number and the outline (M, 2) px of the canvas of who is in it."""
    def matted() -> Iterator[tuple[tuple[int, np.ndarray], np.ndarray]]:
        for number, frame in frames:
            seen = cv2.resize(crop.of(frame), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            yield (number, frame), matter(seen)

    contour = np.zeros((2, 2), np.float32)
    for (number, frame), matte in steadied(matted()):
        found = outline(matte)
        contour = contour if found is None else found
        yield number, frame, contour


def _forth_and_back(
    source: VideoSource, length: int, count: int
) -> Iterator[tuple[int, np.ndarray]]:
    """``count`` frames and their numbers: 0 to ``length`` - 1, back to 1, and so on."""
    held = max(BACKWARDS // (3 * source.width * source.height), 1)

    def endless() -> Iterator[tuple[int, np.ndarray]]:
        while True:
            yield from enumerate(source.read(0, length))
            for stop in range(length - 1, 1, -held):
                start = max(stop - held, 1)
                yield from reversed(list(enumerate(source.read(start, stop), start)))

    return islice(endless(), count)
