"""Frames of a capture that are worth measuring, and the exact points of any mouth in any pose."""

import logging
from collections.abc import Sequence

import numpy as np

from ..capture.layout import HELD_OUT, Capture, Take
from ..errors import CaptureError
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP, MOUTH
from ..face.pose import pose_distance, project
from .disentanglement import far_apart

log = logging.getLogger(__name__)

CANDIDATES = 200
"""Frames among which those that differ most are looked for."""
QUIET = 0.9
"""Share of silent frames that makes a take one of listening."""

View = tuple[Take, int]
"""A frame of a take: whose head motion, and when."""


def held_out(capture: Capture) -> list[Take]:
    """Takes that nothing is trained on.

    Raises:
        CaptureError: if none has a picture.
    """
    takes = [take for take in capture.takes if take.held_out and take.rendered]
    if not takes:
        raise CaptureError(
            f"The capture {capture.folder} has no take to measure on: its name should begin with "
            f"{HELD_OUT!r} and it should have pictures."
        )
    return takes


def train_takes(capture: Capture, listening: bool) -> list[Take]:
    """Train takes in which the person only listens, or those in which they speak."""
    takes = [take for take in capture.takes if not take.held_out]
    return [take for take in takes if (take.silent.mean() > QUIET) == listening]


def spread(take: Take, count: int) -> list[View]:
    """Frames of a take, evenly spaced, at most ``count``."""
    return thinned([(take, frame) for frame in range(len(take.pose))], count)


def rendered(takes: Sequence[Take]) -> list[View]:
    """Frames of the takes whose picture is at hand."""
    return [(take, frame) for take in takes for frame in take.rendered if frame < len(take.pose)]


def true_pictures(views: Sequence[View]) -> tuple[list[View], list[np.ndarray]]:
    """Those of the views whose picture can be read, and the pictures, (512, 512, 3) uint8 RGB;
    damaged ones are left out with a warning."""
    kept, pictures = [], []
    for take, frame in views:
        try:
            pictures.append(take.head_over_background(frame))
        except CaptureError as error:
            log.warning("left out: %s", error)
            continue
        kept.append((take, frame))
    return kept, pictures


def trained_open(capture: Capture, count: int) -> list[View]:
    """The train pictures whose mouths are widest open: a network that learnt drawings by heart
    opens its mouth there whatever it hears."""
    views = rendered(train_takes(capture, listening=False))
    if not views:
        return []
    lips = np.stack([take.arrays["landmarks3d_canonical"][frame] for take, frame in views])
    gap = np.linalg.norm(lips[:, INNER_LIP_TOP] - lips[:, INNER_LIP_BOTTOM], axis=1)
    return [views[i] for i in np.argsort(-gap)[:count]]


def different_mouths(capture: Capture, count: int, with_picture: bool = False) -> list[View]:
    """Frames of held-out takes whose mouths differ as much as can be; all, or those rendered."""
    takes = held_out(capture)
    views = rendered(takes) if with_picture else _candidates(takes)
    lips = faces(views)[:, list(MOUTH)]
    distance = np.linalg.norm(lips[:, None] - lips[None], axis=-1).mean(axis=-1)
    return [views[i] for i in far_apart(distance, count)]


def different_heads(capture: Capture, count: int) -> list[View]:
    """Frames of held-out and listening takes whose heads are turned as differently as can be."""
    views = _candidates(held_out(capture) + train_takes(capture, listening=True))
    pose = poses(views)
    distance = pose_distance(pose[:, None], pose[None])
    return [views[i] for i in far_apart(distance, count)]


def faces(views: Sequence[View]) -> np.ndarray:
    """(N, 68, 3) metres: what each face is like before it is posed."""
    return np.stack([take.arrays["landmarks3d_canonical"][frame] for take, frame in views])


def poses(views: Sequence[View]) -> np.ndarray:
    """(N, 4, 4) canonical -> camera."""
    return np.stack([take.pose[frame] for take, frame in views])


def posed(face: np.ndarray, views: Sequence[View]) -> np.ndarray:
    """Canonical faces (..., 68, 3) in the poses of the views: exact (..., N, 68, 2) px."""
    geometry = views[0][0].capture.geometry
    pixels = project(face, poses(views), geometry.camera, geometry.perspective)
    return pixels.astype(np.float32)


def thinned(views: Sequence[View], count: int) -> list[View]:
    """At most ``count`` of them, evenly spaced."""
    return [views[i] for i in np.unique(np.linspace(0, len(views) - 1, count).astype(int))]


def _candidates(takes: list[Take]) -> list[View]:
    return [view for take in takes for view in spread(take, CANDIDATES // len(takes))]
