"""What somebody's head does in a film, told so that any other head can do it."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import CaptureError
from ..face.keypoints import BROWS, COUNT, LEFT_EYE, RIGHT_EYE
from ..face.pose import middle_pose, to_motion
from ..face.space import FaceSpace
from .face_track import fit_head
from .fit import fill_gaps
from .source import VideoSource
from .tracking import CUT, NO_FACE
from .watching import watch_person

SHORTEST = 10
"""Frames with a face without which there is no motion to speak of."""
CLOSED = 0.25, 0.4
"""Least and most that the opening of closed eyes can be, as a share of open ones; who never blinks
in the film gets the most."""
SHUT = 0.4
"""Closure from which on an iris cannot be seen well enough to tell where it looks."""
CALM = 1.0
"""Deviation, in frames, of the Gaussian that calms brows and gaze."""
IRISES = (COUNT, COUNT + 1)
"""Where irises are counted, behind the keypoints."""
LIDS, CORNERS = ((37, 41), (38, 40), (43, 47), (44, 46)), ((36, 39), (42, 45))
"""Pairs of keypoints: upper and lower lids, and the corners of each eye."""


@dataclass(frozen=True)
class Performance:
    """What a head does, apart from whose it is; on the camera's axes: x right, y down, z away."""

    turn: np.ndarray
    """(T, 3) radians from the middle of its poses."""
    shift: np.ndarray
    """(T, 3) of the middle between the eyes, in distances from eye to eye."""
    brows: np.ndarray
    """(T, 10, 3) away from rest, in the same unit."""
    closure: np.ndarray
    """(T,) of the eyes, 0 as open as usual, 1 closed, below 0 wider."""
    gaze: np.ndarray
    """(T, 3) of the irises away from where they usually are, in widths of the eye."""
    visible: np.ndarray
    """(T,) bool: frames in which the face was seen; between them motion is even, at the ends there
    is none."""

    def __len__(self) -> int:
        return len(self.turn)

    def resampled(self, frames: int) -> "Performance":
        """The same in another number of frames."""
        at = (np.arange(frames) + 0.5) * len(self) / frames - 0.5

        def spread(track: np.ndarray) -> np.ndarray:
            columns = track.reshape(len(track), -1).T
            moved = [np.interp(at, np.arange(len(track)), column) for column in columns]
            return np.stack(moved, axis=1).reshape(frames, *track.shape[1:])

        parts = (self.turn, self.shift, self.brows, self.closure, self.gaze)
        return Performance(*map(spread, parts), spread(self.visible) >= 0.5)


def watch(source: VideoSource, seconds: float) -> Generator[tuple[int, int], None, Performance]:
    """Follow the face through a film, and return what the head does.

    Args:
        source: the film.
        seconds: most of it that is looked at.

    Yields:
        Frames that were looked at, and how many there are to look at.

    Raises:
        CaptureError: if there is no face in it, or hardly ever.
    """
    try:
        found, track = yield from watch_person(source, max(int(seconds * source.fps), 1))
        visible = np.array([why not in (NO_FACE, CUT) for why in track.why])
        if visible.sum() < SHORTEST:
            raise CaptureError(f"its face is seen in only {visible.sum()} frames")
    except CaptureError as error:
        raise CaptureError(f"'{source.path.name}' cannot move a head: {error}.") from error
    return _performance(found, track.slot, visible)


def _performance(
    found: dict[str, np.ndarray], slot: np.ndarray, visible: np.ndarray
) -> Performance:
    """What the person does whose face is ``slot`` in the frames."""
    points, *_, geometry, poses = fit_head(found, slot, visible)
    keypoints, irises, poses = points[:, :COUNT], points[:, COUNT:], np.float64(poses)
    space = FaceSpace(geometry, middle_pose(poses[visible]))
    axes = space.middle[:3, :3].T
    canonical = space.canonical(keypoints, irises, poses) @ axes
    rest = np.median(canonical[visible], axis=0)
    unit = eye_distance(rest)
    eyes = poses[:, :3, :3] @ eye_centre(np.float64(geometry.canonical)) + poses[:, :3, 3]
    closure = _closure(opening(canonical), visible)
    gaze = (canonical[:, list(IRISES)] - canonical[:, list(CORNERS)].mean(axis=2)).mean(axis=1)
    looking = visible & (closure < SHUT)
    return Performance(
        turn=to_motion(poses, space.middle)[:, :3] @ axes,
        shift=(eyes - eyes[visible].mean(axis=0)) / unit,
        brows=_calm((canonical - rest)[:, list(BROWS)] / unit),
        closure=closure,
        gaze=_calm(fill_gaps(gaze - np.median(gaze[looking], axis=0), looking)) / eye_width(rest),
        visible=visible,
    )


def _closure(openings: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """0 as open as the driver's eyes usually are, 1 as closed as they get when they blink."""
    usual, least = np.median(openings[visible]), openings[visible].min()
    closed = np.clip(least, *np.multiply(CLOSED, usual))
    return np.minimum((usual - openings) / (usual - closed), 1)


def opening(points: np.ndarray) -> np.ndarray:
    """(T,) how far the eyes of faces (T, n, 3) are open, as a share of their width."""
    lids, corners = (np.diff(points[:, list(p)], axis=2)[:, :, 0] for p in (LIDS, CORNERS))
    return np.linalg.norm(lids, axis=2).mean(axis=1) / np.linalg.norm(corners, axis=2).mean(axis=1)


def eye_centre(face: np.ndarray) -> np.ndarray:
    """(3,) the middle between the eyes of a face (n, 3)."""
    return face[list(RIGHT_EYE + LEFT_EYE)].mean(axis=0)


def eye_distance(face: np.ndarray) -> float:
    """From the middle of one eye to that of the other."""
    right, left = (face[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    return float(np.linalg.norm(left - right))


def eye_width(face: np.ndarray) -> float:
    """Mean width of the eyes."""
    return float(np.linalg.norm(np.diff(face[list(CORNERS)], axis=1)[:, 0], axis=1).mean())


def _calm(track: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(track, CALM, axis=0, mode="nearest")
