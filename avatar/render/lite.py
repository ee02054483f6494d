"""The engine for the lite renderer: OpenVINO alone, each core at a frame of its own."""

from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RenderError
from ..identity import Identity
from ..nets import blocks, lite, split
from ..nets.renderer import LATENT, SIZE
from . import compiled
from .compiled import Compiled, Parts, exported, fingerprint, kept


class LiteEngine:
    """An ``Engine`` (see ``engine.py``) for CPUs, twice as fast and a little less exact.

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
        name = fingerprint(network, (lite, split, blocks, compiled))
        self._networks = Compiled(kept(name, partial(_prepare, network)))
        self.batch = 2 * self._networks.cores
        x, y, width, height = network.config.mouth_box
        self._box = slice(y, y + height), slice(x, x + width)
        self._share = np.ascontiguousarray(lite.fade(network.config)[self._box])

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        return self.decode(self.encode(drawings), windows)

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        """See ``Engine``: (B, 512, 512) uint8 to (B, 64, 32, 32) float32."""
        latents = np.empty((len(drawings), 64, LATENT, LATENT), np.float32)
        self._networks.each(self._encode, drawings, latents)
        return latents

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``: to (B, 512, 512, 3) uint8 RGB."""
        pictures = np.empty((len(latents), SIZE, SIZE, 3), np.uint8)
        self._networks.each(self._draw, latents, windows, pictures)
        return pictures

    def _encode(self, drawing: np.ndarray, latent: np.ndarray) -> None:
        latent[:] = self._networks.infer("encode", drawing)[0]

    def _draw(self, latent: np.ndarray, window: np.ndarray, picture: np.ndarray) -> None:
        """Where a frame is made."""
        *head, even, odd = self._networks.infer("decode", latent, window)
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
