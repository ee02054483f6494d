"""The layers that the networks are built of (paper, Table 2 and section 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Negative slope of every LeakyReLU (paper, Table 2)."""


class InstanceNorm(nn.InstanceNorm2d):
    """InstanceNorm2d that trains a quarter faster on a CPU in bf16.

    One channel a group is the same arithmetic by a kernel that spares two copies of every map.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W), any range; same shape out, each map of mean 0 and variance 1."""
        if self.training:
            return F.group_norm(x, self.num_features, eps=self.eps)
        return super().forward(x)


class Conv(nn.Sequential):
    """Conv2d + InstanceNorm + LeakyReLU, padded so that stride 1 keeps the size."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1):
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2),
            InstanceNorm(c_out),
            nn.LeakyReLU(SLOPE),
        )


class TConv(nn.Sequential):
    """ConvTranspose2d + InstanceNorm + LeakyReLU that exactly doubles height and width."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(
            nn.ConvTranspose2d(c_in, c_out, 3, stride=2, padding=1, output_padding=1),
            InstanceNorm(c_out),
            nn.LeakyReLU(SLOPE),
        )


class Residual(nn.Module):
    """conv3-IN-LReLU-conv3-IN plus the input: stands between the strided convolutions (G1)."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            Conv(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            InstanceNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W), any range; same shape out."""
        return x + self.body(x)


class Context(nn.Module):
    """A dilated residual block that begins as nothing: what stands far away is seen, too.

    Between the strided convolutions alone, an output pixel sees the drawing 75 px around it, and
    where no line is so near (cheeks, hairline) it cannot know where the head is (G1).
    """

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation),
            InstanceNorm(channels),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation),
            InstanceNorm(channels),
        )
        self.gain = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W), any range; same shape out."""
        return x + self.gain * self.body(x)


class AudioEncoder(nn.Module):
    """A window of features to one 1x32x32 map (paper, Table 2b).

    No norm after the 1x1 convolution: it would erase how strong the features are (G5).
    """

    def __init__(self, window: int, k: int, mix: str = "table", hidden: int = 1024, side: int = 32):
        super().__init__()
        if mix == "table":
            self.mix = nn.Sequential(nn.Conv1d(window, 1, 1), nn.LeakyReLU(SLOPE))
        elif mix == "wide":
            self.mix = nn.Sequential(
                nn.Conv1d(window, 16, 1), nn.LeakyReLU(SLOPE),
                nn.Conv1d(16, 1, 1), nn.LeakyReLU(SLOPE),
            )  # fmt: skip
        else:
            raise ValueError(f"expected audio_mix 'table' or 'wide', got {mix!r}")
        self.mlp = nn.Sequential(
            nn.Linear(k, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, side * side)
        )
        self.side = side

    def forward(self, window: Tensor) -> Tensor:
        """window: (B, frames, k) features; returns (B, 1, side, side)."""
        mixed = self.mix(window).flatten(1)  # (B, k)
        return torch.unflatten(self.mlp(mixed), 1, (1, self.side, self.side))

    @torch.no_grad()
    def standardise(self, windows: Tensor) -> None:
        """Rescale the last layer so that each cell has mean 0, and variance 1 on average.

        As initialised, the map hardly varies with what is said (a standard deviation of 0.01
        over the capture, beside 0.7 of the drawing's features), and training spends its first
        thousands of steps on a mouth that does not move.

        Args:
            windows: (N, frames, k) of the training data.
        """
        if (windows == windows[:1]).all():  # one frame, or nothing but silence
            return
        maps = self(windows).flatten(1)
        scale, last = maps.std(dim=0).mean(), self.mlp[-1]
        last.weight /= scale
        last.bias -= maps.mean(dim=0)
        last.bias /= scale
