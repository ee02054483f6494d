"""How a head moves: how far, how smoothly, how often it blinks; and whether pictures flicker.

None of these is good or bad by itself: a render should come near to its reference.
"""

import numpy as np
from scipy.ndimage import label
from scipy.signal import savgol_filter

from ..capture.face_track import FaceTrack
from ..capture.fit import RIGID
from ..capture.performance import opening as eye_opening
from ..face.pose import middle_pose, to_motion
from .lips import interocular

CUBIC_S = 0.5
"""Seconds over which the head's way is taken to be a cubic."""
BLINKED = 0.6
"""An eye is shut when it is open by less than this share of the usual."""
LONGEST_BLINK_S = 0.6
"""Eyes that stay shut for longer are closed, or look down."""
BLOCKS = 12
"""Blocks, across and down, whose brightness is watched."""


def turns(track: FaceTrack) -> np.ndarray:
    """Turn of the head from its middle pose: (T, 3) degrees about the face's own axes.

    x is to the image's right, y away from the camera, z up: pitch, roll, yaw.
    """
    pose = track.pose.astype(float)
    return np.degrees(to_motion(pose, middle_pose(pose[track.visible]))[:, :3])


def pose_range(track: FaceTrack) -> float:
    """From the 5th to the 95th percentile of yaw, pitch or roll, whichever is most: degrees."""
    low, high = np.percentile(turns(track), [5, 95], axis=0)
    return float((high - low).max())


def head_jerk(track: FaceTrack) -> float:
    """Root mean square of the jerk of the head's place in the picture, turns included.

    The place is the mean of ears, nose and eye corners; its third derivative is that of cubics
    fitted over half a second. Without that long a look, or with the pose in place of the keypoints,
    a detector's trembling is all that is measured: a gentle head would have five times its jerk.

    Returns:
        Distances of the outer eye corners / s^3, NaN for less than half a second. MediaPipe's
        trembling alone makes 3 to 5.
    """
    rate = float(track.fps)
    window = max(2 * round(CUBIC_S * rate / 2) + 1, 5)
    if len(track) < window:
        return float("nan")
    place = track.keypoints[:, list(RIGID)].mean(axis=1, dtype=float)
    place /= np.median(interocular(track.keypoints))
    jerk = savgol_filter(place, window, 3, deriv=3, delta=1 / rate, axis=0)
    jerk = jerk[window // 2 : len(jerk) - window // 2]
    return float(np.sqrt((jerk**2).sum(axis=1).mean()))


def blinks(track: FaceTrack) -> int:
    """How often both eyes together are shut, for up to 0.6 s."""
    open_by = eye_opening(track.canonical)
    usual = np.median(open_by[track.visible])
    runs, count = label((open_by < BLINKED * usual) & track.visible)
    lengths = np.bincount(runs, minlength=count + 1)[1:]
    return int((lengths <= max(LONGEST_BLINK_S * float(track.fps), 1)).sum())


def blink_rate(track: FaceTrack) -> float:
    """Blinks a minute."""
    return blinks(track) / (len(track) / float(track.fps) / 60)


class Flicker:
    """Brightness that comes and goes from frame to frame; fed frame by frame, holds two of them.

    The picture's part that is watched is cut into 12x12 blocks. What a block's mean brightness
    differs by from the mean of the frames before and after it is flicker; steady motion and
    steady changes of light cancel out.
    """

    def __init__(self) -> None:
        self._before: list[np.ndarray] = []
        self._sum, self._count = 0.0, 0

    def add(self, picture: np.ndarray) -> None:
        """Look at one frame: (H, W, 3) uint8 RGB, always of the same part and size."""
        import cv2

        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        blocks = cv2.resize(grey, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
        if len(self._before) == 2:
            first, second = self._before
            self._sum += float(np.abs(second - (first + blocks) / 2).mean())
            self._count += 1
        self._before = [*self._before[-1:], blocks]

    @property
    def mean(self) -> float:
        """Levels of 255; NaN for less than three frames."""
        return self._sum / self._count if self._count else float("nan")
