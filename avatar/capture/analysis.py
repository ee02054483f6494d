"""The first look at a film: where faces and hands are in every frame, and where scenes change.

Frames are read scaled down, and only the part of the picture in which a face was found at all. A
stretch of a film gives the same numbers whenever and by whichever process it is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import CaptureError
from ..face.keypoints import LEFT_EYE, RIGHT_EYE
from ..files import replacing
from .detect import WEIGHTS, Face, FaceDetector, FaceFinder, HandDetector
from .source import VideoSource

FACES = 2
"""Faces that are followed: the person, and whoever else is near."""
WARM_UP = 3
"""Frames looked at before a stretch, so that the detector follows a face from its first frame."""
EVERY_HAND, EVERY_MESH = 5, 8
"""Hands and other people are looked for in every fifth frame; every eighth mesh is kept."""
PROBES = 12
"""Frames spread over the film in which faces are looked for first."""
PROBE_SIDE = 720
"""Shorter side, in px, to which those frames are scaled down."""
STRAIGHT = 1_000
"""Films of so many frames are sooner read through than sought in: each search begins at one of the
few frames that are stored whole."""
FACE_HEIGHT = 300
"""Frames are scaled down until faces are this high, in px: the mesh sees them at 256."""
ROOM = 1.0
"""Room around the faces found first, in faces: heads move."""
NEAR = 0.4
"""Faces smaller than this share of the largest are far behind, and nobody's business."""
THUMBNAIL = (64, 36)
"""Size at which neighbouring frames are compared."""


