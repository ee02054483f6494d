"""The drawings that an identity was trained on, and the way of any other clip back to them.

Its network has learnt pictures for those drawings alone. A whole drawing cannot be a mean of a few
hundred others, or a blink would have to be seen in every pose; so a drawing is taken apart, and
each part is drawn into the convex hull of that part of the seen drawings (``hull.Hull``):

    head                      where the head is: turn and place, as px by which they move the face
    outline                   no hull of its own: the mean of seen outlines with the head's weights
    brows, nose, eyes, gaze   the points in the head's own frame, as px seen from the front

Lips and jaw are not in the renderer's drawings; they stay as they are and go with the head.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter1d

from ..errors import BundleError, ClipError
from ..files import replacing
from .clip import Clip, refuse_misshapen
from .drawing import SIZE
from .hull import Hull
from .keypoints import BROWS, COUNT, EYES, NOSE
from .mashing import FaceGeometry
from .pose import middle_pose, pose_distance, posed_points
from .space import FEATURES, FaceSpace

MAX_DRAWINGS = 600
"""Most drawings that are kept: half a megabyte."""
MAX_OUTLINE = 1024
"""Most points of an outline."""
MAX_BYTES = 6_000_000
"""Largest file that is read."""
PX = 1 / 64
"""Px are stored in this step, as 16-bit numbers from the middle of the canvas."""
HEAD_THIN = 1e-3
"""Least spread in px of a direction of the head's motion that counts."""
FAR_PX, FAR_DEGREES = 1.5, 1.5
"""Frames that are moved less than this were seen: nobody needs to be told."""
SETTLING = 2.0
"""Frames over which a head that is held back comes to rest (the deviation of a Gaussian)."""
EDGE = 2.0
"""Px beyond the hull from which on it does so in full."""
CHUNK = 1024
"""Frames that are worked on at a time."""


@dataclass(frozen=True)
class Pulled:
    """A clip in the hull of the seen drawings, and how far that is from where it was."""

    clip: Clip
    px: np.ndarray
    """(T,) mean distance by which the drawn keypoints moved."""
    degrees: np.ndarray
    """(T,) by which the head was turned."""

    @property
    def far(self) -> np.ndarray:
        """(T,) bool: frames that were not seen."""
        return (self.px > FAR_PX) | (self.degrees > FAR_DEGREES)

    @property
    def warning(self) -> str:
        """A sentence that says how far the clip was from what was seen; empty where it was not."""
        if not self.far.any():
            return ""
        return (
            f"The clip {self.clip.name} leaves the drawings that the network was trained on in "
            f"{self.far.sum()} of {len(self.clip)} frames, by up to {self.px.max():.1f} px and "
            f"{self.degrees.max():.1f} degrees; it was pulled to the nearest of them."
        )


