"""The folder in which a capture is made: whether it may be used, and what is left of it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CaptureError
from ..files import replacing
from .film import Film
from .source import VideoSource

WORK = ".work"
"""Folder of the pieces; what is made is finished when it is gone."""
PLAN = "inputs.json"
FOLDERS = ("takes", "frames", "mouth", "report")


@dataclass(frozen=True)
class Desk:
    """An open capture."""

    out: Path
    films: list[Film]
    transcripts: list[str]
    """One a film, or none."""

    @classmethod
    def open(
        cls, out: Path, sources: Sequence[VideoSource], transcripts: list[str]
    ) -> "Desk | None":
        """Begin, or go on where the same work was stopped; None if it is finished.

        Raises:
            CaptureError: if the folder holds anything else.
        """
        inputs = {"films": [_stamp(source) for source in sources], "transcripts": transcripts}
        plan, finished = out / WORK / PLAN, out / "report" / PLAN
        if finished.exists() and not plan.exists():
            if json.loads(finished.read_text(encoding="utf-8")) == inputs:
                return None
            raise CaptureError(f"{out} holds a capture of other films: choose another folder.")
        if plan.exists():
            if json.loads(plan.read_text(encoding="utf-8")) != inputs:
                raise CaptureError(f"{out} holds the work on other films: choose another folder.")
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CaptureError(f"{out} is not empty: choose another folder.")
        plan.parent.mkdir(parents=True, exist_ok=True)
        write_json(plan, inputs)
        films = [Film(source, out / WORK / f"film_{n}") for n, source in enumerate(sources)]
        for folder in (*(out / name for name in FOLDERS), *(film.samples for film in films)):
            folder.mkdir(parents=True, exist_ok=True)
        return cls(out, films, transcripts)

    def close(self) -> None:
        """Say that all is done, and put the pieces away."""
        shutil.copyfile(self.out / WORK / PLAN, self.out / "report" / PLAN)
        (self.out / WORK / PLAN).unlink()
        shutil.rmtree(self.out / WORK)

    def clear(self) -> None:
        """Take everything away again."""
        for name in (WORK, *FOLDERS):
            shutil.rmtree(self.out / name, ignore_errors=True)
        for name in ("capture.json", "background.png"):
            (self.out / name).unlink(missing_ok=True)
        if not any(self.out.iterdir()):
            self.out.rmdir()


def _stamp(source: VideoSource) -> dict[str, Any]:
    """What tells a film from another of the same name."""
    return {"name": source.path.name, "bytes": source.path.stat().st_size, "fps": str(source.fps)}


def write_json(path: Path, data: Any) -> None:
    """Write a file of JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
