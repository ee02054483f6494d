"""Everything that is measured of one renderer: pictures beside the truth, and disentanglement.

A renderer need not be a bundle: an engine and the network's arguments are enough, so that the arms
of an ablation are measured as an identity is. Beside each figure stands what control mouths score,
whose points are known exactly, and what the readers of the points are worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..capture.layout import Capture
from ..face.keypoints import MOUTH, NOSE
from . import views as choose
from .disentanglement import (
    Change,
    Lips,
    Openings,
    change,
    lips_error,
    openings,
    repeatability,
)
from .evaluate import Evaluation, score
from .image import Box
from .lips import opening
from .reader import LIPS, UPPER_FACE, PointReader, point_reader
from .subject import Subject
from .trust import Readers, measure_readers
from .views import View, faces, posed

COUNT = 8
"""Drawings, and sounds, of which every pair is rendered to look for leaks."""
BELOW_NOSE = 4
"""Pixels under the lowest nose point, from where on a mouth is exchanged."""
TRAINED = "trained, mouth open"
LIP, UPPER = list(MOUTH), list(UPPER_FACE.points)


@dataclass(frozen=True)
class Silence:
    """Openings in silence over one head motion."""

    motion: str
    rendered: Openings
    own_mouth: Openings
    """Control: a mouth that follows the motion's own speech."""
    opening_px: tuple[float, ...]
    """Opening of each rendered frame."""
    rest_px: tuple[float, ...]
    """What it should be."""
    own_px: tuple[float, ...]
    """Control."""


@dataclass(frozen=True)
class Leaks:
    """What changes although it should not."""

    lips: Change
    """Lips beside their truth, when only the drawing changes."""
    lips_error: Lips
    """The same lips beside the truth, whatever the cause."""
    lips_own_mouth: Change
    """Control: a mouth that follows the drawing's own frame and not the sound."""
    lips_frozen: Lips
    """Control: the rest mouth in each pose, which leaks nothing and says nothing."""
    lips_repeat: Change
    """The lip reader on one picture, moved by a few pixels."""
    opening_repeat: Change
    head: Change
    """Upper face, when only the sound changes."""
    head_own_sound: Change
    """Control: an upper face that follows the sound's own frame."""
    head_reader: Change
    """Control: the same pixels above the mouth over mouths that differ: the reader's own share."""
    head_repeat: Change
    """The upper-face reader on one picture, moved by a few pixels."""


@dataclass(frozen=True)
class Swap:
    """One take's speech over another's head motion, beside true lips."""

    speech: str
    motion: str
    rendered: Lips
    own_mouth: Lips
    """Control: the motion's own lips."""
    frozen: Lips
    """Control: the rest mouth."""


@dataclass(frozen=True)
class Measurement:
    """All figures of one renderer."""

    silence_opening_px: float
    """Mean inner-lip opening in silence over held-out and listening motion."""
    silence_opening_p95_px: float
    rest_opening_px: float
    """What it should be."""
    leak_lips_px: float
    """Mean change of lips beside their truth when only the drawing changes."""
    leak_head_px: float
    """Mean change of the upper face when only the sound changes."""
    images: list[Evaluation]
    """Held-out takes beside their true frames."""
    silence: list[Silence]
    """Held-out and listening motion together, then each, then trained drawings of open mouths."""
    leaks: Leaks
    swaps: list[Swap]
    readers: Readers


def measure(subject: Subject, capture: Capture, frames: int = 100) -> Measurement:
    """Measure a renderer.

    Args:
        subject: what is measured.
        capture: whose takes named ``test...`` it has not been trained on.
        frames: frames of each take that are rendered, evenly spaced; held-out takes are
            compared with all true frames.

    Raises:
        CaptureError: if the capture has no held-out take with pictures.
    """
    held_out = choose.held_out(capture)
    silence = measure_silence(subject, capture, frames)
    leaks = measure_leaks(subject, capture)
    return Measurement(
        silence_opening_px=silence[0].rendered.mean_px,
        silence_opening_p95_px=silence[0].rendered.p95_px,
        rest_opening_px=silence[0].rendered.rest_px,
        leak_lips_px=leaks.lips.mean_px,
        leak_head_px=leaks.head.mean_px,
        images=[score(subject, take, subject.said(take)) for take in held_out],
        silence=silence,
        leaks=leaks,
        swaps=measure_swaps(subject, capture, frames),
        readers=measure_readers(capture, frames),
    )


def measure_silence(subject: Subject, capture: Capture, frames: int) -> list[Silence]:
    """Show silence over heads that move as held-out and listening takes do, and over trained
    drawings whose mouths were wide open: all the former together come first."""
    takes = choose.held_out(capture) + choose.train_takes(capture, listening=True)
    motions = {take.name: choose.spread(take, frames) for take in takes}
    if trained := choose.trained_open(capture, frames):
        motions[TRAINED] = trained
    rest = capture.geometry.canonical
    shown = {}
    for name, views in motions.items():
        lips = _read(subject, views, subject.silent_windows(len(views)), f"silence, {name}")
        shown[name] = lips, posed(faces(views), views)[:, LIP], posed(rest, views)[:, LIP]
    unseen = [parts for name, parts in shown.items() if name != TRAINED]
    together = tuple(np.concatenate(parts) for parts in zip(*unseen, strict=True))
    return [_silence(name, *parts) for name, parts in ({"all unseen": together} | shown).items()]


