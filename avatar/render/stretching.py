"""A clip beyond what its identity was trained on, and pulled back: what the pull is good for."""

from dataclasses import replace

import cv2
import numpy as np

from ..errors import BundleError, ClipError
from ..face.clip import Clip
from ..face.keypoints import COUNT
from ..face.pose import damp, pose_distance
from ..face.seen import Pulled, SeenDrawings
from ..identity import Identity
from .caption import captioned
from .engine import Engine

TILE = 256
"""Side of every small picture, in pixels."""
COLUMNS = 6


def stretched(clip: Clip, seen: SeenDrawings, times: float) -> Clip:
    """A clip whose head turns ``times`` as far as it ever did in the seen drawings.

    Raises:
        ClipError: if its head does not turn at all.
    """
    space, still = seen.space, damp(clip.pose, 0)
    turn = float(pose_distance(clip.pose, still).max())
    if turn < 0.1:
        raise ClipError(f"The head in the clip {clip.name} does not turn: there is no range.")
    amount = times * float(pose_distance(seen.pose, space.middle).max()) / turn
    pose = damp(clip.pose, amount)
    points = space.seen(space.canonical(clip.keypoints, clip.irises, clip.pose), pose)
    middle = clip.contour.mean(axis=0)
    return replace(
        clip,
        name=f"{clip.name}-stretched",
        keypoints=np.float32(points[:, :COUNT]),
        irises=np.float32(points[:, COUNT:]),
        pose=pose,
        contour=np.float32(middle + amount * (clip.contour - middle)),
    )


def stretch_sheet(
    identity: Identity, engine: Engine, clip: Clip, times: float
) -> tuple[np.ndarray, Pulled, dict[str, float]]:
    """Stretch a clip, pull it back and look at both, with nothing said.

    Returns:
        A sheet (H, W, 3) uint8 RGB: the furthest frames as drawings and rendered, each as asked for
        and as pulled, with their distance from the seen heads; the pulled clip; and the largest
        distance in px of each part from the hull in these frames after the pull.

    Raises:
        BundleError: if the bundle has no seen drawings.
        ClipError: if the clip's head does not turn.
    """
    seen = identity.seen()
    if seen is None:
        raise BundleError(f"The bundle {identity.name} has no seen drawings to compare with.")
    asked = stretched(clip, seen, times)
    pulled = seen.pull(asked)
    stretches = np.array_split(np.arange(len(clip)), min(COLUMNS, len(clip)))
    frames = [int(stretch[pulled.px[stretch].argmax()]) for stretch in stretches]
    rows, after = [], {}
    for what, motion in (("asked for", asked), ("pulled", pulled.clip)):
        after = seen.distance(_chosen(motion, frames))
        drawings = np.stack([motion.drawing(frame, identity.config.style) for frame in frames])
        notes = [f"{what}: {px:.1f} px outside" for px in after["head"]]
        rows += [_row(drawings, notes), _row(_rendered(identity, engine, drawings), notes)]
    left = {part: float(px.max()) for part, px in after.items()}
    return np.vstack([rows[0], rows[2], rows[1], rows[3]]), pulled, left


def _chosen(clip: Clip, frames: list[int]) -> Clip:
    names = ("keypoints", "irises", "pose", "contour")
    return replace(clip, features=None, **{name: getattr(clip, name)[frames] for name in names})


def _rendered(identity: Identity, engine: Engine, drawings: np.ndarray) -> list[np.ndarray]:
    config = identity.config
    silence = np.tile(config.features.silence, (1, config.network.window, 1)).astype(np.float32)
    return [engine(drawing[None], silence)[0] for drawing in drawings]


def _row(pictures: list[np.ndarray] | np.ndarray, notes: list[str]) -> np.ndarray:
    size = 2 * TILE, 2 * TILE
    tiles = [captioned(note, cv2.resize(p, size)) for p, note in zip(pictures, notes, strict=True)]
    return cv2.resize(np.hstack(tiles), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
