"""What all verbs of the command line share."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .errors import AvatarError


def verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], dict[str, Any]], text: str
) -> argparse.ArgumentParser:
    """A verb with what all verbs have."""
    parser = verbs.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.set_defaults(run=run)
    return parser


def add_identity(parser: argparse.ArgumentParser, name: str, **options: Any) -> None:
    """The argument that says who, and its revision."""
    parser.add_argument(
        name, help="name under checkpoints/, a folder, or a Hub repository (org/name)", **options
    )
    parser.add_argument("--revision", help="commit, tag or branch of the Hub repository")


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
            self._bar = tqdm(total=total, desc=stage, disable=not sys.stderr.isatty())
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the last bar."""
        if self._bar is not None:
            self._bar.close()


def check_folder(path: Path | None) -> None:
    """Before minutes of work: its result must have a place."""
    if path is not None and not path.absolute().parent.is_dir():
        raise AvatarError(f"The folder {path.parent} does not exist.")