@dataclass(frozen=True)
class View:
    """The part of a film that is looked at, and how large."""

    height: int
    """Rows to which whole frames are scaled."""
    box: tuple[int, int, int, int]
    """x, y, width, height in px of the scaled frame."""
    scale: float
    """Pixels of the film to a pixel of the scaled frame."""
    people: int = FACES
    """How many faces to follow: the detector is faster with one."""

    def of(self, frame: np.ndarray) -> np.ndarray:
        """What is looked at of a scaled frame."""
        x, y, width, height = self.box
        return np.ascontiguousarray(frame[y : y + height, x : x + width])

    def to_film(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2 or 3) of what is looked at in px of the film."""
        offset = np.zeros(points.shape[-1], np.float32)
        offset[:2] = self.box[:2]
        return (points + offset) * np.float32(self.scale)


def choose_view(source: VideoSource) -> View:
    """Where the faces of a film are, as ``PROBES`` frames show; all of it where they show none.

    The mesh's own detector sees only faces that fill a good part of the picture.
    """
    height = min(
        source.height, round(PROBE_SIDE * source.height / min(source.width, source.height))
    )
    with FaceFinder() as finder:
        looks = [finder(frame) for frame in _probes(source, height)]
    found = [face for look in looks for face in look]
    if not found:
        return _view(source, height, (0, 0, source.width, source.height), FACES)
    faces = np.array(found) * (source.height / height)
    least = NEAR * faces[:, 2].max()
    faces = faces[faces[:, 2] > least]
    people = max(sum(face[2] * source.height / height > least for face in look) for look in looks)
    centre, size = faces[:, :2], faces[:, 2:]
    room = size * (0.5 + ROOM)
    low, high = (centre - room).min(axis=0), (centre + room).max(axis=0)
    low, high = np.maximum(low, 0), np.minimum(high, (source.width, source.height))
    height = min(source.height, round(source.height * FACE_HEIGHT / float(np.median(size))))
    return _view(source, height, (*low, *(high - low)), min(people, FACES))


def _probes(source: VideoSource, height: int) -> Iterator[np.ndarray]:
    """Frames spread over a film."""
    wanted = np.linspace(0, source.frames - 1, PROBES).astype(int).tolist()
    if source.frames <= STRAIGHT:
        frames = enumerate(source.read(height=height))
        yield from (frame for number, frame in frames if number in wanted)
    else:
        for number in wanted:
            yield from source.read(number, number + 1, height)


def _view(source: VideoSource, height: int, box: tuple[float, ...], people: int) -> View:
    """The view of a box given in px of the film."""
    height = max(2 * round(height / 2), 2)
    scale = source.height / height
    x, y, width, high = (int(round(value / scale)) for value in box)
    return View(height, (x, y, max(width, 1), max(high, 1)), scale, people)


def analyse(
    source: VideoSource, view: View, start: int, stop: int | None, samples: Path, every: int
) -> dict[str, np.ndarray]:
    """Look at a stretch of a film.

    Args:
        source: the film.
        view: what to look at.
        start: first frame.
        stop: frame to end before, None for the film's end.
        samples: folder for every ``every``-th frame as a picture, scaled down.
        every: see above.

    Returns:
        For n frames, in px of the film, NaN where nothing is: keypoints (n, 2, 68, 2), irises
        (n, 2, 2, 2), size (n, 2) and eyes (n, 2) px apart in depth too; people (n, 2, 3): centre
        and size, and hands (n, 2, 21, 2), in every fifth; change (n,) from the frame before, 0 to
        255; mesh_frames (m,) and meshes (m, 2, 478, 3).
    """
    rows: list[dict[str, np.ndarray]] = []
    first = max(start - WARM_UP, 0)
    before = None
    with FaceDetector(view.people) as faces, HandDetector() as hands, FaceFinder() as finder:
        for index, frame in enumerate(source.read(first, stop, view.height), first):
            seen = view.of(frame)
            found = faces(seen)[:FACES]
            thumbnail = _thumbnail(frame)
            if index >= start:
                row = _row(found, view)
                row["change"] = np.float32(_change(before, thumbnail))
                regular = index % EVERY_HAND == 0
                row["people"] = _people(finder, frame, view) if regular else _nothing(2, 3)
                row["hands"] = _hands(hands, seen, found, view) if regular else _nothing(2, 21, 2)
                row["frame"] = np.int32(index)
                rows.append(row)
                if index % every == 0:
                    _save(samples / f"{index:06d}.jpg", frame)
            before = thumbnail
    return _stacked(rows)


def _row(found: list[Face], view: View) -> dict[str, np.ndarray]:
    meshes = _nothing(FACES, WEIGHTS.shape[1], 3)
    for slot, face in zip(meshes, found, strict=False):
        slot[:] = view.to_film(face.mesh)
    flat = [Face(mesh) for mesh in meshes]
    solid = np.stack([WEIGHTS @ mesh for mesh in meshes])
    eyes = [solid[:, list(eye)].mean(axis=1) for eye in (RIGHT_EYE, LEFT_EYE)]
    return {
        "meshes": meshes,
        "keypoints": solid[..., :2],
        "irises": np.stack([face.irises for face in flat]),
        "size": np.array([face.size for face in flat], np.float32),
        "eyes": np.linalg.norm(eyes[0] - eyes[1], axis=1).astype(np.float32),
    }


def _people(finder: FaceFinder, frame: np.ndarray, view: View) -> np.ndarray:
    """(2, 3) centre and size of the largest faces anywhere in the picture, in px of the film."""
    people = _nothing(2, 3)
    for slot, face in zip(people, finder(frame), strict=False):
        slot[:] = np.multiply(face, view.scale)
    return people


def _hands(hands: HandDetector, seen: np.ndarray, found: list[Face], view: View) -> np.ndarray:
    """(2, 21, 2) px of the film; only where there is a face for a hand to be before."""
    result = _nothing(2, 21, 2)
    if found:
        for slot, hand in zip(result, hands(seen), strict=False):
            slot[:] = view.to_film(hand)
    return result


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    if not rows:
        return {}
    stacked = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    kept = stacked.pop("frame") % EVERY_MESH == 0
    frames = np.flatnonzero(kept)
    return stacked | {"meshes": stacked["meshes"][kept], "mesh_frames": frames}


def _nothing(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, np.float32)


def _thumbnail(frame: np.ndarray) -> np.ndarray:
    small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _change(before: np.ndarray | None, now: np.ndarray) -> float:
    return 0.0 if before is None else float(np.abs(now - before).mean())


def _save(path: Path, frame: np.ndarray) -> None:
    with replacing(path) as temporary:
        cv2.imwrite(str(temporary), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])


def sample_numbers(folder: Path) -> list[int]:
    """Numbers of the frames that ``analyse`` kept, in order."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.jpg"))


def load_sample(folder: Path, frame: int) -> np.ndarray:
    """One of them, (h, w, 3) uint8 RGB.

    Raises:
        CaptureError: if it is damaged.
    """
    path = folder / f"{frame:06d}.jpg"
    picture = cv2.imread(str(path))
    if picture is None:
        raise CaptureError(f"The picture {path} is damaged: delete the folder and start anew.")
    return picture[..., ::-1]
