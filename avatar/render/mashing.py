"""Pictures of a mash: the mouth of one frame on the head of another, drawn, as photo, spoken."""

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import ClipError
from ..face.clip import Clip
from ..face.drawing import draw_mouth_box, draw_with_mouth
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP
from ..face.mashing import Mash, mash
from ..face.pose import pose_distance
from ..identity import Identity
from ..nets.oracle import Oracle
from ..nets.pixels import to_bytes, unit
from ..speech.features import blend
from ..speech.visemes import check_strength, windows
from .caption import captioned
from .engine import Engine

FURTHEST = 180.0
"""Degrees between two heads: no limit."""
TURNED = 8.0
"""Degrees between the heads of the first pair that is shown."""


@dataclass(frozen=True)
class Frame:
    """One frame of a clip."""

    clip: Clip
    index: int

    @classmethod
    def of(cls, identity: Identity, clip: str, index: int) -> "Frame":
        """Frame ``index`` of an identity's clip.

        Raises:
            ClipError: if there is no such clip or frame.
        """
        found = identity.clip(clip)
        if not 0 <= index < len(found):
            raise ClipError(
                f"The clip {found.name} has the frames 0 to {len(found) - 1}, not {index}."
            )
        return cls(found, index)

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints (68, 2), irises (2, 2) and contour (M, 2), px."""
        clip, i = self.clip, self.index
        return clip.keypoints[i], clip.irises[i], clip.contour[i]

    def window(self, identity: Identity) -> np.ndarray | None:
        """(window, k) speech features that the frame is shown with; None if nobody knows them.

        Raises:
            ClipError: if they are not of the identity's kind.
        """
        features, k = self.clip.features, identity.config.features.k
        if features is None:
            return None
        if features.shape[1] != k:
            raise ClipError(
                f"The clip {self.clip.name} has {features.shape[1]} features a frame, "
                f"its identity {k}."
            )
        config = identity.config
        return windows(features, config.network.window, config.features.silence)[self.index]


@dataclass(frozen=True)
class MashPictures:
    """A mash and what is made of it; drawings are (512, 512) uint8, pictures have RGB beside."""

    mash: Mash
    drawing_i: np.ndarray
    """The frame that gives the mouth, as the oracle sees it: with lips and jaw."""
    drawing_j: np.ndarray
    """The frame that gives the head."""
    drawing: np.ndarray
    """The mash."""
    mouth: np.ndarray
    """The oracle's picture of the mouth box, magnified."""
    head: np.ndarray
    """The oracle's picture of the mash."""
    rendered: np.ndarray | None
    """The renderer's picture: the sound of frame i on the head of frame j; None where the clip
    does not know what was said in it."""


def mash_pictures(
    identity: Identity,
    engine: Engine,
    mouth: Frame,
    head: Frame,
    *,
    strength: float = 1.0,
    max_distance: float = FURTHEST,
) -> MashPictures:
    """Put the mouth of one frame on the head of another and look at it in every way.

    Args:
        identity: whose frames they are; its bundle has an oracle.
        engine: renders the identity.
        mouth: frame i, which gives lips, jaw and sound.
        head: frame j, which gives everything else.
        strength: how far the mouth moves from rest, 1 as it was.
        max_distance: degrees that the heads may be apart.

    Raises:
        BundleError: if the bundle has no oracle.
        AvatarError: for a strength outside 0..2.
        ClipError: if the heads are too far apart, or a clip is malformed.
    """
    oracle, geometry = identity.oracle(), identity.config.geometry
    check_strength(strength)
    keypoints_i, keypoints_j = mouth.parts[0], head.parts[0]
    pose_i, pose_j = mouth.clip.pose[mouth.index], head.clip.pose[head.index]
    mashed = mash(
        keypoints_i, pose_i, keypoints_j, pose_j, geometry,
        strength=strength, max_distance=max_distance,
    )  # fmt: skip
    style, box = identity.config.style, identity.config.network.mouth_box
    parts = (mashed.keypoints, *head.parts[1:])
    drawing, mouth_drawing = draw_with_mouth(*parts, style), draw_mouth_box(*parts, box, style)
    oracle_head, oracle_mouth = _drawn(oracle, drawing, mouth_drawing)
    return MashPictures(
        mashed, draw_with_mouth(*mouth.parts, style), draw_with_mouth(*head.parts, style), drawing,
        oracle_mouth, oracle_head, _rendered(identity, engine, mouth, head, strength),
    )  # fmt: skip


def look(identity: Identity, engine: Engine, frame: Frame) -> np.ndarray:
    """A frame of a clip, (512, 512, 3) uint8 RGB: rendered with what was said in it.

    Where the clip does not know that, it is the drawing with lips and jaw.
    """
    picture = _rendered(identity, engine, frame, frame)
    if picture is not None:
        return picture
    return np.repeat(draw_with_mouth(*frame.parts, identity.config.style)[..., None], 3, axis=2)


def example(identity: Identity) -> tuple[Frame, Frame]:
    """A pair worth looking at: the mouth at its widest, and a head that is turned a little."""
    clip = identity.clip()
    gap = clip.keypoints[:, INNER_LIP_BOTTOM, 1] - clip.keypoints[:, INNER_LIP_TOP, 1]
    mouth = Frame(clip, int(gap.argmax()))
    pose = clip.pose[mouth.index]
    away = {
        (name, int(index)): abs(float(distance) - TURNED)
        for name, other in identity.clips.items()
        for index, distance in enumerate(pose_distance(other.pose, pose))
        if np.isfinite(distance)
    }
    name, index = min(away, key=away.__getitem__)
    return mouth, Frame(identity.clip(name), index)


def sheet(pictures: MashPictures) -> np.ndarray:
    """All pictures with their names as one, (H, W, 3) uint8 RGB."""
    p = pictures
    named = {
        "i: gives the mouth": p.drawing_i,
        "j: gives the head": p.drawing_j,
        f"the mash, {p.mash.distance:.1f}° apart": p.drawing,
        "the oracle's mouth": p.mouth,
        "the oracle's picture": p.head,
        "the renderer's picture": p.rendered,
    }
    tiles = [captioned(name, tile) for name, tile in named.items() if tile is not None]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 3)
    return np.vstack([np.hstack(tiles[row : row + 3]) for row in range(0, len(tiles), 3)])


@torch.inference_mode()
def _drawn(
    oracle: Oracle, drawing: np.ndarray, mouth_drawing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The oracle's head and mouth, (512, 512, 3) uint8 RGB."""
    drawings = (unit(torch.from_numpy(d)[None, None]) for d in (drawing, mouth_drawing))
    head, mouth = (to_bytes(picture[0]).numpy() for picture in oracle(*drawings))
    return head, mouth


def _rendered(
    identity: Identity, engine: Engine, mouth: Frame, head: Frame, strength: float = 1.0
) -> np.ndarray | None:
    """The renderer's picture of what is said in one frame on the head of another."""
    window = mouth.window(identity)
    if window is None:
        return None
    window = blend(window, identity.config.features.silence, strength)
    drawing = head.clip.drawing(head.index, identity.config.style)
    return engine(drawing[None], window[None])[0]
