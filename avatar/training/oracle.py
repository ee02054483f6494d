"""Training the oracle: the mouth network first, then the head network around its pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ..capture.layout import Capture
from ..errors import AvatarError
from ..face.drawing import DrawingStyle
from ..nets.oracle import Oracle, OracleConfig
from ..nets.pixels import signed, unit
from .course import Course
from .dataset import Sample, grid, oracle_drawings, pictures_item, to_show
from .losses import LossWeights, PictureLoss
from .pictures import PictureSchedule, PictureTrainer

PARTS = ("mouth", "head")
"""In the order in which they are trained: the head network sees the mouth network's pictures."""


@dataclass(frozen=True)
class OracleTraining:
    """How each of the two networks is trained (G20)."""

    schedule: PictureSchedule = field(default_factory=lambda: PictureSchedule(4_000, batch=2))
    weights: LossWeights = field(default_factory=LossWeights)


class OracleTrainer(PictureTrainer):
    """One of the oracle's networks."""

    def __init__(
        self,
        part: str,
        samples: Sequence[Sample],
        run: Path,
        training: OracleTraining,
        config: OracleConfig,
        mouth_weights: Path | None = None,
        start: Oracle | None = None,
    ):
        """Make the run; see ``PictureTrainer``.

        Args:
            part: "mouth", "head", or, to compare with, "whole": the head network draws all.
            samples: rendered frames.
            run: folder of the run.
            training: how.
            config: what the oracle is built of.
            mouth_weights: of the trained mouth network; the head needs them.
            start: one of the same build, to begin with instead of random weights.
        """
        torch.manual_seed(training.schedule.seed)
        self.oracle, self.part, self.data = Oracle(config), part, samples
        self.picture = "mouth" if part == "mouth" else "head"
        if start is not None:
            self.oracle.load_state_dict(start.state_dict())
        condition = 1 if part == "mouth" else 3
        losses = [PictureLoss(self.picture, training.weights, condition)]
        if part == "head":
            if mouth_weights is None:
                raise AvatarError("The oracle's head is trained after its mouth.")
            self.oracle.mouth.load_state_dict(load_file(mouth_weights))
        networks = {part: getattr(self.oracle, self.picture)}
        description = {"part": part, "oracle": config.to_dict()} | asdict(training.weights)
        super().__init__(run, training.schedule, networks, losses, description)
        self.oracle.mouth.to(self.device)

    def draw(self, random: np.random.Generator) -> dict[str, Tensor]:
        """A frame at random."""
        return self._item(self.data[int(random.integers(len(self.data)))])

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Improve the network, and its adversary once that has joined."""
        with self.autocast():
            seen = self._input(batch)
            picture = self.networks[self.part](seen)
        return self.improve({self.picture: picture}, batch, {self.picture: seen})

    def samples(self) -> np.ndarray:
        """Truth over prediction for four frames."""
        columns = []
        for sample in to_show(self.data):
            item = self._item(sample)
            batch = {key: value[None].to(self.device) for key, value in item.items()}
            picture = self.average.module(self._input(batch))
            columns.append([signed(item[self.picture]), picture[0].cpu()])
        return grid(columns)

    def _item(self, sample: Sample) -> dict[str, Tensor]:
        box = self.oracle.config.mouth_box
        return oracle_drawings(sample, box, DrawingStyle()) | pictures_item(sample, box)

    def _input(self, batch: dict[str, Tensor]) -> Tensor:
        """What the network of this part sees."""
        if self.part == "mouth":
            return unit(batch["mouth_drawing"])
        if self.part == "whole":
            return (unit(batch["drawing"]) * 2 - 1).expand(-1, 3, -1, -1)
        with torch.no_grad():
            mouth = self.oracle.mouth(unit(batch["mouth_drawing"]))
        return self.oracle.composite(unit(batch["drawing"]), mouth)


def train_oracle(
    samples: Sequence[Sample],
    run: Path,
    training: OracleTraining,
    config: OracleConfig,
    start: Oracle | None = None,
    course: Course | None = None,
) -> list[OracleTrainer]:
    """Train both networks, each going on where an earlier run stopped.

    Args:
        samples: rendered frames.
        run: folder of both runs.
        training: how.
        config: what the oracle is built of.
        start: one of the same build, to begin with instead of random weights.
        course: of the whole training, which has the stages "mouth" and "head".

    Returns:
        The runs of mouth and head, done.
    """
    done: list[OracleTrainer] = []
    for part in PARTS:
        mouth = done[0].weights_path if done else None
        trainer = OracleTrainer(part, samples, run / part, training, config, mouth, start)
        if course:
            trainer.train(*course.of(part))
        else:
            trainer.train()
        done.append(trainer)
    return done


def load_oracle(run: Path, config: OracleConfig) -> Oracle:
    """The trained oracle of a run folder, in evaluation mode, on the CPU.

    Raises:
        AvatarError: if it is not trained yet.
    """
    oracle = Oracle(config)
    for part in PARTS:
        path = run / part / f"{part}.safetensors"
        if not path.exists():
            raise AvatarError(f"The oracle in {run} is not trained yet: {path.name} is missing.")
        getattr(oracle, part).load_state_dict(load_file(path))
    return oracle.eval().requires_grad_(False)


def capture_config(capture: Capture) -> OracleConfig:
    """The oracle of a capture: its mouth box, our widths."""
    return OracleConfig(mouth_box=capture.mouth_box)
