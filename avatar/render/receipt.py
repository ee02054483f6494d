"""What a finished MP4 was found to be, kept beside it: ``hello.mp4`` and ``hello.receipt.json``."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import RenderError

SUFFIX = ".receipt.json"
CLOSED, OPEN, NO_SILENCE, NOT_READ = "closed", "open", "none in it", "not read"
"""What the lips do in silence."""


@dataclass(frozen=True)
class Receipt:
    """Measured on the file itself, decoded again; lips that are late have a positive offset."""

    offset_ms: float | None
    """Lips behind the sound; None where it could not be measured, and ``why`` says why."""
    offset_frames: float | None
    """The same in frames of the film."""
    why: str
    """Why there is no offset, in a few words; empty where there is one."""
    length_error_ms: float
    """Picture over sound: by the timing law at least 0 and less than one frame."""
    silence: str
    """In stretches that are to be silent the lips are "closed" or "open"; "none in it" without
    such a stretch, "not read" without lips."""
    open_s: float
    """Seconds of silence in which they are open."""
    frames: int
    """In the file."""
    frames_dropped: int
    """Frames that the sound needs and the file does not have."""
    sound_late_ms: float | None
    """The file's sound behind the one that was given; None where that was silent."""
    lips_read_s: float
    """Seconds of the film in which the lips were read."""
    correlation: float | None
    """Of the lips' opening with the one that was asked for, at the offset."""
    passed: bool
    reasons: tuple[str, ...] = ()
    """Why it did not pass."""
    notes: tuple[str, ...] = ()
    """What else could not be measured, in sentences."""

    @property
    def line(self) -> str:
        """All of it for people, in a line."""
        if self.offset_ms is None:
            sync = f"Sync not measured: {self.why}"
        else:
            word = "In sync" if self.passed else "Out of sync"
            where = f"lips read in {self.lips_read_s:.0f} s of it"
            sync = f"{word}: {_signed(self.offset_ms)} ({where})"
        silence = {
            CLOSED: "closed in silence", OPEN: f"open in silence for {self.open_s:.1f} s",
            NO_SILENCE: "no silence in it", NOT_READ: "lips not read in silence",
        }[self.silence]  # fmt: skip
        lost = f"{self.frames_dropped} frames lost" if self.frames_dropped else "no frame lost"
        return f"{sync}; length {_signed(self.length_error_ms)}, {silence}, {lost}"

    def save(self, path: str | Path) -> None:
        """Write it as JSON to exactly this path; whoever calls sees to it that it is whole."""
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Receipt":
        """Read what ``save`` wrote.

        Raises:
            RenderError: if it is missing or is no receipt.
        """
        try:
            data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            lists = {key: tuple(data[key]) for key in ("reasons", "notes")}
            return cls(**{field.name: data[field.name] for field in fields(cls)} | lists)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RenderError(f"{Path(path).name} is not a receipt of a video.") from error


def receipt_path(video: str | Path) -> Path:
    """Where the receipt of a video is."""
    return Path(video).parent / f"{Path(video).stem}{SUFFIX}"


def _signed(milliseconds: float) -> str:
    return f"{round(milliseconds):+d} ms" if round(milliseconds) else "0 ms"
