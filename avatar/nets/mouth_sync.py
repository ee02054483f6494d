"""Does this mouth fit this sound? Two small networks bring both into one space, frame by frame."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, SHARED = 48, 24
"""Channels of the hidden layers, and of the space that mouth and sound share."""
KERNELS = (5, 5, 3)
"""Frames that each layer sees: five either way in all, 0.2 s."""


class MouthSyncNet(nn.Module):
    """Embeds sound and mouth so that what belongs together lies together."""

    def __init__(self, sound_channels: int, mouth_channels: int):
        super().__init__()
        self.sound = _tower(sound_channels)
        self.mouth = _tower(mouth_channels)
        self.sharpness = nn.Parameter(torch.tensor(2.5))
        """Logarithm of what agreements are multiplied by in training."""

    def forward(self, sound: Tensor, mouth: Tensor) -> tuple[Tensor, Tensor]:
        """Embed both, (B, T, channels) each, to unit vectors (B, T, SHARED) each."""
        embedded = self.sound(sound.mT), self.mouth(mouth.mT)
        sound, mouth = (F.normalize(x, dim=1).mT for x in embedded)
        return sound, mouth


def _tower(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for kernel in KERNELS:
        layers += [
            nn.Conv1d(channels, WIDTH, kernel, padding=kernel // 2),
            nn.BatchNorm1d(WIDTH), nn.GELU(), nn.Dropout(0.1),
        ]  # fmt: skip
        channels = WIDTH
    return nn.Sequential(*layers, nn.Conv1d(WIDTH, SHARED, 1))


def agreements(sound: Tensor, mouth: Tensor, most: int) -> Tensor:
    """Cosines of the mouth of each frame with the sound of frames before and after it.

    Args:
        sound: (B, T, SHARED) unit vectors.
        mouth: (B, T, SHARED) unit vectors.
        most: frames either way, fewer than T.

    Returns:
        (B, 2 * most + 1, T) in [-1, 1]; row ``most + o`` has mouth t with sound t - o, so it is
        high where lips are o frames late; NaN where there is no such sound.
    """
    frames, rows = sound.shape[1], []
    for late in range(-most, most + 1):
        # Both cut to what overlaps: NaN put in before the product would spoil its gradient.
        before, after = max(late, 0), max(-late, 0)
        row = (mouth[:, before : frames - after] * sound[:, after : frames - before]).sum(dim=-1)
        rows.append(F.pad(row, (before, after), value=torch.nan))
    return torch.stack(rows, dim=1)
