"""The lite renderer: the renderer up to 128x128, and a short way from there to the picture.

Our addition, for machines that the renderer is too much for. Three quarters of its work are layers
of 8 channels at 256x256 and 512x512. Here the drawing is halved twice at once, the decoders end
where they have 16 channels, and a few wide layers give four pixels for each of theirs (sub-pixel
convolution, Shi et al. 2016). The mouth is drawn at half the size that it has in the renderer,
which is still more than it takes in the picture. It learns from the renderer, see
``training.distill``.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import SLOPE, Conv
from .renderer import SIZE, Renderer, RendererConfig

SMALL = 2
"""Layers of the renderer's decoders that are kept, up to 128x128."""
WIDTH = 16
"""Channels of what follows them."""
FADE = 12
"""Pixels over which the mouth fades into the head, inside its box."""


class Lite(nn.Module):
    """A drawing and a window of features to a picture; built of a renderer's first layers.

    Args:
        config: of the renderer, which has a mouth decoder.
    """

    def __init__(self, config: RendererConfig):
        super().__init__()
        self.config = config
        renderer = Renderer(config)
        layers = list(renderer.keypoint_encoder)
        second = [i for i, layer in enumerate(layers) if isinstance(layer, Conv)][2]
        self.keypoint_encoder = nn.Sequential(Conv(1, WIDTH, 7, stride=4), *layers[second:])
        self.audio_encoder, self.fusion = renderer.audio_encoder, renderer.fusion
        self.mouth_latent = renderer.mouth_latent
        self.head_decoder = nn.Sequential(
            *renderer.head_decoder.up[:SMALL],
            nn.ConvTranspose2d(WIDTH, WIDTH, 3, 2, 1, 1), nn.LeakyReLU(SLOPE), *_pixels(),
        )  # fmt: skip
        self.mouth_decoder = nn.Sequential(*renderer.mouth_decoder.up[:SMALL], *_pixels())
        self.register_buffer("fade", torch.from_numpy(fade(config)), persistent=False)

    def start_from(self, renderer: Renderer) -> None:
        """Take over the weights of what both have."""
        own, given = self.state_dict(), renderer.state_dict()
        shift = len(renderer.keypoint_encoder) - len(self.keypoint_encoder)
        for key in own:
            room, _, rest = key.partition(".")
            if room.endswith("_decoder") and int(rest.partition(".")[0]) < SMALL:
                own[key] = given[f"{room}.up.{rest}"]
            elif room == "keypoint_encoder" and not rest.startswith("0."):
                index, _, name = rest.partition(".")
                own[key] = given[f"{room}.{int(index) + shift}.{name}"]
            elif room in ("audio_encoder", "fusion"):
                own[key] = given[key]
        self.load_state_dict(own)

    def parts(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """From the fused latent (B, 64, 32, 32) to four pixels a cell, RGB by RGB, about [-1, 1]:
        of the head (B, 12, 256, 256), and of the mouth box magnified (B, 12, 128, 128)."""
        return self.head_decoder(fused), self.mouth_decoder(self.mouth_latent(fused))

    def forward(self, drawing: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """Render the head, for training.

        Args:
            drawing: (B, 1, 512, 512) in [0, 1].
            window: (B, window, k) features of frames i-3 .. i+2 (G16).

        Returns:
            (B, 3, 512, 512) RGB, about [-1, 1], and what is made of the drawing,
            (B, 64, 32, 32), as ``split.Encode`` gives it.
        """
        keypoints = self.keypoint_encoder(drawing)
        latent = F.conv2d(keypoints, self.fusion[0].weight[:, :-1], padding=1)
        fused = self.fusion(torch.cat([keypoints, self.audio_encoder(window)], dim=1))
        head, mouth = (spread(part) for part in self.parts(fused))
        x, y, w, h = self.config.mouth_box
        mouth = F.interpolate(mouth, size=(h, w), mode="bilinear", align_corners=False)
        mouth = F.pad(mouth, (x, SIZE - x - w, y, SIZE - y - h))
        return head + self.fade * (mouth - head), latent


def spread(cells: Tensor) -> Tensor:
    """Pixels by fours (B, 12, H, W), row by row and RGB by RGB, in their places (B, 3, 2H, 2W)."""
    batch, _, height, width = cells.shape
    pixels = cells.reshape(batch, 2, 2, 3, height, width).permute(0, 3, 4, 1, 5, 2)
    return pixels.reshape(batch, 3, 2 * height, 2 * width)


def fade(config: RendererConfig) -> np.ndarray:
    """(512, 512) float32: 1 in the mouth box, falling to 0 at its edge."""
    x, y, w, h = config.mouth_box
    inward = [np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) for n in (h, w)]
    down, across = (np.clip(each / FADE, 0, 1) for each in inward)
    result = np.zeros((SIZE, SIZE), np.float32)
    result[y : y + h, x : x + w] = np.minimum.outer(down, across)
    return result


def _pixels() -> list[nn.Module]:
    """The last layers, from ``WIDTH`` channels to four pixels."""
    last = nn.Conv2d(WIDTH, 12, 3, padding=1)
    with torch.no_grad():  # the four begin alike: no grid to be unlearnt
        last.weight.copy_(last.weight[:3].repeat(4, 1, 1, 1))
        last.bias.copy_(last.bias[:3].repeat(4))
    return [nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.LeakyReLU(SLOPE), last]
