"""A film of anybody as head motion for an identity: its head moves as theirs does.

Motion is carried over, never looks. The driver's turn and place count from the middle of their own
poses and are added to the middle of those that the identity was seen in; brows count from the
driver's own rest, in the size of the identity's face; lids go as far from open to closed as the
driver's do, and the gaze moves by the same share of an eye. Last, all is pulled to the drawings
that the identity's network has seen, which also give the outline.
"""

import io
import re
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import ClipError
from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from ..face.keypoints import BROWS, COUNT, EYES
from ..face.pose import from_motion
from ..face.seen import Pulled, SeenDrawings
from ..hub import Progress
from ..identity import Identity
from ..render.steps import finished, looking
from .performance import (
    IRISES,
    Performance,
    eye_centre,
    eye_distance,
    eye_width,
    opening,
    watch,
)
from .source import open_video

LONGEST_S = 120
"""Seconds of a film that are used: a clip is repeated forth and back anyway."""
CLOSED = 3
"""Seen drawings with the narrowest eyes; they show what the identity's closed eyes are like."""
PREVIEW_S, PREVIEW_FPS, PREVIEW_SIZE = 8.0, 12.5, 256
"""Length, frames a second and side in px of a preview."""


@dataclass(frozen=True)
class Driven:
    """What a film gives an identity to do."""

    pulled: Pulled
    """The clip, and how far it had to be pulled."""
    gaps: list[tuple[float, float]]
    """Seconds of the film, from and to, in which no face was seen: between them the head moves on
    evenly, at the ends it is held."""
    seconds: float
    """Of the film that are used."""

    @property
    def clip(self) -> Clip:
        """The motion, at the identity's frame rate."""
        return self.pulled.clip

    @property
    def warnings(self) -> list[str]:
        """Sentences for people, none if all went well."""
        found = [self.pulled.warning] if self.pulled.warning else []
        if self.gaps:
            lost = sum(stop - start for start, stop in self.gaps)
            found.append(
                f"No face was seen in {lost:.1f} of the video's {self.seconds:.1f} s, first at "
                f"{self.gaps[0][0]:.1f} s; there the head moves on evenly."
            )
        return found


def driving_clip(video: str | Path, identity: Identity, progress: Progress | None = None) -> Driven:
    """Make a head-motion clip for an identity of a film of anybody.

    Args:
        video: a film in which a face is seen; its first two minutes are used.
        identity: whose head is to move.
        progress: called as ("look", done, total) in frames; what it raises cancels.

    Raises:
        CaptureError: if the file is missing, no film, or shows no face.
        ClipError: if the identity's bundle has no seen drawings.
    """
    return finished(looking(drive(video, identity)), progress)


def drive(video: str | Path, identity: Identity) -> Generator[tuple[int, int], None, Driven]:
    """``driving_clip`` step by step: yields how many frames of how many were looked at."""
    seen, fps = identity.seen(), identity.config.fps
    if seen is None:
        raise ClipError(
            f"The bundle {identity.name} has no seen drawings, so a video cannot move its head: "
            "package it again with this version."
        )
    source = open_video(video)
    performance = yield from watch(source, LONGEST_S)
    seconds = len(performance) / float(source.fps)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", source.path.stem).strip("-")[:60] or "video"
    acted = performance.resampled(max(round(seconds * fps), 1))
    edges = np.flatnonzero(np.diff(np.pad(~performance.visible, 1).astype(int)))
    gaps = [(float(a), float(b)) for a, b in (edges / float(source.fps)).reshape(-1, 2)]
    return Driven(seen.pull(_performed(acted, seen, name, fps)), gaps, seconds)


def driving_preview(clip: Clip, style: DrawingStyle) -> bytes:
    """The drawings of a clip as an animated WebP: its first 8 s, 256x256, white lines on black."""
    step = max(float(clip.fps) / PREVIEW_FPS, 1)
    frames = np.arange(0, min(len(clip), PREVIEW_S * float(clip.fps)), step).astype(int)
    size, out = (PREVIEW_SIZE, PREVIEW_SIZE), io.BytesIO()
    first, *others = (
        Image.fromarray(cv2.resize(clip.drawing(int(f), style), size, interpolation=cv2.INTER_AREA))
        for f in frames
    )
    milliseconds = round(1000 * step / float(clip.fps))
    first.save(out, "webp", save_all=True, append_images=others, duration=milliseconds, loop=0,
               quality=60)  # fmt: skip
    return out.getvalue()


def _performed(acted: Performance, seen: SeenDrawings, name: str, fps: Fraction) -> Clip:
    """The motion with an identity's face; the outline is still to come."""
    space, rest = seen.space, np.median(seen.canonical, axis=0)
    rest[:COUNT] = seen.geometry.canonical
    axes, unit = space.middle[:3, :3], eye_distance(rest)
    canonical = np.repeat(rest[None], len(acted), axis=0)
    canonical[:, list(BROWS)] += acted.brows @ axes * unit
    closed = seen.canonical[np.argsort(opening(seen.canonical))[:CLOSED]].mean(axis=0)
    canonical[:, list(EYES)] += acted.closure[:, None, None] * (closed - rest)[list(EYES)]
    canonical[:, list(IRISES)] += (acted.gaze @ axes * eye_width(rest))[:, None]
    pose = from_motion(np.pad(acted.turn @ axes, ((0, 0), (0, 3))), space.middle)
    eyes = axes @ eye_centre(rest) + space.middle[:3, 3] + acted.shift * unit
    pose[:, :3, 3] = eyes - pose[:, :3, :3] @ eye_centre(rest)
    points = np.float32(space.seen(canonical, pose))
    outline = np.repeat(seen.contour[:1], len(acted), axis=0)
    return Clip(name, fps, points[:, :COUNT], points[:, COUNT:], np.float32(pose), outline)
