"""Training a network that makes pictures: alone at first, then against discriminators (G17)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..nets.pixels import signed, unit
from .losses import PictureLoss
from .trainer import Schedule, Trainer


@dataclass(frozen=True)
class PictureSchedule(Schedule):
    """A schedule in which the adversaries join later."""

    adversary: float = 0.7
    """Share of the steps after which the discriminators join."""
    head_start: float = 5.0
    """How much faster the network learns before: alone, 1e-3 is stable."""
    constant: float = 0.8

    def joined(self, step: int) -> bool:
        """Whether the discriminators take part in a step."""
        return step >= self.adversary * self.steps


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
        super().__init__(run, schedule, networks | discriminators, description)
        for loss in losses:
            if loss.vgg is not None:
                loss.vgg.to(self.device)

    def learning_rate(self, name: str) -> float:
        """Of a network, at this step: faster before the adversaries join."""
        rate = super().learning_rate(name)
        return rate if self.schedule.joined(self.step) else rate * self.schedule.head_start

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
        terms: dict[str, Tensor] = {}
        truths = {name: signed(batch[name]) for name in pictures}
        for name, picture in pictures.items():
            lips = unit(batch[f"{name}_lips"])
            terms |= self.losses[name].regression(picture.float(), truths[name], lips)
            if self.schedule.joined(self.step):
                with self.autocast():
                    parts = (picture, truths[name], drawings.get(name))
                    terms |= self.losses[name].adversarial(*parts)
        self.optimise(self.kept, sum(terms.values()))
        if self.schedule.joined(self.step):
            for name, picture in pictures.items():
                with self.autocast():
                    parts = (picture, truths[name], drawings.get(name))
                    loss = self.losses[name].discriminator_loss(*parts)
                self.optimise(f"{name}_discriminator", loss)
                terms[f"{name}_discriminator"] = loss
        return {key: term.detach() for key, term in terms.items()}
