"""The verbs that train and measure: train, package, distill, ablate, evaluate, report."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cli_common import add_engine, add_identity, add_progress, progress_of, verb


def add_verbs(verbs: Any) -> None:
    """Add them to the parser."""
    _add_train(verbs)
    _add_package(verbs)
    _add_distill(verbs)
    _add_ablate(verbs)
    _add_evaluate(verbs)
    _add_report(verbs)


def _add_train(verbs: Any) -> None:
    parser = verb(
        verbs, "train", _train,
        "From a capture to trained networks: oracle, synthetic pictures, renderer; then package "
        "makes the identity. Stopped or killed, the same command goes on; under torchrun several "
        "processes share the work.",
        reads=("config",), folders=("folder",),
    )  # fmt: skip
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("--run", type=Path, dest="folder", required=True,
                        help="folder of the run's state; an earlier run there goes on")  # fmt: skip
    parser.add_argument("--start", metavar="IDENTITY",
                        help="start from its weights: a name, folder or Hub repository, mira if "
                        "not given; none: from random weights")  # fmt: skip
    parser.add_argument("--minutes", type=_minutes,
                        help="time for the whole training; more of them later go on; "
                        "if not given, the configuration's steps")  # fmt: skip
    parser.add_argument("--force", action="store_true",
                        help="train although the capture's verdict is to refuse it")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="JSON: a section a stage; what it leaves out is as by default; "
                        "an earlier run's own, if not given")  # fmt: skip
    parser.add_argument("--print-config", action=_PrintConfig, help="print the defaults and exit")
    add_progress(parser)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < 1e5:
        raise ValueError
    return minutes


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
    from .training.distributed import rank
    from .training.pipeline import train

    leads = rank() == 0
    logging.getLogger("avatar").setLevel(logging.INFO if leads else logging.ERROR)
    wanted = TrainingConfig.read(options.config) if options.config else None
    try:
        with progress_of(options) as progress:
            training = train(
                options.capture, options.folder, wanted,
                start=options.start, minutes=options.minutes, force=options.force,
                progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(f"avatar: what is done stands in {options.folder}", file=sys.stderr)
        raise
    if leads:
        print(f"{options.folder}: trained for {training['steps']} steps")
    return training


def _add_package(verbs: Any) -> None:
    parser = verb(
        verbs, "package", _package,
        "From a run to an identity: bundle, scores on held-out takes, model card, consent.",
        reads=("consent",), folders=("out",),
    )  # fmt: skip
    parser.add_argument("capture", type=Path, help="folder of the capture that was trained on")
    parser.add_argument("--run", type=Path, dest="folder", required=True,
                        help="folder of the run; it need not be done")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="bundle to write or replace")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--consent", type=Path, metavar="FILE",
                       help="JSON: who can be seen, what they agreed, date, contact")  # fmt: skip
    whose.add_argument("--synthetic", action="store_true",
                       help="declare that a computer made the person")  # fmt: skip
    parser.add_argument("--licence", help="of the weights; if not given, Apache-2.0 for a "
                        "synthetic person, else only what the consent says")  # fmt: skip
    parser.add_argument("--push", metavar="ORG/NAME",
                        help="upload it to this Hub repository, private if new")  # fmt: skip
    add_progress(parser)


def _package(options: argparse.Namespace) -> dict[str, Any]:
    from .hub import check_push, push_bundle
    from .training.consent import Consent
    from .training.package import package

    if options.push:
        check_push(options.push)
    consent = Consent.read(options.consent) if options.consent else None
    with progress_of(options) as progress:
        training = package(
            options.capture, options.folder, options.out, consent,
            synthetic=options.synthetic, licence=options.licence, progress=progress,
        )  # fmt: skip
    print(f"{options.out}: a bundle after {training['steps']} steps")
    if options.push:
        training |= {"pushed": push_bundle(options.out, options.push)}
        print(f"{training['pushed']}: uploaded")
    return training


def _add_distill(verbs: Any) -> None:
    parser = verb(
        verbs, "distill", _distill,
        "Teach an identity's lite renderer, which CPUs use from then on: two to three times as "
        "fast, a little less exact. It learns from the identity's renderer, without any footage, "
        "and is put into the bundle. Stopped or killed, the same command goes on.",
        folders=("folder",),
    )  # fmt: skip
    add_identity(parser, "identity")
    parser.add_argument("--run", type=Path, dest="folder", required=True,
                        help="folder of the training's state")  # fmt: skip
    parser.add_argument("--minutes", type=_minutes, help="time for it, instead of 30,000 steps")
    add_progress(parser)


def _distill(options: argparse.Namespace) -> dict[str, Any]:
    from .benchmark.engines import loss
    from .benchmark.stand import Stand
    from .identity import load_identity, read_bundle
    from .render.engine import make_engine
    from .training.distill import distill

    identity = load_identity(options.identity, options.revision)
    with progress_of(options) as progress:
        made = distill(identity, options.folder, options.minutes, progress)
    taught = read_bundle(identity.folder)
    made |= loss(make_engine(taught, "lite"), Stand.of(taught, 10.0))
    print(f"{made['path']}: after {made['steps']} steps, {made['psnr']:.1f} dB to the renderer, "
          f"{made['mouth_psnr']:.1f} in the mouth box")  # fmt: skip
    return made


def _add_ablate(verbs: Any) -> None:
    parser = verb(
        verbs, "ablate", _ablate,
        "Train arms of the ablations, one after the other; the report measures what it finds.",
        folders=("out",),
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
    parser = verb(
        verbs, "evaluate", _evaluate,
        "Drive an identity with a take's sound and keypoints and compare with its true frames.",
    )  # fmt: skip
    add_identity(parser, "identity")
    parser.add_argument("capture", type=Path, help="folder laid out like a capture")
    parser.add_argument("take", help="take whose frames are rendered, e.g. test_a")
    parser.add_argument("--transcript", action="store_true", help="use the take's transcript")
    add_engine(parser)
    parser.add_argument("--controls", action="store_true",
                        help="also score shuffled, shifted and frozen mouths")  # fmt: skip


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    from .capture.layout import Capture
    from .identity import load_identity
    from .metrics.evaluate import control_rows, evaluate

    identity = load_identity(options.identity, options.revision)
    capture = Capture.load(options.capture)
    rows = {"real": evaluate(identity, capture, options.take, options.transcript, options.engine)}
    if options.controls:
        rows |= control_rows(identity, capture, options.take, options.transcript, options.engine)
    values = {name: asdict(row) for name, row in rows.items()}
    for name, row in values.items():
        print(name, " ".join(f"{key}={_short(value)}" for key, value in row.items()))
    result = values.pop("real")
    return result | ({"controls": values} if values else {})


def _add_report(verbs: Any) -> None:
    parser = verb(
        verbs, "report", _report,
        "Measure an identity, and the ablations beside its training: Markdown, pictures, JSON.",
        folders=("out",),
    )  # fmt: skip
    add_identity(parser, "identity")
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


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
