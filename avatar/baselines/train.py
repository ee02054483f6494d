"""Training of the baselines on a capture, each at the same budget as our own renderer.

    nice python -m avatar.baselines.train CAPTURE --run runs/mira --arms runs/ablation --out DIR

Two arms of the ablation are used, and trained where they are not yet: "oracle_whole" is Pix2Pix,
"ours" our renderer. The audio-to-keypoints network is given the time by which "ours" took longer,
so that NVP + Pix2Pix and our renderer have cost the same. Stopped, the same command goes on.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ..capture.layout import Capture
from ..errors import AvatarError
from ..metrics.arms import FACTS, RENDERER, WHOLE
from ..training.ablation import STEPS, run_arm
from ..training.oracle import PARTS
from ..training.state import saved_states
from . import store
from .keypoint_training import MouthPointsTrainer

PIX2PIX_STEPS = 2_600
"""Of batches of two: with the keypoints' share, as long as 3,000 steps of our renderer."""
LEAST_S = 60.0
"""Seconds for the keypoints, however long the rest took."""


def train_baselines(capture: Capture, run: Path, arms: Path, out: Path) -> list[Path]:
    """Train whatever is not trained yet; write all weights in half precision.

    Args:
        capture: what to train on.
        run: folder of the method's run, whose oracle and synthetic set our renderer needs.
        arms: folder of the ablation's arms.
        out: folder for the weights.

    Returns:
        What was written.
    """
    whole = _arm("oracle_whole", capture, run, arms, PIX2PIX_STEPS)
    ours = _arm("ours", capture, run, arms, STEPS)
    trainer = MouthPointsTrainer(capture, arms / store.MOUTH_POINTS)
    seconds = max(ours["seconds"] - whole["seconds"], LEAST_S)
    trainer.train(limit=seconds)
    heard = {"frames": len(trainer), "steps": trainer.step, "seconds": round(trainer.seconds)}
    points, before = trainer.average.module, {"oracle_seconds": _oracle_seconds(run)}
    parts = (
        (store.MOUTH_POINTS, points.state_dict(), points.config.to_dict(), heard),
        (store.PIX2PIX, load_file(arms / "oracle_whole" / WHOLE), whole["oracle"], _cost(whole)),
        (store.OURS, load_file(arms / "ours" / RENDERER), ours["network"], _cost(ours) | before),
    )
    return [
        store.save(out, name, weights, capture.subject, config, facts)
        for name, weights, config, facts in parts
    ]


def _cost(arm: dict[str, Any]) -> dict[str, Any]:
    return {key: arm[key] for key in ("frames", "steps", "seconds")}


def _oracle_seconds(run: Path) -> int:
    """What the oracle took that our renderer learns from, as far as its states are at hand."""
    states = [state for part in PARTS for state in saved_states(run / "oracle" / part)[-1:]]
    return round(sum(json.loads((s / "state.json").read_text())["seconds"] for s in states))


def _arm(name: str, capture: Capture, run: Path, arms: Path, steps: int) -> dict[str, Any]:
    """What an arm says of itself, once it is trained."""
    path = arms / name / FACTS
    if not path.is_file():
        run_arm(name, capture, run, arms, steps)
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """Train from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="of the method: its synthetic set")
    parser.add_argument("--arms", type=Path, required=True, help="of the ablation; may be empty")
    parser.add_argument("--out", type=Path, required=True, help="for the weights")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    try:
        capture = Capture.load(options.capture)
        for path in train_baselines(capture, options.run, options.arms, options.out):
            print(path)
    except AvatarError as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
