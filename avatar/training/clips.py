"""Head-motion clips for a bundle, chosen from a capture's takes by how much the head moves."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..capture.layout import Capture, Take
from ..errors import CaptureError
from ..face.clip import Clip
from ..face.keypoints import EYES, LEFT_EYE, NOSE, RIGHT_EYE
from ..face.pose import damp, project
from ..speech.visemes import SILENCE
from .dataset import take_features, train_takes

SECONDS = 15
"""Length of each clip, where a take is that long."""
STRIDE_S = 1
"""Candidates begin this far apart."""
MIN_FRAMES = 10
"""Frames of a clip at least."""
STILLNESS = 0.2
"""Share of the head's motion that the still clip keeps."""


def choose_clips(capture: Capture) -> list[Clip]:
    """The clips still, gentle, lively and, where someone listens, listening.

    A short film gives shorter clips, and one that has but one stretch to show no lively one. No
    clip goes over frames that are not usable.

    Raises:
        CaptureError: if there is no train take, or the face is hardly ever seen.
    """
    takes = train_takes(capture)
    longest = max((stop - start for take in takes for start, stop in _runs(take)), default=0)
    length = min(round(SECONDS * capture.fps), longest)
    if length < MIN_FRAMES:
        raise CaptureError(
            f"The capture {capture.folder} has no stretch of {MIN_FRAMES} usable train frames."
        )
    speaking, listening = [], []
    for take in takes:
        pool = listening if take.name in capture.listening else speaking
        pool += [_Stretch(_motion(take, s, length), take.name, s) for s in _starts(take, length)]
    speaking = sorted(speaking or listening)
    gentle, lively = speaking[0], speaking[-1]
    picks = {"gentle": gentle}
    if lively.take != gentle.take or abs(lively.start - gentle.start) >= length / 2:
        picks["lively"] = lively
    if listening:
        picks["listening"] = sorted(listening)[len(listening) // 2]
    clips = [
        _clip(capture.take(pick.take), name, pick.start, pick.start + length)
        for name, pick in picks.items()
    ]
    return [_still(capture.take(gentle.take), gentle.start, gentle.start + length), *clips]


class _Stretch(NamedTuple):
    """A candidate; the calmest comes first."""

    motion: float
    take: str
    start: int


def _runs(take: Take) -> list[tuple[int, int]]:
    """First frames and ends of the stretches that are usable throughout."""
    edges = np.diff(np.concatenate([[0], take.usable.astype(int), [0]]))
    starts, stops = (np.flatnonzero(edges == change).tolist() for change in (1, -1))
    return list(zip(starts, stops, strict=True))


def _starts(take: Take, length: int) -> list[int]:
    """Where candidates begin."""
    stride = round(STRIDE_S * take.capture.fps)
    return [s for start, stop in _runs(take) for s in range(start, stop - length + 1, stride)]


def _clip(take: Take, name: str, start: int, stop: int) -> Clip:
    """A stretch of a take, with what is said in it: beyond the end of the sound, silence."""
    said = take_features(take)[start:stop]
    silence = np.tile(SILENCE, (stop - start - len(said), 1))
    return replace(take.clip(name, start, stop), features=np.concatenate([said, silence]))


def _motion(take: Take, start: int, length: int) -> float:
    """Mean speed of the nose in pixels a frame."""
    nose = take.arrays["landmarks2d"][start : start + length, NOSE[0]]
    return float(np.linalg.norm(np.diff(nose, axis=0), axis=1).mean())


def _still(take: Take, start: int, stop: int) -> Clip:
    """A clip that keeps brows, eyes and blinks but only a little of the head's motion."""
    clip = _clip(take, "still", start, stop)
    pose = damp(clip.pose, STILLNESS)
    canonical = take.arrays["landmarks3d_canonical"][start:stop]
    keypoints = project(canonical, pose, take.capture.intrinsics)
    shift = [
        (keypoints - clip.keypoints)[:, list(eye)].mean(axis=1) for eye in (RIGHT_EYE, LEFT_EYE)
    ]
    # The outline has no canonical shape; it moves with the head, so its motion shrinks likewise.
    middle = clip.contour.mean(axis=0)
    contour = middle + STILLNESS * (clip.contour - middle)
    return replace(
        clip,
        keypoints=keypoints.astype(np.float32),
        irises=(clip.irises + np.stack(shift, axis=1)).astype(np.float32),
        pose=pose.astype(np.float32),
        contour=contour.astype(np.float32),
    )


def frontal_frame(clip: Clip) -> int:
    """The frame for a portrait: eyes wide open, head near the middle of its motion."""
    eyes = clip.keypoints[:, list(EYES)].reshape(len(clip), 2, 6, 2)
    opening = (eyes[:, :, 4:, 1] - eyes[:, :, 1:3, 1]).mean(axis=(1, 2))
    middle = np.median(clip.keypoints, axis=0)
    away = np.linalg.norm(clip.keypoints - middle, axis=2).mean(axis=1)
    return int(np.argmin(away + 100 * (opening < np.median(opening))))
