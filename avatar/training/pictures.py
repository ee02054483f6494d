"""Training a network that makes pictures: alone at first, then against discriminators (G17)."""

import logging
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..errors import AvatarError, CaptureError
from ..nets.pixels import signed, unit
from . import distributed
from .dataset import collate
from .losses import PictureLoss
from .perceptual import load_perceptual
from .schedule import Schedule
from .trainer import MOST_BAD, Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PictureSchedule(Schedule):
    """A schedule in which the adversaries join later."""

    adversary: float = 0.7
    """Share of the training after which the discriminators join."""
    alone: int = 2_000
    """Steps that the network learns alone at least: in a short training they never join."""
    head_start: float = 5.0
    """How much faster the network learns before: alone, an oracle is stable at 1e-3, a renderer
    at 4e-3."""
    constant: float = 0.8


class PictureTrainer(Trainer):
    """A training run whose network makes one or two pictures."""

    schedule: PictureSchedule

    def __init__(
        self,
        run: Path,
        schedule: PictureSchedule,
        networks: dict[str, nn.Module],
        losses: list[PictureLoss],
        description: dict[str, Any],
    ):
        """See ``Trainer``; the losses bring their discriminators."""
        self.losses = {loss.name: loss for loss in losses}
        discriminators = {k: v for loss in losses for k, v in loss.networks.items()}
        self.share, self._prepared = shared(schedule.batch), False
        super().__init__(run, schedule, networks | discriminators, description)

    @abstractmethod
    def draw(self, random: np.random.Generator) -> dict[str, Tensor]:
        """One sample of a batch.

        Raises:
            CaptureError: if its picture is damaged: then another one is drawn.
        """

    def batch(self, step: int) -> dict[str, Tensor]:
        """This process's share of the step's samples; each has a seed of its own, so that they are
        the same however many processes share them."""
        numbers = range(distributed.rank(), self.share * distributed.world(), distributed.world())
        seeds = [(self.schedule.seed, step, number) for number in numbers]
        return collate([self._drawn(np.random.default_rng(seed)) for seed in seeds])

    def _drawn(self, random: np.random.Generator) -> dict[str, Tensor]:
        for _ in range(MOST_BAD):
            try:
                return self.draw(random)
            except CaptureError as error:
                log.warning("left out: %s", error)
        raise AvatarError(f"{MOST_BAD} pictures in a row are damaged: look at the capture.")

    @property
    def joined(self) -> bool:
        """Whether the discriminators take part in this step."""
        return self.done >= self.schedule.adversary and self.step >= self.schedule.alone

    def learning_rate(self, name: str) -> float:
        """Of a network, at this step: faster before the adversaries join."""
        rate = super().learning_rate(name)
        return rate if self.joined else rate * self.schedule.head_start

    def improve(
        self, pictures: dict[str, Tensor], batch: dict[str, Tensor], drawings: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Improve the kept network, then the discriminators.

        Args:
            pictures: (B, 3, H, W) in [-1, 1] by name, with gradient.
            batch: the truth by the same names, uint8, and ``<name>_lips``.
            drawings: (B, c, H, W) that condition the discriminators.

        Returns:
            The losses by name.

        Raises:
            NotFiniteError: if one is not a number.
        """
        if self.joined:
            self._prepare_adversaries()
        terms: dict[str, Tensor] = {}
        truths = {name: signed(batch[name]) for name in pictures}
        for name, picture in pictures.items():
            lips = unit(batch[f"{name}_lips"])
            terms |= self.losses[name].regression(picture.float(), truths[name], lips)
            if self.joined:
                with self.autocast():
                    parts = (picture, truths[name], drawings.get(name))
                    terms |= self.losses[name].adversarial(*parts)
        self.optimise(self.kept, sum(terms.values()))
        if self.joined:
            for name, picture in pictures.items():
                with self.autocast():
                    parts = (picture, truths[name], drawings.get(name))
                    loss = self.losses[name].discriminator_loss(*parts)
                self.optimise(f"{name}_discriminator", loss)
                terms[f"{name}_discriminator"] = loss
            self.facts["adversarial_steps"] = self.facts.get("adversarial_steps", 0) + 1
        return {key: term.detach() for key, term in terms.items()}

    def _prepare_adversaries(self) -> None:
        """Fetch what the pictures are compared by from now on; a short training needs none."""
        if self._prepared:
            return
        self._prepared = True
        if any(loss.weights.features for loss in self.losses.values()):
            vgg = load_perceptual()
            for loss in self.losses.values():
                loss.vgg = None if vgg is None else vgg.to(self.device)
            self.facts["vgg"] = vgg is not None


def shared(batch: int) -> int:
    """Samples of a batch for each process: at least one, so the batch may grow a little."""
    share = -(-batch // distributed.world())
    if distributed.rank() == 0 and share * distributed.world() != batch:
        log.warning("batches of %d samples, one share a process", share * distributed.world())
    return share
