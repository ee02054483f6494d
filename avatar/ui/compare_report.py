"""The folder that a comparison leaves, as the Compare tab reads it."""

import csv
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..capture.source import VideoSource, open_video
from ..errors import AvatarError
from ..files import replacing
from ..timing import parse_fps

PICTURE_HEIGHT = 512
"""Rows of the pictures that are laid over each other."""
FIXED = ("frame", "seconds", "row")
"""Columns of ``frames.csv`` that are no metric."""


@dataclass(frozen=True, eq=False)  # Gradio asks for a hash
class Report:
    """What was measured of some videos."""

    folder: Path
    comparison: dict[str, Any]
    """The contents of ``comparison.json``."""
    videos: dict[str, Path]
    """The file of each row that is no control."""
    curves: dict[str, dict[str, np.ndarray]]
    """(T,) float of each metric that is given frame by frame, for each row; NaN where it is not."""

    @classmethod
    def read(cls, folder: Path, videos: Sequence[Path]) -> "Report":
        """Read a comparison.

        Args:
            folder: what ``python -m avatar compare --report`` wrote.
            videos: the files that were compared, the reference first if there is one.

        Raises:
            AvatarError: if something is missing or malformed.
        """
        try:
            text = (folder / "comparison.json").read_text(encoding="utf-8")
            comparison = json.loads(text)
            rows = [row["name"] for row in comparison["rows"] if row["kind"] != "control"]
            curves = _curves(
                folder / "frames.csv",
                [row["name"] for row in comparison["rows"]],
                [metric["key"] for metric in comparison["metrics"]],
            )
            return cls(folder, comparison, dict(zip(rows, videos, strict=True)), curves)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise AvatarError(f"The comparison in {folder.name} cannot be read.") from error

    @cached_property
    def fps(self) -> Fraction:
        """Frames a second of everything that is given frame by frame."""
        return parse_fps(self.comparison["fps"])

    @cached_property
    def names(self) -> dict[str, str]:
        """What people read for each row."""
        true = self.comparison.get("reference")
        return {
            row["name"]: true if true and row["kind"] == "reference" else row["name"]
            for row in self.comparison["rows"]
        }

    @property
    def frames(self) -> int:
        """How many frames were compared."""
        longest = (len(c) for rows in self.curves.values() for c in rows.values())
        return max(longest, default=round(self.comparison["seconds"] * self.fps))

    @property
    def files(self) -> list[Path]:
        """All of it, to be handed out."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def label(self, key: str) -> str:
        """A metric's name and unit for people."""
        for metric in self.comparison["metrics"]:
            if metric["key"] == key:
                return first_upper(", ".join(filter(None, (metric["name"], metric["unit"]))))
        return first_upper(key.replace("_", " "))

    def picture(self, row: str, frame: int, like: np.ndarray | None = None) -> np.ndarray:
        """A frame of one of the videos, (H, W, 3) uint8 RGB.

        Args:
            row: whose it is.
            frame: its number at ``fps``; after the end of a video its last frame stands.
            like: a picture whose size it gets.

        Raises:
            AvatarError: if the video is gone, or cannot be read.
        """
        if row not in self.videos:
            raise AvatarError(f"There is no video {row[:80]!r} in this comparison.")
        film = _film(self.videos[row], self.fps)
        for start in (min(frame, film.frames - 1), max(film.frames - 5, 0)):  # a few may be missing
            for shown in islice(film.read(max(start, 0), height=PICTURE_HEIGHT), 1):
                if like is not None and shown.shape != like.shape:
                    shown = cv2.resize(shown, like.shape[1::-1], interpolation=cv2.INTER_AREA)
                return shown
        raise AvatarError(f"{row} is here no more, or cannot be read.")

    def archive(self, folder: Path) -> Path:
        """Everything as ``comparison.zip`` in a folder.

        Raises:
            AvatarError: if it has been deleted meanwhile.
        """
        if not self.files:
            raise AvatarError("This comparison has been deleted; please compare again.")
        folder.mkdir(parents=True, exist_ok=True)
        out = folder / "comparison.zip"
        with replacing(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for path in self.files:
                archive.write(path, Path("comparison") / path.relative_to(self.folder))
        return out


def first_upper(text: str) -> str:
    """A name at the beginning of a line."""
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=32)
def _film(path: Path, fps: Fraction) -> VideoSource:
    """To look into a video once, not at every move of the slider."""
    return open_video(path).at(fps)


def _curves(
    path: Path, rows: Sequence[str], order: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Metric -> row -> values, without those that have none; first what the table has not, which
    is how far the lips are open, then in its order."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            for key, value in line.items():
                if key not in FIXED and value:
                    row = found.setdefault(key, {}).setdefault(line["row"], {})
                    row[int(line["frame"])] = float(value)
    keys = sorted(found, key=lambda key: order.index(key) if key in order else -1)
    return {
        key: {row: _dense(found[key][row]) for row in rows if row in found[key]} for key in keys
    }


def _dense(values: dict[int, float]) -> np.ndarray:
    curve = np.full(max(values) + 1, np.nan)
    curve[list(values)] = list(values.values())
    return curve
