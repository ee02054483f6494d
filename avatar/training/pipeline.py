"""One command from a capture to a bundle: oracle, synthetic pictures, renderer, scores.

    python -m avatar train CAPTURE --out checkpoints/NAME --run runs/NAME

Each stage keeps what it has done in the run folder, and the same command goes on from there:
``config.json`` says how the run was begun, ``oracle/mouth``, ``oracle/head`` and ``renderer`` are
trainings (see ``trainer``), ``synthetic`` holds the oracle's pictures.
"""

import logging
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import torch

from ..capture.layout import Capture
from ..errors import AvatarError
from ..identity import read_bundle
from ..identity_config import NAME
from ..metrics.evaluate import evaluate
from ..nets.oracle import Oracle
from .bundle import export_bundle
from .clips import choose_clips
from .config import TrainingConfig, settle
from .dataset import Sample, load_capture
from .oracle import PARTS, OracleTrainer, load_oracle, train_oracle
from .renderer import RendererTrainer, warn_of_ratio
from .synthetic import SyntheticSamples, gallery, make_synthetic

log = logging.getLogger(__name__)

COSTS = {"mouth": 0.24, "head": 0.27, "synthetic": 0.13, "renderer": 0.30}
"""Seconds a sample in each stage, in their order, on one CPU core. How they compare tells how long
the stages to come will take, at the pace of the one at work."""


def train(
    capture_folder: Path, run: Path, out: Path, wanted: TrainingConfig | None = None
) -> dict[str, Any]:
    """Train (or go on training) and write the bundle with its scores.

    Args:
        capture_folder: the capture; takes named ``test*`` are only scored.
        run: folder of the run.
        out: bundle to write, replaced if it exists.
        wanted: how to train; None: as the run was begun, or by default.

    Returns:
        How the weights came about and what they score, as the bundle's config.json keeps it.

    Raises:
        AvatarError: if something is missing, does not fit or cannot be written; what the run has
            done so far stands, and the same call goes on from there.
    """
    capture = Capture.load(capture_folder)
    _check(capture, out)
    config = _fitted(settle(run, wanted), capture)
    warn_of_ratio(config.renderer.training.synthetic_ratio)
    frames = load_capture(capture, config.renderer.network.window)
    drawers = _train_oracle(frames, run, config)
    oracle = load_oracle(run / "oracle", config.oracle.network)
    synthetic = _synthetic(capture, oracle, len(frames), run, config)
    trainer = RendererTrainer(
        frames, synthetic, run / "renderer", config.renderer.training, config.renderer.network
    )
    weights = trainer.train()
    training = {
        "frames": len(frames),
        "synthetic_frames": len(synthetic),
        "oracle_steps": max(drawer.step for drawer in drawers),
        **_facts(trainer),
        "hours": round(sum(part.seconds for part in (*drawers, trainer)) / 3600, 2),
    }
    network = config.renderer.network
    export_bundle(capture, weights, network, out, training, oracle)
    training["held_out"] = score(out, capture)
    export_bundle(capture, weights, network, out, training, oracle)
    return training


def score(bundle: Path, capture: Capture) -> dict[str, dict[str, Any]]:
    """Evaluate on every held-out take, with its transcript and from sound alone."""
    identity = read_bundle(bundle)
    rows = {}
    for take in capture.takes:
        if take.held_out and take.rendered:
            for label, transcript in (("with transcript", True), ("sound alone", False)):
                log.info("scoring %s, %s", take.name, label)
                row = asdict(evaluate(identity, capture, take.name, transcript))
                rows[f"{take.name}, {label}"] = row
    return rows


def _check(capture: Capture, out: Path) -> None:
    """What would fail after hours fails now."""
    if not NAME.fullmatch(out.name):
        raise AvatarError(f"An identity cannot be called {out.name!r}: letters, digits, - and _.")
    choose_clips(capture)
    _ = capture.geometry


def _fitted(config: TrainingConfig, capture: Capture) -> TrainingConfig:
    """With the capture's mouth box."""
    oracle, renderer = (
        replace(stage, network=replace(stage.network, mouth_box=capture.mouth_box))
        for stage in (config.oracle, config.renderer)
    )
    return replace(config, oracle=oracle, renderer=renderer)


def _train_oracle(
    frames: Sequence[Sample], run: Path, config: TrainingConfig
) -> list[OracleTrainer]:
    """The runs of mouth and head, done."""
    later = {part: _later(part, config, len(frames)) for part in PARTS}
    stage = config.oracle
    return train_oracle(frames, run / "oracle", stage.training, stage.network, later)


def _synthetic(
    capture: Capture, oracle: Oracle, frames: int, run: Path, config: TrainingConfig
) -> SyntheticSamples:
    """The oracle's pictures, and a gallery of them."""
    later = _later("synthetic", config, frames)
    folder = make_synthetic(capture, oracle, run / "synthetic", frames, config.synthetic, later)
    samples = SyntheticSamples(capture, folder, config.renderer.network.window)
    shown = cv2.cvtColor(gallery(samples), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "gallery.jpg"), shown)
    return samples


def _later(stage: str, config: TrainingConfig, frames: int) -> float:
    """The work of the stages after this one, counted in its steps or pairs."""
    oracle, renderer = config.oracle.training.schedule, config.renderer.training.schedule
    batch = {"mouth": oracle.batch, "head": oracle.batch, "renderer": renderer.batch}
    units = {
        "mouth": oracle.steps, "head": oracle.steps,
        "synthetic": frames * config.synthetic.pairs_per_frame, "renderer": renderer.steps,
    }  # fmt: skip
    cost = {name: seconds * batch.get(name, 1) for name, seconds in COSTS.items()}
    names = list(COSTS)
    after = names[names.index(stage) + 1 :]
    return sum(units[name] * cost[name] for name in after) / cost[stage]


def _facts(trainer: RendererTrainer) -> dict[str, Any]:
    """What the model card says of the method."""
    schedule = trainer.schedule
    return {
        "synthetic_ratio": trainer.training.synthetic_ratio,
        "steps": trainer.step,
        "adversarial_steps": sum(map(schedule.joined, range(schedule.steps))),
        "vgg": trainer.losses["head"].vgg is not None,
        "batch": schedule.batch,
        "seed": schedule.seed,
        "device": _device(),
    }


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
