"""The renderer rewritten for CPUs: the same pictures, with its largest layers folded.

At 512x512 the decoders have 8 channels: half of a vector register, a quarter of a matrix tile, and
as long to normalise as to convolve. Folding each 2x2 block of pixels into channels makes them 32
channels at 256x256, where nothing is wasted. Every new weight is a trained weight or zero, so the
pictures are equal but for rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..nets.blocks import SLOPE
from ..nets.renderer import SIZE, Renderer

EPSILON = 1e-5
"""What InstanceNorm2d adds to the variance."""


class FoldedRenderer(nn.Module):
    """A trained ``Renderer`` that takes and returns bytes.

    Args:
        renderer: the network; it is shared, not copied.
        dtype: what the mouth's and the last folded convolutions multiply in. Sums, norms and all
            else stay float32: in bfloat16, each layer of the head would move pixels by more than 2.
    """

    def __init__(self, renderer: Renderer, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.net = renderer
        self.first = _one_channel(renderer.keypoint_encoder[0][0])
        self.head = _FoldedFeatures(renderer.head_decoder.up, torch.float32)
        mouth = renderer.mouth_decoder
        self.mouth = None if mouth is None else _FoldedFeatures(mouth.up, dtype)
        self.out = _fold_conv(renderer.head_decoder.out, dtype, colours_last=True)
        bias = renderer.head_decoder.out.bias.data.repeat(4).reshape(1, -1, 1, 1)
        self.register_buffer("bias", bias, persistent=False)
        outside = F.pixel_unshuffle(renderer.outside, 2).repeat(1, 8, 1, 1)
        self.register_buffer("outside", outside, persistent=False)

    def forward(self, drawings: Tensor, windows: Tensor) -> Tensor:
        """Render heads.

        Args:
            drawings: (B, 512, 512) uint8.
            windows: (B, window, k) float32.

        Returns:
            (B, 512, 512, 3) uint8 RGB.
        """
        latent = self._latent(drawings, windows)
        if self.mouth is None:
            picture = self.out(self.head(latent)) + self.bias
        else:
            # The last convolution is linear: the box is convolved on its own and added, which is
            # less to move about than a paste into all channels.
            mouth = self.mouth(self._mouth_latent(latent))
            picture = self.out(self.head(latent) * self.outside) + self._box(mouth) + self.bias
        picture = (torch.tanh(picture) * 127.5 + 128).to(torch.uint8)  # (B, 12, 256, 256)
        blocks = picture.permute(0, 2, 3, 1).unflatten(3, (2, 2, 3))
        return blocks.transpose(2, 3).reshape(-1, SIZE, SIZE, 3)

    def _latent(self, drawings: Tensor, windows: Tensor) -> Tensor:
        _, norm, activation, *rest = *self.net.keypoint_encoder[0], *self.net.keypoint_encoder[1:]
        keypoints = activation(norm(self.first(drawings[:, None].float())))
        for layer in rest:
            keypoints = layer(keypoints)
        return self.net.fusion(torch.cat([keypoints, self.net.audio_encoder(windows)], dim=1))

    def _mouth_latent(self, latent: Tensor) -> Tensor:
        """Like ``Renderer.mouth_features``, up to where its decoder begins."""
        if self.net.config.mouth_latent == "full":
            return latent
        grid = self.net.latent_grid.expand(latent.shape[0], -1, -1, -1)
        return F.grid_sample(latent, grid, padding_mode="border", align_corners=False)

    def _box(self, mouth: Tensor) -> Tensor:
        """Shrink folded mouth features to the box; what they add to the folded picture."""
        x, y, w, h = self.net.config.mouth_box
        mouth = F.pixel_shuffle(mouth.to(self.out.weight.dtype), 2)
        small = F.interpolate(mouth, size=(h, w), mode="bilinear", align_corners=False)
        # Grown to whole blocks, and by the reach of the convolution, two blocks.
        small = F.pad(small, (4 + x % 2, 4 + (x + w) % 2, 4 + y % 2, 4 + (y + h) % 2))
        added = self.out(F.pixel_unshuffle(small, 2))
        left, right, top, bottom = x // 2, (SIZE - x - w) // 2, y // 2, (SIZE - y - h) // 2
        return F.pad(added, (left - 2, right - 2, top - 2, bottom - 2))


class _FoldedFeatures(nn.Module):
    """A decoder's layers up to the penultimate: (B, 64, 32, 32) to (B, 32, 256, 256), folded."""

    def __init__(self, up: nn.Sequential, dtype: torch.dtype):
        super().__init__()
        self.small = up[:3]
        self.grow = _fold_transposed(up[3][0], dtype)
        self.last = _fold_conv(up[4][0], dtype)

    def forward(self, latent: Tensor) -> Tensor:
        features = F.pad(self.small(latent), (0, 1, 0, 1))
        return _normalised(self.last(_normalised(self.grow(features))))


