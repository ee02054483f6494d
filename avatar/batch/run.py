"""A batch from its file of jobs to its results; where they are rendered is the executor's."""

import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, Any

from ..errors import AvatarError
from ..files import check_folder, check_kept
from .jobs import Outcome, Task, planned, read_jobs
from .renderer import Renderer
from .results import NAME, Results

SCRATCH = ".unfinished"

Executor = Callable[[Sequence[Task], Renderer], Generator[Outcome, None, None]]
"""Yields the outcomes of all tasks, in any order: ``pool.Pool`` or ``cluster.Cluster``."""


def run_batch(
    jobs: Path,
    folder: Path,
    executor: Executor,
    defaults: Mapping[str, Any] | None = None,
    tell: Callable[[Outcome, int, int], None] = lambda outcome, done, total: None,
) -> list[Outcome]:
    """Render all jobs of a file that are not done yet.

    A job that fails does not stop the others. Videos appear whole; ``results.jsonl`` beside them
    has a line for each job. After an interruption, or a change of some jobs, the same call makes
    what is missing or has changed, and tries again what had failed.

    Args:
        jobs: the file; see ``read_jobs``.
        folder: where the videos go; made if need be.
        executor: renders them.
        defaults: fields of ``Job`` for lines that do not name them.
        tell: called with each outcome, how many lines are done, and how many there are.

    Returns:
        What became of each line, in the order of the file.

    Raises:
        AvatarError: if there are no jobs, the folder cannot be made or would replace the file, or
            another batch is at work in it.
        OSError: if the file cannot be read.
    """
    numbered, refused = read_jobs(jobs, defaults)
    folder = folder.absolute()
    check_folder(folder)
    check_kept([folder / NAME], [jobs])
    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(folder) as scratch:
        results = Results(folder)
        tasks, unknown = planned(numbered)
        kept = {task.line: found for task in tasks if (found := results.of(task))}
        # One identity after another: a worker keeps one.
        todo = sorted((t for t in tasks if t.line not in kept), key=lambda t: t.job.identity)
        outcomes = [replace(found, line=line) for line, found in kept.items()]
        total = len(tasks) + len(refused) + len(unknown)
        with closing(executor(todo, Renderer(folder, scratch))) as rendered:
            for outcome in chain(refused, unknown, rendered):
                results.add(outcome)
                outcomes.append(outcome)
                tell(outcome, len(outcomes), total)
        results.tidy(outcomes)
    return sorted(outcomes, key=lambda outcome: outcome.line)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder for what is unfinished, for one batch at a time."""
    scratch = folder / SCRATCH
    scratch.mkdir(exist_ok=True)
    with (scratch / "lock").open("w") as lock:
        _lock(lock, folder)
        for left in scratch.iterdir():  # by a batch that was killed
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _lock(file: IO, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: nobody is kept out
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until it is closed
    except BlockingIOError as error:
        raise AvatarError(
            f"Another batch is at work in {folder}: wait for its end, or name another folder."
        ) from error
