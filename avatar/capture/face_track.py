"""One person's face through a whole video: keypoints, pose, and keypoints with the pose taken away.

For videos that are measured. The camera is the same convention for all (see ``fit``): on a canvas
of 512 px the eyes are as far apart as Mira's, so lengths of one video compare with another's.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..errors import CaptureError
from ..face.keypoints import COUNT, LEFT_EYE, RIGHT_EYE
from ..face.mashing import FaceGeometry
from .crop import EYES_APART, EYES_AT
from .fit import canonical_keypoints, fill_gaps, fit_geometry, fit_poses
from .source import VideoSource
from .tracking import NO_FACE, TWO_FACES
from .watching import watch_person

FEWEST = 5
"""Frames with a face without which there is none to follow."""


@dataclass(frozen=True)
class FaceTrack:
    """A face in T frames of a video at a constant rate; what was not seen is bridged."""

    fps: Fraction
    width: int
    """Of the video, px."""
    height: int
    keypoints: np.ndarray
    """(T, 68, 2) float32 px of the video."""
    irises: np.ndarray
    """(T, 2, 2) float32 px of the video, image left first."""
    pose: np.ndarray
    """(T, 4, 4) float32, canonical -> camera, evened out over seven frames."""
    canonical: np.ndarray
    """(T, 68, 3) float32 keypoints in the head's own frame: metres on a face whose eyes are
    0.0555 m apart, x to the image's right, y away from the camera, z up."""
    scale: float
    """Px of the canvas to a px of the video."""
    visible: np.ndarray
    """(T,) bool: the face was seen."""
    others: np.ndarray
    """(T,) bool: another face, about as large, was seen beside it."""

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def interocular(self) -> float:
        """Distance of the outer eye corners 36 and 45 in metres of the head's own frame."""
        corners = self.canonical[:, LEFT_EYE[3]] - self.canonical[:, RIGHT_EYE[0]]
        return float(np.median(np.linalg.norm(corners, axis=1)))

    def delayed(self, frames: int) -> "FaceTrack":
        """The same face later by some frames: the first one is held, the end cut off."""
        order = np.maximum(np.arange(len(self)) - frames, 0)
        return self.taken(order)

    def at(self, fps: Fraction, frames: int) -> "FaceTrack":
        """The face at the moments i / fps of another clock, in between where it falls so."""
        if (fps, frames) == (self.fps, len(self)):
            return self
        when = np.clip(np.arange(frames) * float(self.fps / fps), 0, len(self) - 1)
        before, after = self.taken(np.int64(when)), self.taken(np.int64(np.ceil(when)))
        share = np.float32(when % 1)

        def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return a + (b - a) * share.reshape(-1, *(1,) * (a.ndim - 1))

        points = ("keypoints", "irises", "pose", "canonical")
        mixed = {name: between(getattr(before, name), getattr(after, name)) for name in points}
        return replace(before, fps=fps, **mixed)

    def taken(self, order: np.ndarray) -> "FaceTrack":
        """The same face in the frames of these numbers (n,), in this order."""
        per_frame = ("keypoints", "irises", "pose", "canonical", "visible", "others")
        return replace(self, **{name: getattr(self, name)[order] for name in per_frame})


def track_face(
    source: VideoSource, stop: int | None = None
) -> Generator[tuple[int, int], None, FaceTrack]:
    """Follow the person who is seen longest and largest; returns the track.

    Args:
        source: the video, at the rate that the track is to have.
        stop: frames to look at; None: all.

    Yields:
        Frames that were looked at, and how many there are to look at.

    Raises:
        CaptureError: if no face is seen in it; half a sentence.
    """
    found, track = yield from watch_person(source, stop or source.frames)
    visible = np.array([why != NO_FACE for why in track.why])
    if visible.sum() < FEWEST:
        raise CaptureError("there is hardly a face in it")
    head = fit_head(found, track.slot, visible)
    keypoints = head.points[:, :COUNT]
    film = (head.points - head.offset) / head.scale
    return FaceTrack(
        fps=source.fps, width=source.width, height=source.height,
        keypoints=np.float32(film[:, :COUNT]), irises=np.float32(film[:, COUNT:]), pose=head.pose,
        canonical=canonical_keypoints(keypoints, head.pose, head.geometry), scale=head.scale,
        visible=visible, others=np.array([why == TWO_FACES for why in track.why]),
    )  # fmt: skip


class Head(NamedTuple):
    """A face on the canvas, where its eyes are at Mira's place and as far apart."""

    points: np.ndarray
    """(T, 70, 2) float32 px of the canvas: keypoints and irises."""
    scale: float
    """Px of the canvas to a px of the video."""
    offset: np.ndarray
    """(2,) px of the canvas where the video's corner is."""
    geometry: FaceGeometry
    pose: np.ndarray
    """(T, 4, 4) float32, canonical -> camera."""


def fit_head(found: dict[str, np.ndarray], slot: np.ndarray, visible: np.ndarray) -> Head:
    """Fit rest face and poses to what ``watch_person`` found.

    Args:
        found: of T frames.
        slot: (T,) which of the faces is the person's.
        visible: (T,) bool: frames to believe; the others are bridged.
    """
    rows, frames = np.arange(len(slot)), found["mesh_frames"][visible[found["mesh_frames"]]]
    meshes = found["meshes"][np.isin(found["mesh_frames"], frames)]
    points = np.concatenate([found["keypoints"], found["irises"]], axis=2)[rows, slot]
    points = fill_gaps(points, visible)
    scale = EYES_APART / float(np.median(found["eyes"][rows, slot][visible]))
    eyes = points[visible][:, list(RIGHT_EYE + LEFT_EYE)].mean(axis=1)
    offset = np.array(EYES_AT) - scale * np.median(eyes, axis=0)
    points = np.float32(points * scale + offset)
    geometry = fit_geometry(meshes[np.arange(len(frames)), slot[frames]] * scale + (*offset, 0))
    return Head(
        points, scale, offset, geometry, fit_poses(points[:, :COUNT], geometry, visible)
    )  # fmt: skip
