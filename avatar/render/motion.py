"""Head motion without end: from one clip to another and back, without a jump."""

import numpy as np

from ..face.clip import Clip
from ..face.keypoints import BROWS, EYES, NOSE
from ..face.pose import from_motion, middle_pose, to_motion

SHORTEST_BLEND = 0.4
"""Seconds that the way from one clip to another takes at least."""
DRAWN = BROWS + NOSE + EYES
"""Keypoints that a drawing shows."""
STRAY = 1.0
"""Px a frame by which a blend moves the drawing, at most, beside the motion of the clips."""


class Motion:
    """Frames of clips in an endless row; a function of what was asked for at which frame."""

    def __init__(self, clip: Clip, start: int = 0):
        self._clip, self._at = clip, start
        self._blend: Clip | None = None
        """The way to ``_clip``, while it lasts; ``_at`` is then where that begins to be shown."""
        self._blended = 0

    def follow(self, clip: Clip) -> tuple[Clip, int]:
        """The next frame, on the way to ``clip`` if that is not what is shown already.

        Returns:
            A clip and the number of its frame. A way that has begun is gone to its end.
        """
        if clip is not self._clip and self._blend is None:
            self._blend, self._at = blend(self._clip, self._at, clip)
            self._clip, self._blended = clip, 0
        if self._blend is not None:
            shown = self._blend, self._blended
            self._blended += 1
            if self._blended == len(self._blend):
                self._blend = None
            return shown
        self._at += 1
        return self._clip, next(self._clip.frame_indices(1, self._at - 1))


def blend(before: Clip, at: int, after: Clip) -> tuple[Clip, int]:
    """The way from one clip into another, where they are most alike.

    Args:
        before: what is shown now.
        at: its frame, of the endless clip, that would be shown next.
        after: what is to be shown.

    Returns:
        The frames between as a clip of their own, and the frame of ``after`` to go on with.
    """
    shortest = round(SHORTEST_BLEND * float(before.fps))
    start, distance = _most_alike(before, at, after, shortest)
    # The steepest frame of the curve below goes 1.5 times as far as the mean one.
    frames = max(shortest, int(np.ceil(1.5 * distance / STRAY)))
    leaving, coming = _stretch(before, at, frames), _stretch(after, start, frames)
    share = (np.arange(frames, dtype=np.float32) + 1) / (frames + 1)
    share = share**2 * (3 - 2 * share)  # leaves and arrives without a jerk
    mixed = {
        part: _mixed(getattr(before, part)[leaving], getattr(after, part)[coming], share)
        for part in ("keypoints", "irises", "contour")
    }
    pose = _mixed_poses(before.pose[leaving], after.pose[coming], share)
    return Clip(f"{before.name} to {after.name}", before.fps, pose=pose, **mixed), start + frames


def _most_alike(before: Clip, at: int, after: Clip, frames: int) -> tuple[int, float]:
    """Where ``after``, forth or back, runs nearest to ``before`` for some frames, and how near.

    In px, root mean square over the points that are drawn.
    """
    leaving = _outline(before)[_stretch(before, at, frames)]
    shown = _outline(after)
    square = (leaving**2).sum(1)[:, None] + (shown**2).sum(1) - 2 * leaving @ shown.T
    starts = range(max(2 * (len(after) - 1), 1))
    coming = np.stack([_stretch(after, start, frames) for start in starts])
    apart = square[np.arange(frames), coming].mean(axis=1) / (shown.shape[1] / 2)
    best = int(apart.argmin())
    return best, float(np.sqrt(max(apart[best], 0)))


def _stretch(clip: Clip, start: int, frames: int) -> np.ndarray:
    """(frames,) indices of an endless clip."""
    return np.fromiter(clip.frame_indices(frames, start), int, frames)


def _outline(clip: Clip) -> np.ndarray:
    """(T, 2 n) float64: all points that a drawing shows."""
    points = clip.keypoints[:, list(DRAWN)], clip.irises, clip.contour
    return np.concatenate(points, axis=1, dtype=np.float64).reshape(len(clip), -1)


def _mixed(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    share = share[:, None, None]
    return ((1 - share) * before + share * after).astype(np.float32)


def _mixed_poses(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    middle = middle_pose(np.concatenate([before, after]))
    leaving, coming = to_motion(before, middle), to_motion(after, middle)
    return from_motion(leaving + share[:, None] * (coming - leaving), middle).astype(np.float32)
