"""The command line: speak, serve, mash, train, evaluate, report, benchmark.

Exit codes: 0 done, 1 a problem told in one sentence, 2 wrong arguments, 130 interrupted.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .errors import AvatarError
from .files import replacing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    options = build_parser().parse_args(arguments)
    try:
        _check_folder(options.json)
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
    except KeyboardInterrupt:
        print("avatar: interrupted", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(prog="python -m avatar", description=__doc__)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_speak(verbs)
    _add_serve(verbs)
    _add_mash(verbs)
    _add_train(verbs)
    _add_evaluate(verbs)
    _add_report(verbs)
    _add_benchmark(verbs)
    return parser


def _verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], dict[str, Any]], text: str
) -> argparse.ArgumentParser:
    """A verb with what all verbs have."""
    parser = verbs.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.set_defaults(run=run)
    return parser


def _add_speak(verbs: Any) -> None:
    parser = _verb(verbs, "speak", _speak, "Make an MP4 of an identity saying something.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio", type=Path, metavar="FILE", help="any audio or video file")
    source.add_argument("--text", help="a text to speak")
    parser.add_argument("--out", type=Path, default=Path("avatar.mp4"), help="the MP4 to write")
    _add_identity(parser, "--identity", default="mira")
    parser.add_argument("--clip", help="head-motion clip; the identity's own choice if not given")
    parser.add_argument("--voice", default="en-us", help="voice, language or Hub model, for --text")
    parser.add_argument("--rate", type=float, default=1.0, help="speed of the voice, 0.5 to 2")
    parser.add_argument("--pitch", type=float, default=1.0, help="pitch of the voice, 0.5 to 2")
    parser.add_argument("--transcript", help="what --audio says, in English: better lips")
    parser.add_argument("--strength", type=float, default=1.0, help="mouth strength, 0 to 2")
    parser.add_argument("--label", action="store_true", help='show "AI-generated" in a corner')
    parser.add_argument("--visemes", type=Path, metavar="FILE", help="write the track, JSON or CSV")
    parser.add_argument(
        "--engine", choices=("auto", "torch", "openvino"), default="auto", help="what renders"
    )


def _speak(options: argparse.Namespace) -> dict[str, Any]:
    from .avatar import Avatar
    from .speech.speech import Speech

    _check_folder(options.visemes)
    avatar = Avatar.load(options.identity, options.revision, engine=options.engine)
    bars, source = ProgressBars(), options.audio
    if source is None:  # spoken here, since ``Avatar.speak`` takes "my talk.mp3" for a file
        fps = avatar.identity.config.fps
        source = Speech.from_text(options.text, fps, options.voice, options.rate, options.pitch)
    video = avatar.speak(
        source,
        clip=options.clip,
        transcript=options.transcript,
        strength=options.strength,
        label=options.label,
        out=options.out,
        progress=bars,
    )
    bars.close()
    if options.visemes:
        video.speech.track.save(options.visemes)
    print(f"{video.path}: {video.seconds:.2f} s, {video.frames} frames")
    return {
        "path": str(video.path),
        "seconds": video.seconds,
        "frames": video.frames,
        "fps": str(video.fps),
        "identity": avatar.identity.name,
        "visemes_from": video.speech.source,
    }


def _add_serve(verbs: Any) -> None:
    parser = _verb(verbs, "serve", _serve, "Start the page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")


def _serve(options: argparse.Namespace) -> dict[str, Any]:
    from .ui.page import serve

    serve(options.host, options.port)
    return {"host": options.host, "port": options.port}


def _add_mash(verbs: Any) -> None:
    parser = _verb(
        verbs, "mash", _mash, "Draw the mouth of one frame on the head of another, in every way."
    )
    _add_identity(parser, "identity")
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

    _check_folder(options.out)
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


def _add_train(verbs: Any) -> None:
    parser = _verb(
        verbs, "train", _train,
        "From a capture to an identity: oracle, synthetic pictures, renderer, bundle, scores. "
        "Stopped or killed, the same command goes on.",
    )  # fmt: skip
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("--out", type=Path, required=True, help="bundle to write at the end")
    parser.add_argument("--run", type=Path, dest="folder", required=True,
                        help="folder of the run's state; an earlier run there goes on")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="JSON: a section a stage; what it leaves out is as by default; "
                        "an earlier run's own, if not given")  # fmt: skip
    parser.add_argument("--print-config", action=_PrintConfig, help="print the defaults and exit")


class _PrintConfig(argparse.Action):
    """Like ``--help``: says what there is, and needs no other argument."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str):
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from .training.config import TrainingConfig

        print(TrainingConfig().to_json())
        parser.exit()


