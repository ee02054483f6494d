"""What the paper's choices are worth: each arm is a short training that differs in one of them.

    python -m avatar ablate CAPTURE ARM... --run runs/mira --out runs/ablation

Arms share steps, seed, schedule and losses. ``python -m avatar report`` measures what it finds.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..capture.layout import Capture
from ..errors import AvatarError
from ..files import replacing
from ..nets.renderer import RendererConfig
from ..speech.features import Features, Wav2Vec2
from .dataset import VISEMES, load_capture
from .losses import LossWeights
from .oracle import OracleTrainer, OracleTraining, capture_config
from .pictures import PictureSchedule
from .renderer import RendererTrainer, RendererTraining
from .synthetic import SyntheticSamples

STEPS = 3_000
SCHEDULE = PictureSchedule(STEPS, adversary=0.9)
TRAINING = RendererTraining(SCHEDULE, LossWeights(width=16), mouth_share=0.5)
"""The same for all arms, and as they were first run; the discriminators are narrow and join late,
for the sake of CPUs."""


@dataclass(frozen=True)
class Arm:
    """One training."""

    question: str
    """What it answers, with its place in the paper."""
    network: dict[str, Any] = field(default_factory=dict)
    """Where the network differs from the default."""
    training: dict[str, Any] = field(default_factory=dict)
    """Where the training differs from ``TRAINING``."""
    features: Features = VISEMES
    """What the renderer listens to."""


ARMS = {
    "none": Arm("no augmentation (Fig. 8a)", training={"synthetic_ratio": 0.0}),
    "classical": Arm(
        "classical augmentation (Fig. 8b)", training={"synthetic_ratio": 0.0, "classical": True}
    ),
    "ours": Arm("keypoint mashing (Fig. 8c)"),
    "latent_full": Arm("mouth decoder reads the whole latent (G9)", {"mouth_latent": "full"}),
    "latent_crop": Arm("mouth decoder reads the box of the latent (G9)", {"mouth_latent": "crop"}),
    "mix_wide": Arm("window mixed by 6 -> 16 -> 1 (G6)", {"audio_mix": "wide"}),
    "context_none": Arm("no context blocks (G1)", {"context_blocks": 0}),
    "one_decoder": Arm("one decoder draws all (Fig. 10)", {"mouth_decoder": False}),
    **{f"window_{n}": Arm(f"window of {n} frames", {"window": n}) for n in (1, 2, 4, 8, 12)},
    **{
        f"ratio_{ratio}": Arm(f"{ratio:.0%} synthetic", training={"synthetic_ratio": ratio})
        for ratio in (0.5, 0.95)
    },
    "wav2vec": Arm("wav2vec 2.0 instead of visemes (Fig. 11)", {"k": 768}, features=Wav2Vec2()),
    "oracle_whole": Arm("the oracle's head network alone, without a mouth first (Fig. 3)"),
}
"""Every arm but "oracle_whole" trains the renderer."""


def run_arm(name: str, capture: Capture, run: Path, out: Path, steps: int = STEPS) -> Path:
    """Train one arm, or go on with it.

    Args:
        name: of the arm.
        capture: what all arms are trained on.
        run: folder of the method's run, whose oracle and synthetic set are used.
        out: the arm gets a folder of its name here.
        steps: optimiser steps.

    Returns:
        The arm's folder: its weights and ``arm.json``.

    Raises:
        AvatarError: for an unknown arm, or one that needs what ``run`` has not yet.
    """
    if name not in ARMS:
        raise AvatarError(f"There is no arm {name!r}; there are: {', '.join(ARMS)}.")
    folder = out / name
    train: Callable = _train_oracle if name == "oracle_whole" else _train_renderer
    facts = train(ARMS[name], capture, run, folder, steps)
    with replacing(folder / "arm.json") as temporary:
        temporary.write_text(json.dumps({"arm": name, "question": ARMS[name].question} | facts))
    return folder


def _train_renderer(
    arm: Arm, capture: Capture, run: Path, folder: Path, steps: int
) -> dict[str, Any]:
    # The window is mixed as in the paper's table but where that is in question: the arms were
    # first run that way, and are to stay comparable.
    same = {"mouth_box": capture.mouth_box, "audio_mix": "table"}
    config = RendererConfig(**same | arm.network)
    schedule = replace(SCHEDULE, steps=steps)
    training = replace(TRAINING, **{"schedule": schedule} | arm.training)
    real, synthetic = load_capture(capture, config.window, arm.features), ()
    if training.synthetic_ratio:
        synthetic = SyntheticSamples(capture, run / "synthetic", config.window, arm.features)
    trainer = RendererTrainer(real, synthetic, folder, training, config)
    trainer.train()
    return {
        "network": config.to_dict(), "features": arm.features.to_dict(),
        "training": asdict(training), "frames": len(real), "steps": trainer.step,
        "seed": schedule.seed, "seconds": round(trainer.seconds),
    }  # fmt: skip


def _train_oracle(
    arm: Arm, capture: Capture, run: Path, folder: Path, steps: int
) -> dict[str, Any]:
    config, samples = capture_config(capture), load_capture(capture, 1)
    schedule = PictureSchedule(steps, batch=2, adversary=0.9)
    training = OracleTraining(schedule, LossWeights(width=16))
    trainer = OracleTrainer("whole", samples, folder, training, config)
    trainer.train()
    return {
        "oracle": config.to_dict(), "training": asdict(training), "frames": len(samples),
        "steps": trainer.step, "seed": schedule.seed, "seconds": round(trainer.seconds),
    }  # fmt: skip
