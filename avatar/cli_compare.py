"""The verb ``compare``: videos measured beside each other."""

import argparse
from pathlib import Path
from typing import Any

from .cli_common import add_progress, progress_of, verb


def add_verbs(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser = verb(
        verbs, "compare", _compare,
        "Measure videos beside a reference and beside control rows: pictures, lips, sync, motion.",
        reads=("videos", "sound", "syncnet"),
    )  # fmt: skip
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO",
                        help="the reference, then one or more candidates")  # fmt: skip
    parser.add_argument("--no-reference", dest="with_reference", action="store_false",
                        help="the first video is a candidate as the others are")  # fmt: skip
    sound = parser.add_mutually_exclusive_group()
    sound.add_argument("--audio", action="store_true",
                       help="judge all lips by the first video's sound, not each by its "
                       "own")  # fmt: skip
    sound.add_argument("--sound", type=Path, metavar="FILE",
                       help="judge all lips by this sound")  # fmt: skip
    parser.add_argument("--syncnet", metavar="FILE|ORG/NAME",
                        help="SyncNet's weights, see avatar.metrics.convert_syncnet; where not "
                        "given, what the variable AVATAR_SYNCNET says")  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="DIR",
                        help="write tables, curves, plots and the videos side by side")  # fmt: skip
    add_progress(parser)


def _compare(options: argparse.Namespace) -> dict[str, Any]:
    from .compare.comparison import compare
    from .metrics.syncnet import find_syncnet

    with progress_of(options) as progress:
        found = compare(
            options.videos, with_reference=options.with_reference, sound=options.sound,
            common_sound=options.audio, syncnet=find_syncnet(options.syncnet),
            report=options.report, progress=progress,
        )  # fmt: skip
    print(found.to_markdown())
    return found.to_dict()
