"""A trained renderer made ready for CPUs: what hardly varies from frame to frame is fixed.

Measured on Mira (20 frames of all clips, real speech; PSNR to the exact network, whole frame and
mouth box): InstanceNorm of the layers from 256x256 up with the statistics of an average frame, 55.5
and 52.0 dB; the last 7x7 convolution as 7x1 and 1x7 with 6 channels between, 52.5 and 55.4 (other
networks need more, see ``rank``).
The norms of smaller layers stay exact: fixed, too, they would cost 15 dB.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ..nets.blocks import SLOPE
from ..nets.renderer import SIZE, Decoder, Renderer
from ..nets.split import Decode
from .rows import PAD, SIDE
from .tail import CHANNELS, TailWeights

EXACT = 2
"""How many of a decoder's layers keep their norm."""
RANKS = range(3, 22, 3)
"""Channels that may be between the two halves of the last convolution; with 21 nothing is lost."""
LEAST_DB = 50.0
"""How near the split convolution stays to the whole one."""
JUDGED = 4
"""Pictures in which that is looked at."""
EPSILON = 1e-5
"""What InstanceNorm2d adds to the variance."""

Statistics = dict[nn.Module, tuple[Tensor, Tensor]]
"""Mean and variance, (C,) each, of what the norms of fixed layers see."""


def measure(renderer: Renderer, drawings: np.ndarray, windows: np.ndarray) -> Statistics:
    """The statistics of an average frame.

    Args:
        renderer: the network.
        drawings: (N, 512, 512) uint8, some that it is made for.
        windows: (N, window, k) float32.
    """
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}
    with torch.inference_mode(), _listening(renderer, seen):
        for drawing, window in zip(drawings, windows, strict=True):
            _draw(renderer, drawing, window)
    means = {norm: [torch.stack(s).mean(0) for s in zip(*found, strict=True)]
             for norm, found in seen.items()}  # fmt: skip
    return {norm: (mean.clone(), variance.clone()) for norm, (mean, variance) in means.items()}


def _draw(renderer: Renderer, drawing: np.ndarray, window: np.ndarray) -> None:
    """One frame, for those who listen to the layers."""
    lines = torch.from_numpy(drawing)[None, None].expand(-1, 3, -1, -1) / 255
    renderer.head(lines, torch.from_numpy(window)[None])


