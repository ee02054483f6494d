"""What ``speak --batch`` does: many videos from one file of jobs."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .cli_common import ProgressBars
from .errors import AvatarError

DEFAULTS = ("identity", "revision", "clip", "voice", "rate", "pitch", "strength", "label", "engine")
"""Options of ``speak`` that hold for all lines that do not say otherwise."""
OUT = Path("videos")
"""Where the videos go if nobody says."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``speak`` that are for batches alone."""
    group = parser.add_argument_group(
        "many videos", "a line of the file: " '{"text": "Hello.", "out": "hello.mp4"}, or "audio" '
        'with a "transcript" if you like; a line may also have the keys ' + ", ".join(DEFAULTS),
    )  # fmt: skip
    group.add_argument("--workers", type=int, metavar="N",
                       help="processes that share the cores; one to two cores if not given")
    group.add_argument("--ray", nargs="?", const="local", metavar="ADDRESS",
                       help="render on a Ray cluster that sees the same folders; without an "
                       "address, on one that is started here")  # fmt: skip


def speak_batch(options: argparse.Namespace) -> dict[str, Any]:
    """Render all jobs of ``--batch``; failures are told one by one, and counted."""
    from .batch.run import run_batch

    given = [name for name in ("transcript", "dub", "visemes") if getattr(options, name)]
    if given:
        raise AvatarError(f"--{given[0]} is for a single video, not for --batch.")
    folder, told = options.out or OUT, _Told()
    defaults = {name: getattr(options, name) for name in DEFAULTS}
    outcomes = run_batch(options.batch, folder, _executor(options), defaults, told)
    told.close()
    failed = sum(outcome.error is not None for outcome in outcomes)
    kept = len(outcomes) - told.count
    print(f"{folder}: {len(outcomes) - failed} of {len(outcomes)} videos are there"
          f"{f', {kept} of them from before' if kept else ''}")  # fmt: skip
    return {"folder": str(folder), "jobs": len(outcomes), "failed": failed, "kept": kept}


def _executor(options: argparse.Namespace) -> Any:
    if options.workers is not None and options.workers < 1:
        raise AvatarError(f"--workers should be 1 or more, not {options.workers}.")
    if options.ray:
        from .batch.cluster import Cluster

        return Cluster(options.ray, options.workers)
    from .batch.pool import Pool

    return Pool(options.workers)


class _Told:
    """Tells failures and warnings as they come, above a bar."""

    def __init__(self):
        self.count = 0
        """Lines that were told."""
        self._bars = ProgressBars()
        self.close = self._bars.close

    def __call__(self, outcome: Any, done: int, total: int) -> None:
        self.count += 1
        self._bars("batch", done, total)
        where = f"line {outcome.line}" + (f", {outcome.out}" if outcome.out else "")
        for text in filter(None, [outcome.error, *outcome.warnings]):
            tqdm.write(f"avatar: {where}: {text}", file=sys.stderr)
