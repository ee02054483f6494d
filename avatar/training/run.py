"""One command from a capture to a bundle: train, export, score on held-out takes, export again."""

import logging
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..capture.layout import Capture
from ..identity import read_bundle
from ..metrics.evaluate import evaluate
from ..nets.renderer import RendererConfig
from .bundle import export_bundle
from .dataset import HELD_OUT
from .renderer import RendererTrainer, TrainingConfig

log = logging.getLogger(__name__)


def train_renderer(
    capture_folder: Path, run: Path, out: Path, config: TrainingConfig
) -> dict[str, Any]:
    """Train (or go on training) and write the bundle with its scores.

    Args:
        capture_folder: the capture; takes named ``test*`` are only scored.
        run: folder of the run's state, log and sample grids.
        out: bundle to write, replaced if it exists.
        config: how to train.

    Returns:
        How the weights came about and what they score, as config.json keeps it.
    """
    capture = Capture.load(capture_folder)
    network = RendererConfig(mouth_box=capture.mouth_box)
    trainer = RendererTrainer(capture, run, config, network)
    weights = trainer.train()
    training = {
        "frames": len(trainer.dataset),
        "steps": trainer.step,
        "batch": config.batch,
        "seed": config.seed,
        "hours": round(trainer.seconds / 3600, 2),
        "device": _device(),
    }
    export_bundle(capture, weights, network, out, training)
    training["held_out"] = score(out, capture)
    export_bundle(capture, weights, network, out, training)
    return training


def score(bundle: Path, capture: Capture) -> dict[str, dict[str, Any]]:
    """Evaluate on every held-out take, with its transcript and from sound alone."""
    identity = read_bundle(bundle)
    rows = {}
    for name in capture.take_names:
        if name.startswith(HELD_OUT) and capture.take(name).rendered:
            for label, transcript in (("with transcript", True), ("sound alone", False)):
                log.info("scoring %s, %s", name, label)
                row = asdict(evaluate(identity, capture, name, transcript))
                rows[f"{name}, {label}"] = row
    return rows


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
