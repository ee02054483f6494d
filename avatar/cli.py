"""The command line: ``python -m avatar VERB``.

Exit codes: 0 done, 1 a problem told in one sentence (in a batch, one for each job that failed),
2 wrong arguments, 130 interrupted, 143 ended by SIGTERM.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import cli_batch, cli_capture, cli_compare, cli_engine, cli_table, cli_training
from .cli_common import ProgressBars, add_engine, add_identity, check_files, verb
from .errors import AvatarError
from .files import replacing

OUT = Path("avatar.mp4")
"""Where the video goes if nobody says."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    options = build_parser().parse_args(arguments)
    try:
        check_files(options)
        result = options.run(options)
        if options.json:
            _write_json(options.json, result)
    except AvatarError as error:
        print(f"avatar: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        told = f"{error.strerror}: {error.filename}" if error.filename else error
        print(f"avatar: {told}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:  # a plain one is Ctrl-C's
        print("avatar: interrupted", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    return 1 if result.get("failed") else 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(prog="python -m avatar", description=__doc__)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_speak(verbs)
    _add_serve(verbs)
    _add_votes(verbs)
    _add_mash(verbs)
    _add_stretch(verbs)
    cli_capture.add_verbs(verbs)
    cli_training.add_verbs(verbs)
    cli_compare.add_verbs(verbs)
    cli_table.add_verbs(verbs)
    cli_engine.add_verbs(verbs)
    return parser


def _add_speak(verbs: Any) -> None:
    parser = verb(
        verbs, "speak", _speak, "Make an MP4 of an identity saying something.",
        reads=("audio", "batch", "clip", "dub"), writes=("visemes",),
    )  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio", type=Path, metavar="FILE", help="any audio or video file")
    source.add_argument("--text", help="a text to speak")
    source.add_argument("--batch", type=Path, metavar="FILE",
                        help="many videos: a JSON object a line, see below")  # fmt: skip
    parser.add_argument("--out", type=Path,
                        help=f"the MP4 to write, {OUT} if not given; with --batch, a folder, "
                        f"{cli_batch.OUT} if not given")  # fmt: skip
    add_identity(parser, "--identity", default="mira")
    head = parser.add_mutually_exclusive_group()
    head.add_argument("--clip", metavar="CLIP|VIDEO",
                      help="head-motion clip by name, or a video of anybody whose head moves; "
                      "the identity's own choice if not given")  # fmt: skip
    head.add_argument("--dub", type=Path, metavar="FILM",
                      help="a film of this very person, to put the new words into")  # fmt: skip
    parser.add_argument("--voice", default="en-us", help="voice, language or Hub model, for --text")
    parser.add_argument("--rate", type=float, default=1.0, help="speed of the voice, 0.5 to 2")
    parser.add_argument("--pitch", type=float, default=1.0, help="pitch of the voice, 0.5 to 2")
    parser.add_argument("--transcript", help="what --audio says, in English: better lips")
    parser.add_argument("--strength", type=float, default=1.0, help="mouth strength, 0 to 2")
    parser.add_argument("--label", action="store_true", help='show "AI-generated" in a corner')
    parser.add_argument("--visemes", type=_track, metavar="FILE",
                        help="write the track, JSON or CSV")  # fmt: skip
    add_engine(parser)
    cli_batch.add_options(parser)


def _track(text: str) -> Path:
    if Path(text).suffix.lower() not in (".json", ".csv"):
        raise argparse.ArgumentTypeError("expected a name that ends with .json or .csv")
    return Path(text)


def _speak(options: argparse.Namespace) -> dict[str, Any]:
    return cli_batch.speak_batch(options) if options.batch else _speak_once(options)


def _speak_once(options: argparse.Namespace) -> dict[str, Any]:
    from .avatar import Avatar, check_clip
    from .identity import load_identity
    from .render.engine import make_engine
    from .render.receipt import receipt_path
    from .speech.speech import Speech
    from .speech.visemes import check_strength

    out, bars = options.out or OUT, ProgressBars()
    check_files(options, out, receipt_path(out))
    check_strength(options.strength)
    person = load_identity(options.identity, options.revision)
    check_clip(options.dub or options.clip, person)
    fps = person.config.fps
    if options.audio is not None:
        source = Speech.from_file(options.audio, fps, options.transcript)
    else:  # spoken here, since ``Avatar.speak`` takes "my talk.mp3" for a file
        source = Speech.from_text(options.text, fps, options.voice, options.rate, options.pitch)
    avatar = Avatar(person, make_engine(person, options.engine))  # seconds, after what is refused
    how = {"strength": options.strength, "label": options.label, "out": out, "progress": bars}
    if options.dub is not None:
        video = avatar.dub(options.dub, source, **how)
    else:
        video = avatar.speak(source, clip=options.clip, **how)
    bars.close()
    if options.visemes:
        video.speech.track.save(options.visemes)
    print(f"{video.path}: {video.seconds:.2f} s, {video.frames} frames")
    print(video.receipt.line)
    return {
        "path": str(video.path),
        "seconds": video.seconds,
        "frames": video.frames,
        "fps": str(video.fps),
        "identity": avatar.identity.name,
        "visemes_from": video.speech.source,
        "receipt": asdict(video.receipt),
    }


def _add_serve(verbs: Any) -> None:
    parser = verb(verbs, "serve", _serve, "Start the page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument("--no-training", dest="training", action="store_false",
                        help="nobody may make an avatar of their own here")  # fmt: skip
    parser.add_argument("--blind", type=Path, metavar="FOLDER",
                        help="at /blind, let people vote on renders without knowing whose they "
                        "are: a subfolder a method, the same file names in each")  # fmt: skip
    add_engine(parser)


def _serve(options: argparse.Namespace) -> dict[str, Any]:
    from .ui.page import serve

    serve(options.host, options.port, training=options.training, vote_on=options.blind,
          engine=options.engine)  # fmt: skip
    return {"host": options.host, "port": options.port}


def _add_votes(verbs: Any) -> None:
    parser = verb(verbs, "votes", _votes, "Count the votes of serve --blind.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what was voted on")


def _votes(options: argparse.Namespace) -> dict[str, Any]:
    from .ui.votes import Poll, tally

    scores = tally(Poll(options.folder).votes())
    for score in scores:
        print(score)
    return {"scores": [vars(score) for score in scores]}


def _add_mash(verbs: Any) -> None:
    parser = verb(
        verbs, "mash", _mash, "Draw the mouth of one frame on the head of another, in every way.",
        writes=("out",),
    )  # fmt: skip
    add_identity(parser, "identity")
    for letter, gives in (("i", "the mouth and the sound"), ("j", "the head")):
        parser.add_argument(f"--clip-{letter}", required=True, metavar="CLIP",
                            help=f"clip of the frame that gives {gives}")  # fmt: skip
        parser.add_argument(f"--frame-{letter}", required=True, type=int, metavar="N",
                            help="its number, from 0")  # fmt: skip
    parser.add_argument("--strength", type=float, default=1.0,
                        help="how far the mouth moves from rest, 0 to 2")  # fmt: skip
    parser.add_argument("--max-distance", type=float, default=180.0, metavar="DEGREES",
                        help="refuse heads that are further apart")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")


def _mash(options: argparse.Namespace) -> dict[str, Any]:
    from PIL import Image

    from .identity import load_identity
    from .render.engine import make_engine
    from .render.mashing import Frame, mash_pictures, sheet
    from .speech.visemes import check_strength

    check_strength(options.strength)
    person = load_identity(options.identity, options.revision)
    frames = (
        Frame.of(person, options.clip_i, options.frame_i),
        Frame.of(person, options.clip_j, options.frame_j),
    )
    made = mash_pictures(
        person, make_engine(person), *frames,
        strength=options.strength, max_distance=options.max_distance,
    )  # fmt: skip
    with replacing(options.out) as temporary:
        Image.fromarray(sheet(made)).save(temporary, "png")
    print(f"{options.out}: heads {made.mash.distance:.1f} degrees apart")
    return {
        "path": str(options.out),
        "identity": person.name,
        "pose_distance_degrees": made.mash.distance,
        "rendered": made.rendered is not None,
    }


def _add_stretch(verbs: Any) -> None:
    parser = verb(
        verbs, "stretch", _stretch,
        "Turn the head further than it was seen to, and show how it is pulled back.",
        writes=("out",),
    )  # fmt: skip
    add_identity(parser, "identity")
    parser.add_argument("--clip", help="head-motion clip; the identity's own choice if not given")
    parser.add_argument("--times", type=float, default=2.0,
                        help="widest turn, as a multiple of the widest one trained on")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")


def _stretch(options: argparse.Namespace) -> dict[str, Any]:
    from PIL import Image

    from .identity import load_identity
    from .render.engine import make_engine
    from .render.stretching import stretch_sheet

    person = load_identity(options.identity, options.revision)
    clip = person.clip(options.clip)
    picture, pulled, left = stretch_sheet(person, make_engine(person), clip, options.times)
    with replacing(options.out) as temporary:
        Image.fromarray(picture).save(temporary, "png")
    print(f"{options.out}: {pulled.warning or 'nothing was outside'}")
    return {
        "path": str(options.out),
        "frames": len(pulled.clip),
        "frames_outside": int(pulled.far.sum()),
        "pulled_px": float(pulled.px.max()),
        "pulled_degrees": float(pulled.degrees.max()),
        "left_px": left,
    }


def _write_json(path: Path, result: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
