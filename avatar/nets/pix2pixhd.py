"""Pix2PixHD's global generator (Wang et al., 2018): what many systems draw a face with.

Written from the published description, c7s1-64, d128 to d1024, nine R1024, u512 to u64, c7s1-3,
with instance norm and reflected borders; 182 M parameters for pictures of three channels.
"""

from torch import Tensor, nn


class GlobalGenerator(nn.Sequential):
    """A picture of any kind to a picture (B, 3, H, W) in [-1, 1]; sides are multiples of 16.

    Args:
        c_in: channels of what it is shown.
        width: channels at full size; they double with each of the four halvings.
        blocks: residual blocks at the smallest size.
    """

    def __init__(self, c_in: int = 3, width: int = 64, blocks: int = 9):
        widths = [width * 2**i for i in range(5)]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        down = [nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs]
        up = [
            nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1)
            for a, b in reversed(pairs)
        ]
        super().__init__(
            nn.ReflectionPad2d(3), *_normed(nn.Conv2d(c_in, width, 7)),
            *(layer for conv in down for layer in _normed(conv)),
            *(Block(widths[-1]) for _ in range(blocks)),
            *(layer for conv in up for layer in _normed(conv)),
            nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip


class Block(nn.Module):
    """Two convolutions of three by three, and a way around them."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), *_normed(nn.Conv2d(channels, channels, 3)),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W), any range; same shape out."""
        return x + self.body(x)


def _normed(conv: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    return conv, nn.InstanceNorm2d(conv.out_channels), nn.ReLU()
