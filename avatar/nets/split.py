"""The renderer in two: what it makes of a drawing, whatever is said, and all the rest.

The first half of a clip's frames may be kept and used again for every sentence.

The cut is in the fusion's convolution, which is linear: its 64 channels of keypoints are convolved
by ``Encode``, its channel of sound by ``Decode``, and the two are added before the norm.
"""

from torch import Tensor, nn

from .lite import Lite
from .renderer import Renderer


class Encode(nn.Module):
    """Drawings to latents: the keypoint encoder, and its part of the fusion.

    Args:
        renderer: the network; its weights are shared, but for those of the first and the last
            convolution, which are made of them.
    """

    def __init__(self, renderer: Renderer | Lite):
        super().__init__()
        (first, *others), *layers = renderer.keypoint_encoder
        fusion = renderer.fusion[0]
        self.keypoints = nn.Sequential(one_channel(first), *others, *layers)
        self.fuse = _conv_of(fusion.weight[:, :-1], None, padding=1)

    def forward(self, drawings: Tensor) -> Tensor:
        """drawings: (B, 512, 512) uint8; returns latents (B, 64, 32, 32), any range."""
        lines = drawings[:, None].to(self.fuse.weight.dtype)
        return self.fuse(self.keypoints(lines))


class Decode(nn.Module):
    """Latents and windows of features to pictures.

    Args:
        renderer: the network; its weights are shared, but for the sound's part of the fusion.
    """

    def __init__(self, renderer: Renderer | Lite):
        super().__init__()
        fusion, *rest = renderer.fusion
        self.renderer = renderer
        self.fuse = _conv_of(fusion.weight[:, -1:], fusion.bias, padding=1)
        self.rest = nn.Sequential(*rest)

    def forward(self, latents: Tensor, windows: Tensor) -> Tensor:
        """Draw heads.

        Args:
            latents: (B, 64, 32, 32) of ``Encode``.
            windows: (B, window, k) features.

        Returns:
            (B, 3, 512, 512) RGB in [-1, 1].
        """
        return self.renderer.head_of(self.fused(latents, windows))

    def fused(self, latents: Tensor, windows: Tensor) -> Tensor:
        """The fused latent that both decoders read, (B, 64, 32, 32); arguments as above."""
        sound = self.fuse(self.renderer.audio_encoder(windows))
        return self.rest(latents + sound)


def one_channel(conv: nn.Conv2d) -> nn.Conv2d:
    """A first convolution for bytes of one channel instead of three equal ones in [0, 1]."""
    weight = conv.weight.sum(1, keepdim=True) / 255
    return _conv_of(weight, conv.bias, conv.padding, conv.stride)


def _conv_of(
    weight: Tensor,
    bias: Tensor | None,
    padding: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
) -> nn.Conv2d:
    c_out, c_in, *kernel = weight.shape
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=bias is not None)
    conv.weight.data = weight.detach().clone()
    if bias is not None:
        conv.bias.data = bias.detach().clone()
    return conv.requires_grad_(False)