def _train(options: argparse.Namespace) -> dict[str, Any]:
    from .training.config import TrainingConfig
    from .training.pipeline import train

    logging.getLogger("avatar").setLevel(logging.INFO)
    _check_folder(options.out)
    wanted = TrainingConfig.read(options.config) if options.config else None
    try:
        training = train(options.capture, options.folder, options.out, wanted)
    except KeyboardInterrupt:
        print(f"avatar: what is done stands in {options.folder}", file=sys.stderr)
        raise
    print(f"{options.out}: a bundle after {training['steps']} steps")
    return training


def _add_ablate(verbs: Any) -> None:
    parser = _verb(
        verbs, "ablate", _ablate,
        "Train arms of the ablations, one after the other; the report measures what it finds.",
    )  # fmt: skip
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("arms", nargs="+", metavar="ARM",
                        help="none, classical, ours, latent_full, "
                        "mix_wide, one_decoder, window_N, ratio_X, oracle_whole")  # fmt: skip
    parser.add_argument("--run", type=Path, dest="folder", required=True,
                        help="folder of the method's run: its oracle and synthetic set are used")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="arms go here")
    parser.add_argument("--steps", type=int, default=3_000, help="optimiser steps of each arm")


def _ablate(options: argparse.Namespace) -> dict[str, Any]:
    from .capture.layout import Capture
    from .training.ablation import run_arm

    logging.getLogger("avatar").setLevel(logging.INFO)
    capture, result = Capture.load(options.capture), {}
    for arm in options.arms:
        folder = run_arm(arm, capture, options.folder, options.out, options.steps)
        result[arm] = str(folder)
        print(f"{arm}: {folder}")
    return result


def _add_evaluate(verbs: Any) -> None:
    parser = _verb(
        verbs, "evaluate", _evaluate,
        "Drive an identity with a take's sound and keypoints and compare with its true frames.",
    )  # fmt: skip
    _add_identity(parser, "identity")
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("take", help="take whose frames are rendered, e.g. test_a")
    parser.add_argument("--transcript", action="store_true", help="use the take's transcript")
    parser.add_argument("--controls", action="store_true",
                        help="also score shuffled, shifted and frozen mouths")  # fmt: skip


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    from .capture.layout import Capture
    from .identity import load_identity
    from .metrics.evaluate import control_rows, evaluate

    identity = load_identity(options.identity, options.revision)
    capture = Capture.load(options.capture)
    rows = {"real": evaluate(identity, capture, options.take, options.transcript)}
    if options.controls:
        rows |= control_rows(identity, capture, options.take, options.transcript)
    values = {name: asdict(row) for name, row in rows.items()}
    for name, row in values.items():
        print(name, " ".join(f"{key}={_short(value)}" for key, value in row.items()))
    result = values.pop("real")
    return result | ({"controls": values} if values else {})


def _add_report(verbs: Any) -> None:
    parser = _verb(
        verbs, "report", _report,
        "Measure an identity, and the ablations beside its training: Markdown, pictures, JSON.",
    )  # fmt: skip
    _add_identity(parser, "identity")
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="trainings, e.g. runs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")


def _report(options: argparse.Namespace) -> dict[str, Any]:
    from .capture.layout import Capture
    from .identity import load_identity
    from .metrics.report import write_report

    identity = load_identity(options.identity, options.revision)
    capture = Capture.load(options.capture)
    result = write_report(identity, capture, options.out, options.runs)
    print(f"{options.out / 'report.md'}: {identity.name}, measured")
    return result


def _add_benchmark(verbs: Any) -> None:
    parser = _verb(verbs, "benchmark", _benchmark, "Measure speed and memory on this machine.")
    _add_identity(parser, "--identity", default="mira")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the spoken clip")


def _benchmark(options: argparse.Namespace) -> dict[str, Any]:
    from .benchmark import as_markdown, benchmark
    from .identity import load_identity

    result = benchmark(load_identity(options.identity, options.revision), options.seconds)
    print(as_markdown(result))
    return result


def _add_identity(parser: argparse.ArgumentParser, name: str, **options: Any) -> None:
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


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _check_folder(path: Path | None) -> None:
    """Before minutes of work: its result must have a place."""
    if path is not None and not path.absolute().parent.is_dir():
        raise AvatarError(f"The folder {path.parent} does not exist.")


def _write_json(path: Path, result: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
