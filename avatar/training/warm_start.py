"""What starting from an identity gains: a warm and a cold training of one person at equal time.

    nice python -m avatar.training.warm_start CAPTURE --out DIR [--start mira] [--minutes 10]

Both train the renderer on the capture's train frames as ``train --minutes`` does; on the way the
averaged weights are scored on its held-out frames. ``warm_start.json`` and ``.png`` show the mouth
PSNR over time, ``samples.png`` truth, warm and cold at the end. The clock is this process's
processor time on one thread, scoring left out, so that other work on the machine changes nothing.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ..capture.layout import Capture
from ..errors import CaptureError
from ..files import replacing
from ..identity import load_identity
from ..metrics.chart import line_chart
from ..metrics.image import ImageScore, crop
from ..nets.pixels import to_bytes, unit
from .dataset import Sample, load_capture, load_samples
from .renderer import RendererTrainer, RendererTraining

log = logging.getLogger(__name__)

ARMS = ("warm", "cold")
EVERY = 0.5
"""Minutes between scores."""
MARKS = (2, 5, 10)
"""Minutes at which the gain is told."""


class ScoredTrainer(RendererTrainer):
    """A training that is scored on the way."""

    def __init__(self, held_out: Sequence[Sample], *arguments: Any):
        self.away, self.held_out = 0.0, held_out
        super().__init__(*arguments)
        if "scores" not in self.facts:
            self.facts["scores"] = [self.score()]

    @property
    def scores(self) -> list[float]:
        """Mouth PSNR in dB at the start and after every ``EVERY`` minutes."""
        return self.facts["scores"]

    def clock(self) -> float:
        """Processor time without that of scoring."""
        return time.process_time() - self.away

    def keep_score(self, _: float) -> None:
        """Score when it is time."""
        began = time.process_time()
        while self.seconds >= 60 * EVERY * len(self.scores):
            self.scores.append(self.score())
            log.info("%s: %d scores, %.2f dB", self.run.name, len(self.scores), self.scores[-1])
        self.away += time.process_time() - began

    def score(self) -> float:
        """Mouth PSNR of the averaged weights on the held-out frames."""
        score, box = ImageScore(), self.config.mouth_box
        for sample in self.held_out:
            score.add(crop(self.picture(sample), box), crop(sample.pictures()[0], box))
        return score.psnr

    @torch.inference_mode()
    def picture(self, sample: Sample) -> np.ndarray:
        """(512, 512, 3) uint8 RGB."""
        item = self._item(sample)
        drawing = unit(item["drawing"])[None].expand(-1, 3, -1, -1).to(self.device)
        window = item["window"][None].to(self.device)
        return to_bytes(self.average.module.head(drawing, window)[0]).numpy()


def compare(capture: Capture, out: Path, start: str, minutes: float) -> dict[str, Any]:
    """Train both ways; what is done in ``out`` is not done again.

    Args:
        capture: with held-out frames and their mouth pictures.
        out: folder of the trainings, of JSON and pictures.
        start: the identity that the warm one starts from.
        minutes: processor time of each.

    Returns:
        Mouth PSNR by arm, and the gain at 2, 5 and 10 minutes.

    Raises:
        AvatarError: if the capture has no held-out frame, or as ``RendererTrainer``.
    """
    identity = load_identity(start)
    network = replace(identity.config.network, mouth_box=capture.mouth_box)
    frames = load_capture(capture, network.window)
    takes = [take for take in capture.takes if take.held_out]
    held_out = [sample for take in takes for sample in load_samples(take, network.window)]
    if not held_out:
        raise CaptureError(f"The capture {capture.folder} has no held-out frame to score.")
    training, shown, curves = RendererTraining(synthetic_ratio=0.0), [held_out[0].pictures()[0]], {}
    for arm in ARMS:
        weights = identity.renderer.state_dict() if arm == "warm" else None
        trainer = ScoredTrainer(held_out, frames, (), out / arm, training, network, weights)
        trainer.train(trainer.keep_score, 60 * minutes)
        curves[arm] = trainer.scores
        shown.append(trainer.picture(held_out[0]))
    result = {
        "capture": capture.subject, "start": start, "minutes_apart": EVERY,
        "train_frames": len(frames), "held_out_frames": len(held_out), "mouth_psnr": curves,
        "gain_db": {str(mark): _gain(curves, mark) for mark in MARKS if mark <= minutes},
    }  # fmt: skip
    with replacing(out / "warm_start.json") as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n")
    title = f"{capture.subject}: mouth PSNR on {len(held_out)} held-out frames"
    chart = line_chart(curves, title, "minutes of processor time", "dB", EVERY)
    for name, picture in (("warm_start", chart), ("samples", np.hstack(shown))):
        cv2.imwrite(str(out / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return result


def _gain(curves: dict[str, list[float]], minutes: float) -> float:
    warm, cold = (curves[arm][round(minutes / EVERY)] for arm in ARMS)
    return round(warm - cold, 2)


def main() -> None:
    """Compare from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", default="mira")
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(1)
    capture = Capture.load(arguments.capture)
    result = compare(capture, arguments.out, arguments.start, arguments.minutes)
    print(json.dumps(result["gain_db"]))


if __name__ == "__main__":
    main()
