"""Between bytes and what the networks take and give."""

import torch
from torch import Tensor


def unit(drawing: Tensor) -> Tensor:
    """uint8 to float32 in [0, 1]."""
    return drawing.float().div(255)


def signed(picture: Tensor) -> Tensor:
    """uint8 to float32 in [-1, 1]."""
    return picture.float().div(127.5).sub(1)


def levels(picture: Tensor) -> Tensor:
    """(..., 3, H, W) in [-1, 1] to (..., H, W, 3) uint8, where it is."""
    rounded = picture.float().add(1).mul(127.5).round().clamp(0, 255)
    return rounded.movedim(-3, -1).to(torch.uint8).contiguous()


def to_bytes(picture: Tensor) -> Tensor:
    """(..., 3, H, W) in [-1, 1] to (..., H, W, 3) uint8 on the CPU."""
    return levels(picture).cpu()
