"""The verb that makes captures: prepare."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from .cli_common import add_progress, progress_of, verb


def add_verbs(verbs: Any) -> None:
    """Add it to the parser."""
    parser = verb(
        verbs, "prepare", _prepare,
        "From films of one person to a capture to train on, with a report on how good they are. "
        "Stopped or killed, the same command goes on.",
        reads=("videos", "transcript"),
    )  # fmt: skip
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO",
                        help="a film; others of the same person are joined to it")  # fmt: skip
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the capture")
    parser.add_argument("--transcript", type=Path, nargs="+", default=[], metavar="FILE",
                        help="text files, one a film: what is said, in English")  # fmt: skip
    parser.add_argument("--subject", help="who is shown; the first film's name if not given")
    parser.add_argument("--processes", type=_count, default=os.cpu_count() or 1, metavar="N",
                        help="how many work at a time; each needs about 0.6 GB")  # fmt: skip
    add_progress(parser)


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("expected at least 1")
    return int(text)


def _prepare(options: argparse.Namespace) -> dict[str, Any]:
    from .capture.prepare import prepare

    try:
        with progress_of(options) as progress:
            result = prepare(
                options.videos, options.out, options.transcript, options.subject,
                options.processes, progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(f"avatar: what is done stands in {options.out}", file=sys.stderr)
        raise
    print(f"{options.out}: {result['verdict']}; see {options.out / 'report' / 'report.md'}")
    for reason in result["reasons"]:
        print(f"  {reason}")
    return result
