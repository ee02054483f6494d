"""What somebody wants to be compared, and the verb that does it."""

from dataclasses import dataclass
from pathlib import Path

from ..capture.source import open_video
from ..errors import AvatarError
from .room import VIDEO_MB

CANDIDATES = 4
"""The most videos that are held against the reference."""
MAX_MINUTES = 3
"""The longest video."""
SOUNDS = ("own", "reference", "file")
"""Whose sound the lips are judged by: each video's own, the reference's, a recording's."""


@dataclass(frozen=True)
class Comparison:
    """Videos to compare; made only of what can be compared.

    Raises:
        AvatarError: if something is missing, too much, too large or too long.
    """

    reference: str | None
    candidates: tuple[str, ...]
    judged_by: str = "own"
    sound: str | None = None

    def __post_init__(self) -> None:
        if not self.candidates:
            raise AvatarError("There is nothing to measure yet: please add a video.")
        if len(self.candidates) > CANDIDATES:
            raise AvatarError(f"Up to {CANDIDATES} videos are compared at a time.")
        if self.judged_by not in SOUNDS:
            raise AvatarError(f"Videos are judged by {', '.join(SOUNDS)}, not something else.")
        if self.judged_by == "reference" and not self.reference:
            raise AvatarError("Without a reference there is no sound of it to judge by.")
        if self.judged_by == "file" and not self.sound:
            raise AvatarError("Please add the recording that the lips are to be judged by.")
        for video in map(Path, self.videos):
            _check_size(video)
            if open_video(video).seconds > MAX_MINUTES * 60 + 1:
                raise AvatarError(f"{video.name} is longer than {MAX_MINUTES} minutes; cut it.")
        if self.judged_by == "file":
            _check_size(Path(self.sound))

    @property
    def videos(self) -> list[str]:
        """All of them, the reference first."""
        return [*([self.reference] if self.reference else []), *self.candidates]

    def verb(self, report: Path) -> list[str]:
        """Arguments of the command line that write the folder ``report``."""
        how = [] if self.reference else ["--no-reference"]
        if self.judged_by != "own":
            how += ["--sound", self.sound] if self.judged_by == "file" else ["--audio"]
        return ["compare", *self.videos, "--report", str(report), *how]


def _check_size(path: Path) -> None:
    if path.is_file() and path.stat().st_size > VIDEO_MB * 2**20:
        raise AvatarError(f"{path.name} is larger than {VIDEO_MB} MB.")
