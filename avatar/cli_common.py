"""What all verbs of the command line share."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .files import check_folder, check_places, replacing
from .hub import Progress

ENGINES = ("auto", "torch", "openvino", "lite")
"""Those of ``render.engine``; named here, too, since the command line must be there at once."""


def verb(
    verbs: Any,
    name: str,
    run: Callable[[argparse.Namespace], dict[str, Any]],
    text: str,
    *,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """A verb with what all verbs have.

    Args:
        verbs: what verbs are added to.
        name: what it is called.
        run: does it; gives the result for ``--json``.
        text: what it does, for ``--help``.
        reads: its options, as they are called in the namespace, that name files to read.
        writes: those that name files to write, beside ``--json`` and ``--progress``.
        folders: those that name folders to fill.
    """
    parser = verbs.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.set_defaults(
        run=run, reads=reads, writes=("json", "progress", *writes), folders=folders
    )
    return parser


def check_files(options: argparse.Namespace, *made: Path) -> None:
    """Before the work of a verb: all that it writes has a place, and replaces nothing it reads.

    Args:
        options: its arguments.
        made: files that it writes without an option that says so.

    Raises:
        AvatarError: see ``check_places`` and ``check_folder``.
    """
    check_places([*_given(options, options.writes), *made], _given(options, options.reads))
    for folder in _given(options, options.folders):
        check_folder(folder)


def _given(options: argparse.Namespace, names: Sequence[str]) -> list[str | Path]:
    values = (getattr(options, name, None) for name in names)
    lists = (value if isinstance(value, list) else [value] for value in values)
    return [value for each in lists for value in each if value is not None]


def add_identity(parser: argparse.ArgumentParser, name: str, **options: Any) -> None:
    """The argument that says who, and its revision."""
    parser.add_argument(
        name, help="name under checkpoints/, a folder, or a Hub repository (org/name)", **options
    )
    parser.add_argument("--revision", help="commit, tag or branch of the Hub repository")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """The option that says what renders."""
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto",
        help="what renders; auto: torch on a GPU, else the identity's lite network if it has one",
    )  # fmt: skip


def add_progress(parser: argparse.ArgumentParser) -> None:
    """The option that ``progress_of`` reads."""
    parser.add_argument(
        "--progress", type=Path, metavar="FILE",
        help="keep in this file, as JSON, how far the work is: stage, done, total, seconds_left",
    )  # fmt: skip


@contextmanager
def progress_of(options: argparse.Namespace) -> Iterator[Progress]:
    """What to call with progress: it draws bars, and writes the file of ``--progress`` if asked.

    Use it as ``with progress_of(options) as progress:``.
    """
    bars = ProgressBars()
    file = ProgressFile(options.progress) if options.progress else None

    def progress(stage: str, done: int, total: int) -> None:
        bars(stage, done, total)
        if file:
            file(stage, done, total)

    try:
        yield progress
    finally:
        bars.close()


class ProgressBars:
    """One bar a stage, drawn from ``progress(stage, done, total)`` calls."""

    def __init__(self):
        self._bar: tqdm | None = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` is finished."""
        if stage != self._stage:
            self.close()
            self._stage = stage
            hidden = not sys.stderr.isatty()
            self._bar = tqdm(total=total, initial=done, desc=stage, disable=hidden)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the last bar."""
        if self._bar is not None:
            self._bar.close()


class ProgressFile:
    """How far the work is, as JSON in a file that another program reads again and again.

    It is replaced whole, at most every half second, and at once when a stage starts or ends:
    ``{"stage": text, "done": int, "total": int, "seconds_left": float | null}``.
    """

    EVERY_S = 0.5

    def __init__(self, path: Path):
        self._path = path
        self._stage: str | None = None
        self._written = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` is finished; 0 of 0 where that is not known."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._done_before = stage, now, done
        elif now - self._written < self.EVERY_S and not 0 < total <= done:
            return
        self._written = now
        since = done - self._done_before  # what an earlier run had done tells nothing of the speed
        left = (now - self._start) / since * (total - done) if since > 0 else None
        state = {"stage": stage, "done": done, "total": total, "seconds_left": left}
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")
