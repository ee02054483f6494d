"""What became of the jobs: ``results.jsonl`` in the folder of a batch, one line a job."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..files import replacing
from ..render.receipt import receipt_path
from .jobs import Outcome, Task, outcome_of

NAME = "results.jsonl"


class Results:
    """The results of a folder, of this batch and of earlier ones.

    A line is added when a job ends, so that a batch that is killed knows what it has done.
    """

    def __init__(self, folder: Path):
        self.path = folder / NAME
        self._folder = folder
        self._of_videos = {outcome.out: outcome for outcome in _read(self.path) if outcome.out}
        self._write(self._of_videos.values())  # only whole lines, for others to follow

    def of(self, task: Task) -> Outcome | None:
        """The outcome of the very same job, if its video and receipt are there; else None."""
        outcome, video = self._of_videos.get(task.job.out), self._folder / task.job.out
        if outcome is None or outcome.error or outcome.fingerprint != task.fingerprint:
            return None
        whole = video.is_file() and video.stat().st_size == outcome.bytes
        return outcome if whole and receipt_path(video).is_file() else None

    def add(self, outcome: Outcome) -> None:
        """Keep what became of a job."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(outcome))

    def tidy(self, outcomes: Iterable[Outcome]) -> None:
        """Write the file anew: one line for each of the outcomes, then videos of other batches."""
        outcomes = sorted(outcomes, key=lambda outcome: outcome.line)
        names = {outcome.out for outcome in outcomes}
        others = [o for out, o in self._of_videos.items() if out not in names and not o.error]
        self._write([*outcomes, *others])

    def _write(self, outcomes: Iterable[Outcome]) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text("".join(map(_line, outcomes)), encoding="utf-8")


def _line(outcome: Outcome) -> str:
    row: dict[str, Any] = {"ok": outcome.error is None} | asdict(outcome)
    return json.dumps(row, ensure_ascii=False) + "\n"


def _read(path: Path) -> list[Outcome]:
    """The outcomes in a file; what is no whole line, as after a power cut, is left out."""
    if not path.is_file():
        return []
    outcomes = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line)
            del row["ok"]
            outcomes.append(outcome_of(row))
        except (ValueError, KeyError, TypeError):
            continue
    return outcomes