class _FoldedConv(nn.Module):
    """A convolution of folded pixels, without bias: a norm after it would remove that anyway."""

    def __init__(self, weight: Tensor, padding: int, dtype: torch.dtype):
        super().__init__()
        self.padding = padding
        self.register_buffer("weight", weight.to(dtype).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x.to(self.weight.dtype), self.weight, padding=self.padding).float()


def _normalised(folded: Tensor) -> Tensor:
    """InstanceNorm and LeakyReLU of folded channels: four of them share mean and variance."""
    b, c, h, w = folded.shape
    mean = folded.mean((2, 3)).reshape(b, c // 4, 4).mean(2, keepdim=True)
    square = torch.linalg.vector_norm(folded, dim=(2, 3)).square() / (h * w)
    variance = square.reshape(b, c // 4, 4).mean(2, keepdim=True) - mean.square()
    scale = torch.rsqrt(variance.clamp_min(0) + EPSILON)
    shift, scale = (t.expand(-1, -1, 4).reshape(b, c, 1, 1) for t in (-mean * scale, scale))
    return F.leaky_relu(folded * scale + shift, SLOPE)


def _one_channel(conv: nn.Conv2d) -> nn.Conv2d:
    """The first convolution for bytes of one channel instead of three equal ones in [0, 1]."""
    result = nn.Conv2d(1, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
    result.weight.data = conv.weight.data.sum(1, keepdim=True) / 255
    result.bias.data = conv.bias.data
    return result


def _fold_conv(conv: nn.Conv2d, dtype: torch.dtype, colours_last: bool = False) -> _FoldedConv:
    """Stride 1, odd kernel: reads and writes 2x2 blocks, in the order of ``pixel_unshuffle``."""
    c_out, c_in, kernel, _ = conv.weight.shape
    reach = kernel // 2
    blocks = (reach + 1) // 2  # on either side
    width = 2 * blocks + 1
    folded = torch.zeros(c_out, 2, 2, c_in, 2, 2, width, width)
    taps = [(a, t, *divmod(a + t - reach, 2)) for a in range(2) for t in range(kernel)]
    for row, v, block_v, sub_v in taps:
        for column, u, block_u, sub_u in taps:
            weight = conv.weight.data[:, :, v, u]
            folded[:, row, column, :, sub_v, sub_u, block_v + blocks, block_u + blocks] = weight
    weight = folded.reshape(c_out, 4, 4 * c_in, width, width)
    if colours_last:
        weight = weight.transpose(0, 1)
    return _FoldedConv(weight.flatten(0, 1), blocks, dtype)


def _fold_transposed(conv: nn.ConvTranspose2d, dtype: torch.dtype) -> _FoldedConv:
    """3x3, stride 2: from plain pixels to 2x2 blocks; the input needs one pixel more at its end."""
    c_in, c_out, _, _ = conv.weight.shape
    folded = torch.zeros(c_out, 2, 2, c_in, 2, 2)
    taps = ((0, 1, 0), (1, 2, 0), (1, 0, 1))  # position in the block, tap, offset of the input
    for row, v, down in taps:
        for column, u, right in taps:
            folded[:, row, column, :, down, right] = conv.weight.data[:, :, v, u].T
    return _FoldedConv(folded.reshape(4 * c_out, c_in, 2, 2), 0, dtype)
