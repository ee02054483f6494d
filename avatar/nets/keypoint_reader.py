"""The keypoint reader: a picture of a part of the face to its keypoints."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import Conv, Residual

CELL = 4
"""Pixels a cell of the heat maps."""


class KeypointReader(nn.Module):
    """A small U-net to one heat map a point; the point is the map's centre of mass."""

    def __init__(self, points: int):
        super().__init__()
        self.stem = Conv(3, 16, stride=2)
        self.fine = nn.Sequential(Conv(16, 32, stride=2), Residual(32))
        self.middle = nn.Sequential(Conv(32, 64, stride=2), Residual(64))
        self.coarse = nn.Sequential(Conv(64, 96, stride=2), Residual(96))
        self.join_middle = Conv(96 + 64, 64)
        self.join_fine = Conv(64 + 32, 32)
        self.maps = nn.Conv2d(32, points, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Find the points.

        Args:
            pictures: (B, 3, H, W) RGB in [-1, 1], sides multiples of 16 px.

        Returns:
            (B, points, 2) x, y in pixels of the picture, origin at its corner, pixel centres at .5.
        """
        fine = self.fine(self.stem(pictures))  # (B, 32, H/4, W/4)
        middle = self.middle(fine)  # (B, 64, H/8, W/8)
        coarse = self.coarse(middle)  # (B, 96, H/16, W/16)
        middle = self.join_middle(torch.cat([_double(coarse), middle], dim=1))
        fine = self.join_fine(torch.cat([_double(middle), fine], dim=1))
        # A mean over cells needs more digits than bfloat16 has.
        return _centre_of_mass(self.maps(fine).float())


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _centre_of_mass(maps: Tensor) -> Tensor:
    """Logits (B, K, H, W) to points (B, K, 2) in pixels."""
    height, width = maps.shape[-2:]
    mass = maps.flatten(2).softmax(dim=2).unflatten(2, (height, width))
    columns = (torch.arange(width, device=maps.device) + 0.5) * CELL
    rows = (torch.arange(height, device=maps.device) + 0.5) * CELL
    x = (mass.sum(dim=2) * columns).sum(dim=2)
    y = (mass.sum(dim=3) * rows).sum(dim=2)
    return torch.stack([x, y], dim=2)