@contextmanager
def _listening(renderer: Renderer, seen: dict) -> Iterator[None]:
    def listen(norm: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        mean = inputs[0].mean((0, 2, 3))
        seen.setdefault(norm, []).append((mean, inputs[0].var((0, 2, 3), unbiased=False)))

    decoders = filter(None, (renderer.head_decoder, renderer.mouth_decoder))
    norms = [layer[1] for decoder in decoders for layer in decoder.up[EXACT:]]
    handles = [norm.register_forward_hook(listen) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Front(nn.Module):
    """Latents and windows to what the tail begins with: each decoder's 8 channels at 256x256."""

    def __init__(self, renderer: Renderer, statistics: Statistics):
        super().__init__()
        self.split = Decode(renderer)
        self.head = _small_layers(renderer.head_decoder, statistics)
        mouth = renderer.mouth_decoder
        self.mouth = None if mouth is None else _small_layers(mouth, statistics)

    def forward(self, latents: Tensor, windows: Tensor) -> tuple[Tensor, ...]:
        """(B, 64, 32, 32) and (B, window, k) to (B, 256, 256, 8) of the head, and of the mouth."""
        fused = self.split.fused(latents, windows)
        planes = [self.head(fused)]
        if self.mouth is not None:
            planes.append(self.mouth(self.split.renderer.mouth_latent(fused)))
        # Channels last, as they lie in memory.
        return tuple(plane.permute(0, 2, 3, 1) for plane in planes)


@torch.inference_mode()
def rank(renderer: Renderer, drawings: np.ndarray, windows: np.ndarray) -> int:
    """The fewest channels between the halves of the last convolution that leave ``LEAST_DB``.

    Arguments as those of ``measure``. An untrained or a blurred network needs nearly all.
    """
    conv, seen = renderer.head_decoder.out, []
    handle = conv.register_forward_hook(lambda _, inputs, made: seen.append((inputs[0], made)))
    for at in np.linspace(0, len(drawings) - 1, JUDGED).astype(int):
        _draw(renderer, drawings[at], windows[at])
    handle.remove()
    for channels in RANKS[:-1]:
        upright, across = _halves(conv, channels)
        weight = torch.einsum("cur,rov->ocuv", upright, across).float()
        errors = [
            (torch.tanh(made) - torch.tanh(nn.functional.conv2d(features, weight, conv.bias, 1, 3)))
            for features, made in seen
        ]
        if max(float(error.square().mean()) for error in errors) <= 4 * 10 ** (-LEAST_DB / 10):
            return channels
    return RANKS[-1]


def tail_weights(renderer: Renderer, statistics: Statistics, rank: int) -> TailWeights:
    """The layers of a renderer that ``tail.draw`` does, with fixed norms and so many channels
    between the halves of the last convolution, one of ``RANKS``."""
    head = _layers(renderer.head_decoder, statistics)
    output = _output(renderer.head_decoder.out, rank)
    mouth, box = renderer.mouth_decoder, renderer.config.mouth_box
    if mouth is None:
        return TailWeights(*head, *head, *output, *_shrinking((0, 0, 0, 0)))
    return TailWeights(*head, *_layers(mouth, statistics), *output, *_shrinking(box))


def _small_layers(decoder: Decoder, statistics: Statistics) -> nn.Sequential:
    """A decoder up to 256x256, the norm of its last layer fixed."""
    conv, norm, _ = decoder.up[EXACT]
    weight, bias = _fixed(conv, statistics[norm])
    last = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 3, 2, 1, 1)
    last.weight.data, last.bias.data = weight, bias
    return nn.Sequential(*decoder.up[:EXACT], last, nn.LeakyReLU(SLOPE))


def _fixed(conv: nn.Module, statistics: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the norm after it."""
    mean, variance = statistics
    scale = torch.rsqrt(variance + EPSILON)
    shape = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    return conv.weight.data * scale.reshape(shape), (conv.bias.data - mean) * scale


def _layers(decoder: Decoder, statistics: Statistics) -> tuple[np.ndarray, ...]:
    """The two layers at 512x512: weights of even and of odd rows of the doubling, its bias;
    weights of the convolution, its bias."""
    (grow, norm, _), (conv, last_norm, _) = decoder.up[EXACT + 1 :]
    weight, bias = _fixed(grow, statistics[norm])  # (channel in, out, up, across)
    taps = weight.reshape(CHANNELS, CHANNELS // 2, 2, 3, 3).permute(3, 1, 0, 2, 4)
    even = taps[1].reshape(CHANNELS // 2, CHANNELS // 2, 12)  # two channels in, two out
    odd = torch.cat([taps[2].flatten(2), taps[0].flatten(2)], dim=2)  # two rows, two channels out
    weight, last_bias = _fixed(conv, statistics[last_norm])
    top, middle, bottom = weight.unbind(2)
    # Winograd's F(2, 3) down the rows; the last part is taken the other way round.
    parts = [top, (top + middle + bottom) / 2, (top - middle + bottom) / 2, bottom]
    pairs = torch.stack(parts).reshape(4, CHANNELS // 4, 4, CHANNELS, 3).transpose(2, 3).flatten(3)
    return _arrays(even, odd, bias, pairs, last_bias)


def _halves(conv: nn.Conv2d, rank: int) -> tuple[Tensor, Tensor]:
    """A 7x7 convolution in two, nearly: upright (8, 7, rank), and across (rank, 3, 7)."""
    weight = conv.weight.data.permute(1, 2, 0, 3).reshape(CHANNELS * 7, 3 * 7)
    u, s, vh = torch.linalg.svd(weight.double(), full_matrices=False)
    upright = (u[:, :rank] * s[:rank].sqrt()).reshape(CHANNELS, 7, rank)
    return upright, (vh[:rank] * s[:rank, None].sqrt()).reshape(rank, 3, 7)


def _output(conv: nn.Conv2d, rank: int) -> tuple[np.ndarray, ...]:
    """The last convolution in two: columns (rank / 3, 8, 2, 12), across (rank, 3, 7), bias."""
    upright, across = _halves(conv, rank)
    columns = nn.functional.pad(upright, (0, 0, 0, 1))  # an eighth tap of nothing
    columns = columns.reshape(CHANNELS, 2, 4, rank // 3, 3).permute(3, 0, 1, 4, 2).flatten(3)
    return _arrays(columns, across, conv.bias.data)


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(np.ascontiguousarray(t.numpy(), np.float32) for t in tensors)


def _shrinking(box: tuple[int, int, int, int]) -> tuple[np.ndarray, ...]:
    """The box; rows above and share of those below; columns before and after, share of these."""
    x, _, width, height = box
    above, _, down = _between(height)
    before, after, across = _between(width)
    even_first = np.argsort((x + np.arange(width)) % 2, kind="stable")
    before, after = ((p % 2 * SIDE + PAD + p // 2)[even_first] for p in (before, after))
    places = (before.astype(np.uint32), after.astype(np.uint32))  # no sign: no check of it
    return np.array(box), above, down, *places, across[even_first]


def _between(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where ``count`` pixels lie among 512: before, after, share of the latter (bilinear)."""
    at = np.maximum((np.arange(count) + 0.5) * SIZE / max(count, 1) - 0.5, 0)
    before = at.astype(np.int64)
    return before, np.minimum(before + 1, SIZE - 1), (at - before).astype(np.float32)
