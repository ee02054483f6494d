"""Head-motion clips for a bundle, chosen from a capture's takes by how much the head moves."""

from dataclasses import replace

import numpy as np

from ..capture.layout import Capture, Take
from ..face.clip import Clip
from ..face.keypoints import EYES, LEFT_EYE, NOSE, RIGHT_EYE
from ..face.pose import damp, project
from ..speech.visemes import SILENCE
from .dataset import take_features, train_takes

SECONDS = 15
"""Length of each clip, where a take is that long."""
STRIDE_S = 1
"""Candidates begin this far apart."""
STILLNESS = 0.2
"""Share of the head's motion that the still clip keeps."""


def choose_clips(capture: Capture) -> list[Clip]:
    """The clips still, gentle, lively and, where someone listens, listening.

    Raises:
        CaptureError: if there is no train take.
    """
    takes = train_takes(capture)
    length = min(round(SECONDS * capture.fps), max(len(take.pose) for take in takes))
    silent = capture.listening
    speaking, listening = [], []
    for take in takes:
        for start in range(0, len(take.pose) - length + 1, round(STRIDE_S * capture.fps)):
            candidate = (_motion(take, start, length), take.name, start)
            (listening if take.name in silent else speaking).append(candidate)
    speaking = sorted(speaking or listening)
    picks = {"gentle": speaking[0], "lively": speaking[-1]}
    if listening:
        picks["listening"] = sorted(listening)[len(listening) // 2]
    clips = [
        _clip(capture.take(take), name, start, start + length)
        for name, (_, take, start) in picks.items()
    ]
    _, name, start = speaking[0]
    return [_still(capture.take(name), start, start + length), *clips]


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
