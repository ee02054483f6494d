"""A film that the head of an identity follows, read in the worker."""

from dataclasses import dataclass
from pathlib import Path

from ..face.clip import Clip
from ..identity import load_identity


@dataclass(frozen=True)
class Motion:
    """What an identity does to follow a film."""

    clip: Clip
    warnings: list[str]
    """Sentences for people."""
    picture: bytes
    """An animated WebP of the drawings."""


def read_motion(film: str, source: str | Path) -> Motion:
    """Find the motion in a film.

    Args:
        film: a film of anybody.
        source: the identity that is to follow it, see ``load_identity``.

    Raises:
        CaptureError: if it cannot be read, or shows no face.
    """
    from ..capture.driving import driving_clip, driving_preview  # MediaPipe, in the worker alone

    identity = load_identity(source)
    driven = driving_clip(film, identity)
    picture = driving_preview(driven.clip, identity.config.style)
    return Motion(driven.clip, driven.warnings, picture)
