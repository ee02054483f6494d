"""What the pictures are compared by."""

from torch import Tensor
from torch.nn import functional as F

BETA = 0.05
"""Smooth L1 is quadratic below this difference (pictures run from -1 to 1): about render noise."""
SCALES = 3
"""The gradient term looks at the picture at full, half and quarter size."""


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

    Stands in for the perceptual term where no VGG weights are at hand (G18). Arguments as those of
    ``smooth_l1``.
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