@dataclass(frozen=True, eq=False)
class SeenDrawings:
    """Drawings that stand for all that a network was trained on."""

    geometry: FaceGeometry
    """The face that they show at rest, and its camera."""
    keypoints: np.ndarray
    """(S, 68, 2) float32 px."""
    irises: np.ndarray
    """(S, 2, 2) float32 px, image left first."""
    pose: np.ndarray
    """(S, 4, 4) float32, canonical -> camera."""
    contour: np.ndarray
    """(S, M, 2) float32 px."""

    def __post_init__(self):
        drawings = len(self.keypoints)
        outline = self.contour.shape[1] if self.contour.ndim == 3 else 0
        expected = {
            "keypoints": (drawings, COUNT, 2),
            "irises": (drawings, 2, 2),
            "pose": (drawings, 4, 4),
            "contour": (drawings, outline, 2),
        }
        refuse_misshapen(self, expected, "Seen drawings", BundleError)
        if not 0 < drawings <= MAX_DRAWINGS or not 2 <= outline <= MAX_OUTLINE:
            raise BundleError(
                f"Seen drawings should be 1 to {MAX_DRAWINGS} with outlines of 2 to {MAX_OUTLINE} "
                f"points, not {drawings} of {outline}."
            )
        if not _rigid(self.pose) or (self._depth <= 0).any():
            raise BundleError("Seen drawings: a pose is none, or behind the camera.")

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def _depth(self) -> np.ndarray:
        if not self.geometry.perspective:
            return np.ones(1)
        return posed_points(np.float64(self.geometry.canonical), self.pose)[..., 2]

    @cached_property
    def space(self) -> FaceSpace:
        """The space in which drawings are compared."""
        return FaceSpace(self.geometry, middle_pose(self.pose))

    @cached_property
    def canonical(self) -> np.ndarray:
        """(S, 70, 3) metres: keypoints and irises in the head's own frame."""
        return self.space.canonical(self.keypoints, self.irises, self.pose)

    @cached_property
    def hulls(self) -> dict[str, Hull]:
        """The hull of each part."""
        features = self.space.features(self.canonical)
        hulls = {name: Hull(points) for name, points in features.items()}
        return hulls | {"head": Hull(self.space.head(self.pose), HEAD_THIN)}

    def pull(self, clip: Clip) -> Pulled:
        """Bring a clip to the nearest seen drawings; what was seen stays all but untouched.

        What moves smoothly goes on to do so: a part moves no further from frame to frame than it
        did before. What was said in the clip is kept.

        Raises:
            ClipError: if a pose of the clip is none.
        """
        head, canonical = self._parts(clip)
        inside, outline = np.empty_like(head), np.empty((len(clip), *self.contour.shape[1:]))
        for part in _chunks(len(clip)):
            weights = self.hulls["head"].weights(head[part])
            inside[part] = weights @ self.hulls["head"].points
            outline[part] = np.tensordot(weights, self.contour, 1)
            for name, feature in self.space.features(canonical[part]).items():
                weights, points = self.hulls[name].weights(feature), list(FEATURES[name])
                canonical[part, points] = np.tensordot(weights, self.canonical[:, points], 1)
        beyond = np.linalg.norm(head - inside, axis=1)
        pose = self.space.pose(_settled(inside, beyond))
        points = np.float32(self.space.seen(canonical, pose))
        pulled = replace(
            clip, keypoints=points[:, :COUNT], irises=points[:, COUNT:], pose=np.float32(pose),
            contour=np.float32(_settled(outline, beyond)),
        )  # fmt: skip
        drawn = [*BROWS, *NOSE, *EYES]
        moved = np.linalg.norm(pulled.keypoints - clip.keypoints, axis=2)[:, drawn]
        return Pulled(pulled, moved.mean(axis=1), pose_distance(clip.pose, pulled.pose))

    def distance(self, clip: Clip) -> dict[str, np.ndarray]:
        """How far a clip is from the hull of each part and of the outline: (T,) px, 0 inside.

        Exact and slow, for tests and for those who want to know.

        Raises:
            ClipError: if a pose of the clip is none, or its outline has another number of points.
        """
        if clip.contour.shape[1] != self.contour.shape[1]:
            raise ClipError(
                f"The clip {clip.name} has an outline of {clip.contour.shape[1]} points, "
                f"the seen drawings {self.contour.shape[1]}."
            )
        head, canonical = self._parts(clip)
        parts = {"head": head, **self.space.features(canonical)}
        result = {name: self.hulls[name].distance(part) for name, part in parts.items()}
        mean = 1 / np.sqrt(self.contour.shape[1])
        outlines = Hull(self.contour.reshape(len(self), -1) * mean)
        return result | {"outline": outlines.distance(clip.contour.reshape(len(clip), -1) * mean)}

    def _parts(self, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
        """Head (T, 6) px and canonical points (T, 70, 3) of a clip."""
        if not _rigid(clip.pose):
            raise ClipError(f"The clip {clip.name} has a pose that is none.")
        canonical = self.space.canonical(clip.keypoints, clip.irises, clip.pose)
        return self.space.head(clip.pose), canonical

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, whole or not at all; px are rounded to 1/64."""
        arrays = {"pose": self.pose}
        for name in ("keypoints", "irises", "contour"):
            steps = np.round((getattr(self, name) - SIZE / 2) / PX)
            arrays[name] = np.clip(steps, -(2**15), 2**15 - 1).astype(np.int16)
        with replacing(path) as temporary:
            save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary)

    @classmethod
    def load(cls, path: str | Path, geometry: FaceGeometry) -> "SeenDrawings":
        """Read what ``save`` wrote; the size is checked before anything is read.

        Raises:
            BundleError: if the file is missing, damaged or holds wrong shapes.
        """
        path, arrays = Path(path), {}
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BundleError(f"{path.name} is too large to hold {MAX_DRAWINGS} drawings.")
            with safe_open(path, framework="numpy") as file:
                for name in (field.name for field in fields(cls)[1:]):
                    arrays[name] = file.get_tensor(name)
        except FileNotFoundError as error:
            raise BundleError(f"The bundle {path.parent} is missing {path.name}.") from error
        except (SafetensorError, OSError, ValueError) as error:
            raise BundleError(f"{path.name} is damaged or cut short; fetch it again.") from error
        for name, array in arrays.items():
            if array.dtype == np.int16 and name != "pose":
                arrays[name] = np.float32(array * PX + SIZE / 2)
        return cls(geometry, **arrays)


def _settled(track: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """A track (T, ...) in a hull that comes to rest, not to a dead stop, where it is held back.

    Means over time of what is in the hull are in it too.

    Args:
        track: positions in the hull.
        beyond: (T,) px by which each frame was held back.
    """
    held = gaussian_filter1d(np.minimum(beyond / EDGE, 1), SETTLING, mode="nearest")
    held = held.reshape(-1, *[1] * (track.ndim - 1))
    return (1 - held) * track + held * gaussian_filter1d(track, SETTLING, axis=0, mode="nearest")


def _rigid(pose: np.ndarray) -> bool:
    turn = np.float64(pose[:, :3, :3])
    square = turn @ np.swapaxes(turn, 1, 2) - np.eye(3)
    return bool((np.abs(square) < 1e-2).all() and (np.linalg.det(turn) > 0).all())


def _chunks(frames: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, frames, CHUNK))
