"""Training the renderer: both decoders, on real and synthetic frames, then against discriminators.

The paper's method (sections 3.2 to 3.4, 4.2): smooth L1, perceptual and adversarial losses on head
and mouth, four fifths of the samples synthetic. ``RendererTraining`` names what the ablations vary.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import AvatarError
from ..face.drawing import DrawingStyle
from ..nets.pixels import signed, unit
from ..nets.renderer import Renderer, RendererConfig
from .augment import classical
from .dataset import Sample, grid, renderer_item, to_show
from .losses import LossWeights, PictureLoss
from .pictures import PictureSchedule, PictureTrainer

log = logging.getLogger(__name__)

LEAST_RATIO = 0.8
"""Share of synthetic samples that the paper asks for (section 4.2)."""


@dataclass(frozen=True)
class RendererTraining:
    """How the renderer is trained."""

    schedule: PictureSchedule = field(
        default_factory=lambda: PictureSchedule(40_000, head_start=20.0)
    )
    weights: LossWeights = field(default_factory=LossWeights)
    synthetic_ratio: float = LEAST_RATIO
    """Share of the drawn samples that are synthetic."""
    classical: bool = False
    """Rotate, scale and shift real samples: an arm of Fig. 8, no part of the method."""
    mouth_share: float = 0.25
    """Share of the steps that train the mouth decoder alone, at half the cost."""
    feature_noise: float = 0.02
    """Standard deviation added to the features, so that no frame is known by its exact numbers."""

    def __post_init__(self):
        for name in ("synthetic_ratio", "mouth_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} in 0..1, got {getattr(self, name)}")


def warn_of_ratio(ratio: float) -> None:
    """Say so where fewer samples are synthetic than the paper asks for."""
    if ratio < LEAST_RATIO:
        log.warning(
            "%.0f %% of the samples are synthetic: below %.0f %% the mouth learns to follow "
            "the head.", 100 * ratio, 100 * LEAST_RATIO,
        )  # fmt: skip


class RendererTrainer(PictureTrainer):
    """One training of the renderer, in a folder."""

    def __init__(
        self,
        real: Sequence[Sample],
        synthetic: Sequence[Sample],
        run: Path,
        training: RendererTraining,
        config: RendererConfig,
        start: dict[str, Tensor] | None = None,
    ):
        """Make the run; see ``PictureTrainer``.

        Args:
            real: rendered frames.
            synthetic: mashed ones; may be empty where the ratio is 0.
            run: folder of the run.
            training: how.
            config: what the renderer is built of.
            start: weights to begin with instead of random ones.

        Raises:
            AvatarError: if synthetic samples are wanted and there are none, or as ``Trainer``.
        """
        if training.synthetic_ratio > 0 and not synthetic:
            raise AvatarError("There are no synthetic samples: let the oracle draw some first.")
        warn_of_ratio(training.synthetic_ratio)
        torch.manual_seed(training.schedule.seed)
        self.real, self.synthetic, self.training, self.config = real, synthetic, training, config
        renderer = Renderer(config)
        if start is None:
            said = np.stack([sample.window for sample in real])
            renderer.audio_encoder.standardise(torch.from_numpy(said))
        else:
            renderer.load_state_dict(start)
        losses = [
            PictureLoss("head", training.weights, condition=1),
            PictureLoss("mouth", training.weights),
        ]
        networks = {"renderer": renderer}
        super().__init__(run, training.schedule, networks, losses, self._description())

    def _description(self) -> dict[str, Any]:
        """All but what a run that goes on may change: how long, and with what pictures."""
        training = asdict(self.training)
        del training["schedule"], training["synthetic_ratio"]
        return {"network": self.config.to_dict(), "training": training}

    def draw(self, random: np.random.Generator) -> dict[str, Tensor]:
        """A sample at random, synthetic by their share, whose features are not quite exact."""
        synthetic = random.random() < self.training.synthetic_ratio
        pool = self.synthetic if synthetic else self.real
        sample = pool[int(random.integers(len(pool)))]
        if self.training.classical:
            sample = classical(sample, self.config.mouth_box, random)
        item = self._item(sample)
        noise = random.standard_normal(item["window"].shape, np.float32)
        return item | {"window": item["window"] + self.training.feature_noise * noise}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Improve renderer and discriminators; by turns, the mouth decoder alone."""
        drawing, window = unit(batch["drawing"]), batch["window"]
        renderer, seen = self.networks["renderer"], drawing.expand(-1, 3, -1, -1)
        with self.autocast():
            if self._mouth_alone():
                pictures = {"mouth": renderer.mouth(seen, window)}
            else:
                head, mouth = renderer(seen, window)
                pictures = {"head": head, "mouth": mouth}
        return self.improve(pictures, batch, {"head": drawing})

    def samples(self) -> np.ndarray:
        """Truth over prediction for four frames: heads, then mouths; two of them synthetic."""
        picks = to_show(self.real)
        if self.synthetic:
            picks[2:] = [self.synthetic[0], self.synthetic[len(self.synthetic) - 1]]
        columns = []
        for sample in picks:
            item = self._item(sample)
            drawing = unit(item["drawing"])[None].expand(-1, 3, -1, -1).to(self.device)
            head, mouth = self.average.module(drawing, item["window"][None].to(self.device))
            pictures = (signed(item["head"]), head[0].cpu(), signed(item["mouth"]), mouth[0].cpu())
            columns.append(pictures)
        return grid(columns)

    def _item(self, sample: Sample) -> dict[str, Tensor]:
        return renderer_item(sample, self.config.mouth_box, DrawingStyle())

    def _mouth_alone(self) -> bool:
        """Spread evenly: with a share of a half, every other step."""
        share = self.training.mouth_share
        return int((self.step + 1) * share) > int(self.step * share)
