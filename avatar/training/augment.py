"""Which frame's mouth goes on which frame's head, and what the paper shows not to be enough.

Speech and head motion go together in every recording. In mashed pairs they do not: what is said in
frame i is shown on the head of frame j, for any two frames of the train takes, so that nothing but
the sound can tell the mouth (section 3.3). ``classical`` augmentation (Fig. 8b) is there for the
comparison only.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..capture.layout import Capture
from ..errors import AvatarError
from ..face.pose import pose_distance
from .dataset import Box, Sample, take_features, train_takes

TURN, SCALE, SHIFT = 6.0, 0.06, 14.0
"""Classical augmentation: largest rotation in degrees, change of size, shift in pixels."""


@dataclass(frozen=True)
class Augmentation:
    """How pairs are drawn."""

    pairs_per_frame: int = 10
    """Mashed pairs for every rendered frame."""
    most: int = 20_000
    """Pairs at most, however many frames: each takes 0.2 MB of disk."""
    furthest: float = 45.0
    """Degrees that the heads of a pair may be apart: far ones show the oracle's mistakes."""
    jittered: float = 0.5
    """Share of the pairs whose mouth is weaker or stronger than it was, with its features."""
    weakest: float = 0.5
    strongest: float = 1.4
    seed: int = 0

    def __post_init__(self):
        if self.pairs_per_frame < 1 or self.most < 1:
            raise ValueError(f"expected at least 1 pair, got {self}")
        if not 0 <= self.weakest <= self.strongest:
            raise ValueError(f"expected 0 <= weakest <= strongest, got {self}")


@dataclass(frozen=True)
class Pairs:
    """Which frame's mouth goes on which frame's head; row n of each array is one pair."""

    takes: tuple[str, ...]
    """Names that ``take_i`` and ``take_j`` index."""
    take_i: np.ndarray
    frame_i: np.ndarray
    take_j: np.ndarray
    frame_j: np.ndarray
    distance: np.ndarray
    """(N,) float32 degrees between the two heads."""
    strength: np.ndarray
    """(N,) float32: how far the mouth is opened, 1 as it was."""

    def __len__(self) -> int:
        return len(self.distance)


def draw_pairs(capture: Capture, wanted: int, config: Augmentation) -> Pairs:
    """Draw pairs of frames uniformly from the train takes, rendered or not, with a seed.

    Args:
        capture: takes named ``test*`` are never touched, nor are frames that are not usable.
        wanted: how many pairs.
        config: how far apart, how strong.

    Raises:
        AvatarError: if heads are hardly ever that near to each other.
    """
    takes = train_takes(capture)
    random = np.random.default_rng(config.seed)
    frames = [np.flatnonzero(take.usable[: len(take_features(take))]) for take in takes]
    of_take = np.repeat(np.arange(len(takes)), [len(part) for part in frames])
    of_frame = np.concatenate(frames)
    pose = np.concatenate([take.pose[part] for take, part in zip(takes, frames, strict=True)])
    if not len(of_frame):
        raise AvatarError(f"The capture {capture.folder} has no train frame that is usable.")
    i, j = random.integers(len(of_take), size=(2, 4 * wanted))
    distance = pose_distance(pose[i], pose[j])
    near = np.flatnonzero(distance <= config.furthest)[:wanted]
    if len(near) < wanted:
        raise AvatarError(
            f"Only {len(near)} of {wanted} pairs have heads within {config.furthest} degrees: "
            "allow them to be further apart."
        )
    i, j = i[near], j[near]
    strength = random.uniform(config.weakest, config.strongest, len(near))
    strength[random.random(len(near)) >= config.jittered] = 1
    return Pairs(
        tuple(take.name for take in takes),
        of_take[i], of_frame[i], of_take[j], of_frame[j],
        distance[near].astype(np.float32), strength.astype(np.float32),
    )  # fmt: skip


def classical(sample: Sample, box: Box, random: np.random.Generator) -> Sample:
    """Rotate, scale and shift a frame with its drawing, by the same amount for both pictures."""
    head, mouth = sample.pictures()
    size = head.shape[0]
    turn, scale = random.uniform(-TURN, TURN), 1 + random.uniform(-SCALE, SCALE)
    matrix = np.vstack([cv2.getRotationMatrix2D((size / 2, size / 2), turn, scale), (0, 0, 1)])
    matrix[:2, 2] += random.uniform(-SHIFT, SHIFT, 2)
    x, y, w, h = box
    across, down = mouth.shape[1] / w, mouth.shape[0] / h
    magnify = np.array([(across, 0, -x * across), (0, down, -y * down), (0, 0, 1)])
    points = {
        name: (getattr(sample, name) @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
        for name in ("keypoints", "irises", "contour")
    }
    moved = (
        _warped(head, matrix), _warped(mouth, magnify @ matrix @ np.linalg.inv(magnify))
    )  # fmt: skip
    return replace(sample, **points, pictures=lambda: moved)


def _warped(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move pixels by a (3, 3) affine matrix for coordinates with pixel centres at .5."""
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])
    matrix = np.linalg.inv(half) @ matrix @ half
    return cv2.warpAffine(
        picture, matrix[:2], picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101
    )
