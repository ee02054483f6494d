"""Mouth points in numbers: how open, how far from the truth, and how late."""

import numpy as np
from scipy.signal import butter, sosfilt

from ..capture.crop import EYES_APART
from ..capture.face_track import FaceTrack
from ..capture.fit import EYES_APART as EYES_APART_M
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP, LEFT_EYE, MOUTH, NOSE, RIGHT_EYE
from ..speech.prosody import frame_levels
from ..timing import SAMPLE_RATE

PX = EYES_APART / EYES_APART_M
"""Px of a 512 px canvas on which the eyes are 98 px apart, to a metre of a ``FaceTrack``."""
MAX_LAG = 10
"""Frames either way in which the offset is looked for."""
LEAST_PAIRS = 8
"""A correlation over fewer frames says nothing."""
LEAST_MOTION = 0.012
"""Standard deviation of the outer lips' opening, in distances of the outer eye corners, of a mouth
that moves: a still one that is tracked on a moving head has 0.005, speakers have 0.03 and more."""
VOWELS_HZ, DEPTH_DB = (500.0, 2500.0), 40.0
"""Where open mouths are loud: in 31 unseen clips of Mira, 3 s each, the outer lips fit the loudness
there best within a frame of the truth 24 times; inner lips and the whole sound, 16 times. What is
quieter than the loudest frame by more is not told apart."""


def opening(points: np.ndarray) -> np.ndarray:
    """Inner-lip opening: mouth points (..., 20, 2) px to distances (...,) px between 62 and 66."""
    first = MOUTH[0]
    gap = points[..., INNER_LIP_TOP - first, :] - points[..., INNER_LIP_BOTTOM - first, :]
    return np.linalg.norm(gap, axis=-1)


def outer_opening(points: np.ndarray) -> np.ndarray:
    """Outer-lip opening: mouth points (..., 20, 2) px to mean distances (...,) px of 50-58, 51-57
    and 52-56, which a detector sees better than the inner one."""
    first = MOUTH[0]
    top, bottom = (points[..., np.array(part) - first, :] for part in ((50, 51, 52), (58, 57, 56)))
    return np.linalg.norm(top - bottom, axis=-1).mean(axis=-1)


def lip_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance between two sets of mouth points, (..., 20, 2) px each, to (...,) px."""
    return np.linalg.norm(a - b, axis=-1).mean(axis=-1)


def interocular(keypoints: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners 36 and 45: (..., 68, 2) px to (...,) px."""
    corners = keypoints[..., RIGHT_EYE[0], :] - keypoints[..., LEFT_EYE[3], :]
    return np.linalg.norm(corners, axis=-1)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation over the frames that both have; NaN if too few, or one stands still."""
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both].astype(np.float64), b[both].astype(np.float64)
    if len(a) < 2 or a.std() < 1e-6 or b.std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def offset_frames(rendered: np.ndarray, true: np.ndarray, max_lag: int = MAX_LAG) -> int | None:
    """How many frames the rendered lips are late (positive) or early (negative).

    Args:
        rendered: (T,) openings in px, frame by frame.
        true: (T,) openings in px; NaN where there is no true frame.
        max_lag: frames either way.

    Returns:
        The lag of the highest correlation, the smallest one of equals; None if no lag has enough
        frames in common or nothing moves.
    """
    best, best_score = None, -np.inf
    for lag in sorted(range(-max_lag, max_lag + 1), key=abs):
        a, b = _pairs(rendered, true, lag)
        if np.count_nonzero(np.isfinite(a) & np.isfinite(b)) < LEAST_PAIRS:
            continue
        score = correlation(a, b)
        if score > best_score + 1e-9:
            best, best_score = lag, score
    return best


def best_lag(late: np.ndarray, of: np.ndarray, max_lag: int = MAX_LAG) -> tuple[int, float] | None:
    """The offset of ``offset_frames``, and the correlation there; None where that has none."""
    lag = offset_frames(late, of, max_lag)
    return None if lag is None else (lag, correlation(*_pairs(late, of, lag)))


def loudness_lag(track: FaceTrack, sound: np.ndarray) -> tuple[int, float] | None:
    """How late the lips are beside the loudness of vowels, and how well they fit it there.

    Args:
        track: T frames, from the sound's first sample on.
        sound: (N,) float32 mono at 16 kHz.

    Returns:
        Frames, positive where the lips are late, and the correlation of the outer opening with
        the loudness in dB; None for silence, a mouth that stands still, or too few frames.
    """
    lips = outer_opening(mouth_points(track))
    if not len(sound) or lips.std() < LEAST_MOTION * PX * track.interocular:
        return None
    vowels = sosfilt(butter(4, VOWELS_HZ, "band", fs=SAMPLE_RATE, output="sos"), sound)
    level = frame_levels(vowels, track.fps)[: len(track)]
    loudness = np.maximum(level, level.max() - DEPTH_DB)
    return best_lag(lips, loudness)


def mouth_points(track: FaceTrack) -> np.ndarray:
    """Mouth of a face with the head's pose taken away, as if it were always seen from the front.

    Returns:
        (T, 20, 2) px of a 512 canvas on which the eyes are 98 px apart, x right, y down, from the
        middle of the nose, which carries the detector's trembling.
    """
    points = track.canonical[:, list(MOUTH)] - track.canonical[:, list(NOSE)].mean(1, keepdims=True)
    return points[..., [0, 2]] * np.float32([PX, -PX])


def dlip(a: FaceTrack, b: FaceTrack) -> np.ndarray:
    """Lip distance of two tracks on one clock, heads' poses taken away: (T,) px of 512.

    Divided by ``track.interocular * PX`` it is in distances of the outer eye corners.
    """
    return lip_distance(mouth_points(a), mouth_points(b))


def _pairs(rendered: np.ndarray, true: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """What is rendered at t + lag beside what is true at t."""
    length = min(len(rendered), len(true))
    first, last = max(0, -lag), min(length, length - lag)
    if first >= last:
        return np.empty(0), np.empty(0)
    return rendered[first + lag : last + lag], true[first:last]