def _silence(name: str, lips: np.ndarray, own: np.ndarray, rest: np.ndarray) -> Silence:
    traces = (tuple(opening(points).round(2).tolist()) for points in (lips, rest, own))
    return Silence(name, openings(lips, rest), openings(own, rest), *traces)


def measure_leaks(subject: Subject, capture: Capture) -> Leaks:
    """Render every pair of a few sounds and a few heads, as different as the capture has them."""
    sounds, heads = choose.different_mouths(capture, COUNT), choose.different_heads(capture, COUNT)
    said = np.stack([subject.windows(subject.said(take))[frame] for take, frame in sounds])
    size, box = (len(sounds), len(heads)), capture.mouth_box
    pictures = np.stack(list(
        subject.render(heads * size[0], said.repeat(size[1], axis=0), "sounds x heads")
    )).reshape(*size, 512, 512, 3)  # fmt: skip
    rest = capture.geometry.canonical
    truth = posed(faces(sounds)[:, None], heads)  # (sounds, heads, 68, 2)
    lip_reader, face_reader = point_reader(LIPS), point_reader(UPPER_FACE)
    found = np.stack([[lip_reader.read(p, box) for p in row] for row in pictures])
    upper = np.stack([[face_reader.read(p, box) for p in row] for row in pictures])
    own = np.broadcast_to(posed(faces(heads), heads), truth.shape)
    resting = np.broadcast_to(posed(rest, heads), truth.shape)
    lips = truth[:, :, LIP]
    lips_repeat, opening_repeat = repeatability(lip_reader, _diagonal(pictures), box)
    return Leaks(
        lips=change(found - lips),
        lips_error=lips_error(_flat(found), _flat(lips)),
        lips_own_mouth=change(own[:, :, LIP] - lips),
        lips_frozen=lips_error(_flat(resting[:, :, LIP]), _flat(lips)),
        lips_repeat=lips_repeat,
        opening_repeat=opening_repeat,
        head=change(upper.swapaxes(0, 1)),
        head_own_sound=change(truth[:, :, UPPER].swapaxes(0, 1)),
        head_reader=change(_under_one_face(face_reader, pictures, heads, box)),
        head_repeat=repeatability(face_reader, _diagonal(pictures), box)[0],
    )


def measure_swaps(subject: Subject, capture: Capture, frames: int) -> list[Swap]:
    """Show what held-out takes say over the head motion of a speaking and a listening take."""
    speaking, listening = (choose.train_takes(capture, quiet) for quiet in (False, True))
    swaps = []
    for speech in choose.held_out(capture):
        said = subject.windows(subject.said(speech))
        for motion in speaking[-1:] + listening[:1]:
            length = min(len(said), len(speech.pose), len(motion.pose))
            at = np.unique(np.linspace(0, length - 1, frames).astype(int))
            views = [(motion, int(frame)) for frame in at]
            truth = posed(speech.arrays["landmarks3d_canonical"][at], views)[:, LIP]
            name = f"{speech.name} over {motion.name}"
            controls = (faces(views), capture.geometry.canonical)
            own, frozen = (posed(faces, views)[:, LIP] for faces in controls)
            lips = (_read(subject, views, said[at], name), own, frozen)
            rows = (lips_error(found, truth) for found in lips)
            swaps.append(Swap(speech.name, motion.name, *rows))
    return swaps


def _read(subject: Subject, views: Sequence[View], said: np.ndarray, what: str) -> np.ndarray:
    """Lips (N, 20, 2) px of views rendered with windows (N, window, k)."""
    reader, box = point_reader(LIPS), views[0][0].capture.mouth_box
    return np.stack([reader.read(picture, box) for picture in subject.render(views, said, what)])


def _under_one_face(
    reader: PointReader, pictures: np.ndarray, heads: Sequence[View], box: Box
) -> np.ndarray:
    """Points (heads, sounds, n, 2) read where only what lies under the nose differs."""
    mixed = pictures.copy()
    for j, (take, frame) in enumerate(heads):
        nose = take.arrays["landmarks2d"][frame, list(NOSE), 1].max()
        mixed[:, j, : int(nose) + BELOW_NOSE] = pictures[0, j, : int(nose) + BELOW_NOSE]
    read = [[reader.read(picture, box) for picture in row] for row in mixed.swapaxes(0, 1)]
    return np.stack(read)


def _diagonal(pictures: np.ndarray) -> np.ndarray:
    """One picture of each head, each with another sound: (sounds, heads, ...) to (n, ...)."""
    return np.stack([pictures[i, i] for i in range(min(pictures.shape[:2]))])


def _flat(points: np.ndarray) -> np.ndarray:
    """(i, j, n, 2) to (i * j, n, 2)."""
    return points.reshape(-1, *points.shape[2:])
