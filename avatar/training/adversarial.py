"""Adversarial losses: least squares for either side, and matching of features (G17, G18)."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """What the discriminator minimises (LSGAN): real patches score 1, made ones 0.

    Args:
        real_score: scores of true pictures, any shape and size.
        fake_score: scores of made pictures, computed from detached ones.

    Returns:
        (E[(real - 1)^2] + E[fake^2]) / 2, a scalar in float32: 0.5 for a constant score of 0.
    """
    return ((real_score.float() - 1).square().mean() + fake_score.float().square().mean()) / 2


def generator_loss(fake_score: Tensor) -> Tensor:
    """What the generator minimises (LSGAN): E[(fake - 1)^2], a scalar in float32."""
    return (fake_score.float() - 1).square().mean()


def feature_matching(real_features: Sequence[Tensor], fake_features: Sequence[Tensor]) -> Tensor:
    """How far a discriminator's features of made pictures are from those of the true ones.

    Takes the place of VGG's where its weights are not at hand (Pix2PixHD, G18).

    Args:
        real_features: one tensor a layer; no gradient flows into them.
        fake_features: of the same shapes.

    Returns:
        Mean over the layers of the mean absolute difference, a scalar in float32.
    """
    pairs = zip(real_features, fake_features, strict=True)
    distances = [F.l1_loss(fake.float(), real.detach().float()) for real, fake in pairs]
    return sum(distances) / len(distances)
