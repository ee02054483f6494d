"""The engine for the lite renderer: OpenVINO alone, each core at a frame of its own."""

import sys
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RenderError
from ..identity import Identity
from ..nets import blocks, lite, split
from ..nets.renderer import LATENT, SIZE
from .compiled import CompiledEngine, Parts, exported, fingerprint, kept


class LiteEngine(CompiledEngine):
    """Draws by the lite renderer: twice as fast, and a little less exact.

    Args:
        identity: who is rendered.

    Raises:
        RenderError: if nobody has made a lite renderer for them.
    """

    name = "lite"

    def __init__(self, identity: Identity):
        network = identity.lite()
        if network is None:
            raise RenderError(
                f"{identity.name} has no lite renderer: `python -m avatar distill` makes one."
            )
        name = fingerprint(network, (lite, split, blocks, sys.modules[__name__]))
        super().__init__(kept(name, partial(_prepare, network)))
        x, y, width, height = network.config.mouth_box
        self._box = slice(y, y + height), slice(x, x + width)
        self._share = np.ascontiguousarray(lite.fade(network.config)[self._box])

    def _draw(self, latent: np.ndarray, window: np.ndarray, picture: np.ndarray) -> None:
        """Where a frame is made."""
        *head, even, odd = self._infer("decode", latent, window)
        _interleave(*head, picture)
        mouth = np.empty((2 * len(even), 2 * len(even), 3), np.uint8)
        _interleave(even, odd, mouth)
        box, share = picture[self._box], self._share
        mouth = cv2.resize(mouth, share.shape[::-1], interpolation=cv2.INTER_LINEAR)
        box[:] = cv2.blendLinear(mouth, box, share, 1 - share)


class Rows(nn.Module):
    """Latents and windows to rows of pixels."""

    def __init__(self, network: lite.Lite):
        super().__init__()
        self.network, self.split = network, split.Decode(network)

    def forward(self, latents: Tensor, windows: Tensor) -> tuple[Tensor, ...]:
        """(B, 64, 32, 32) and (B, window, k) to uint8 RGB, two pixels a cell: even and odd rows of
        the head (B, 256, 256, 6), and of the magnified mouth (B, 128, 128, 6)."""
        rows = []
        for cells in self.network.parts(self.split.fused(latents, windows)):
            pixels = (cells * 127.5 + 127.5).round().clamp(0, 255)
            pixels = pixels.permute(0, 2, 3, 1).to(torch.uint8)
            rows += [pixels[..., :6], pixels[..., 6:]]
        return tuple(rows)


def _prepare(network: lite.Lite) -> Parts:
    config = network.config
    drawing = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    latent, window = torch.zeros(1, 64, LATENT, LATENT), torch.zeros(1, config.window, config.k)
    return {
        "encode": exported(split.Encode(network), drawing),
        "decode": exported(Rows(network), latent, window),
    }


def _interleave(even: np.ndarray, odd: np.ndarray, picture: np.ndarray) -> None:
    """Rows (H, W, 6) of two pixels a cell to a picture (2H, 2W, 3)."""
    height = len(even)
    rows = picture.reshape(height, 2, -1)
    rows[:, 0], rows[:, 1] = even.reshape(height, -1), odd.reshape(height, -1)
