"""What the pictures are compared by: smooth L1, edges, adversary and features (G17, G18)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..nets.discriminator import PatchDiscriminator
from .adversarial import discriminator_loss, feature_matching, generator_loss
from .perceptual import Perceptual

BETA = 0.05
"""Smooth L1 is quadratic below this difference (pictures run from -1 to 1): about render noise."""
SCALES = 3
"""The gradient term looks at the picture at full, half and quarter size."""


@dataclass(frozen=True)
class LossWeights:
    """What each term counts; the paper gives none (G17), these are Pix2PixHD's ratios."""

    smooth_l1: float = 1.0
    gradient: float = 1.0
    lips: float = 8.0
    """How much more than others the pixels on and around the lips count in these two."""
    adversarial: float = 0.1
    features: float = 1.0
    """Of VGG-19, or of the discriminator where VGG's weights cannot be fetched (G18)."""
    width: int = 32
    """Channels of the discriminators' first layer."""


class PictureLoss:
    """The losses of one picture, head or mouth, and its discriminator."""

    def __init__(self, name: str, weights: LossWeights, condition: int = 0):
        """Make the discriminator.

        Args:
            name: of the picture.
            weights: what the terms count.
            condition: channels of the drawing that the discriminator sees too; 0: none (G19).
        """
        self.name, self.weights, self.conditional = name, weights, bool(condition)
        self.discriminator = PatchDiscriminator(3 + condition, weights.width)
        self.vgg: Perceptual | None = None
        """The perceptual loss; None: the discriminator's features take its place (G18)."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What is trained beside the generator."""
        return {f"{self.name}_discriminator": self.discriminator}

    def regression(self, picture: Tensor, truth: Tensor, lips: Tensor) -> dict[str, Tensor]:
        """Smooth L1 and edges.

        Args:
            picture: (B, 3, H, W) what was rendered, in [-1, 1].
            truth: (B, 3, H, W) what should have been.
            lips: (B, 1, H, W) in [0, 1], 1 on and around the lips.

        Returns:
            One term by the picture's name.
        """
        weight = 1 + self.weights.lips * lips
        loss = self.weights.smooth_l1 * smooth_l1(picture, truth, weight)
        return {self.name: loss + self.weights.gradient * gradient_loss(picture, truth, weight)}

    def adversarial(self, picture: Tensor, truth: Tensor, drawing: Tensor) -> dict[str, Tensor]:
        """What the generator pays to the discriminator, and the difference of features.

        Arguments as those of ``regression``; ``drawing`` (B, c, H, W) is the condition.
        """
        self.discriminator.requires_grad_(False)
        score, found = self._judge(picture, drawing)
        terms = {f"{self.name}_adversarial": self.weights.adversarial * generator_loss(score)}
        if self.weights.features:
            if self.vgg is not None:
                features = self.vgg(picture, truth)
            else:
                features = feature_matching(self._judge(truth, drawing)[1], found)
            terms[f"{self.name}_features"] = self.weights.features * features
        self.discriminator.requires_grad_(True)
        return terms

    def discriminator_loss(self, picture: Tensor, truth: Tensor, drawing: Tensor) -> Tensor:
        """What the discriminator pays; no gradient reaches the picture."""
        real, _ = self._judge(truth, drawing)
        fake, _ = self._judge(picture.detach(), drawing)
        return discriminator_loss(real, fake)

    def _judge(self, picture: Tensor, drawing: Tensor) -> tuple[Tensor, list[Tensor]]:
        seen = torch.cat([picture, drawing], dim=1) if self.conditional else picture
        return self.discriminator(seen)


def smooth_l1(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Smooth L1 over pictures (B, 3, H, W) in [-1, 1] (paper, section 3.2).

    Args:
        prediction: what was rendered.
        truth: what should have been.
        weight: (B, 1, H, W), how much each pixel counts.
    """
    return (weight * F.smooth_l1_loss(prediction, truth, beta=BETA, reduction="none")).mean()


def gradient_loss(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L1 between finite differences at several scales: blurred edges cost, flat noise does not.

    Before the adversary joins it alone keeps edges sharp. Arguments as those of ``smooth_l1``.
    """
    difference = prediction - truth
    total = difference.new_zeros(())
    for scale in range(SCALES):
        if scale:
            difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
        across = difference[..., :, 1:] - difference[..., :, :-1]
        down = difference[..., 1:, :] - difference[..., :-1, :]
        total = total + (weight[..., :, 1:] * across.abs()).mean()
        total = total + (weight[..., 1:, :] * down.abs()).mean()
    return total / SCALES
