"""SyncNet: how well a mouth fits a sound (Chung and Zisserman, "Out of time", 2016).

Layers, names and shapes are those of the public weights, ``syncnet_v2.model``, so that these load
unchanged. What it sees and hears at once lasts 0.2 s: 5 frames at 25 fps beside 20 columns of
MFCC at 100 Hz.
"""

from torch import Tensor, nn

FRAMES, SIZE = 5, 224
"""Frames that the network sees at once, and their height and width in px."""
COEFFICIENTS, COLUMNS = 13, 20
"""Of the MFCC that it hears at once."""
EMBEDDING = 1024


class SyncNet(nn.Module):
    """Two towers whose outputs are near each other where lips and sound belong together."""

    def __init__(self):
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer(nn.Conv2d(1, 64, 3, padding=1)), nn.MaxPool2d(1, 1),
            *_layer(nn.Conv2d(64, 192, 3, padding=1)), nn.MaxPool2d(3, (1, 2)),
            *_layer(nn.Conv2d(192, 384, 3, padding=1)),
            *_layer(nn.Conv2d(384, 256, 3, padding=1)),
            *_layer(nn.Conv2d(256, 256, 3, padding=1)), nn.MaxPool2d(3, 2),
            *_layer(nn.Conv2d(256, 512, (5, 4))),
        )  # fmt: skip
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = nn.Sequential(
            *_layer(nn.Conv3d(3, 96, (5, 7, 7), (1, 2, 2))), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer(nn.Conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer(nn.Conv3d(256, 512, (1, 6, 6))),
        )  # fmt: skip

    def sound(self, mfcc: Tensor) -> Tensor:
        """(B, 1, 13, 20) to (B, 1024)."""
        return self.netfcaud(self.netcnnaud(mfcc).flatten(1))

    def lips(self, film: Tensor) -> Tensor:
        """A film (3, T, 224, 224), BGR in 0..255, to (T - 4, 1024): row i is of frames i..i + 4."""
        seen = self.netcnnlip(film[None])  # (1, 512, T - 4, 1, 1)
        return self.netfclip(seen[0].flatten(1).T)


def _layer(convolution: nn.Conv2d | nn.Conv3d) -> tuple[nn.Module, ...]:
    norm = nn.BatchNorm2d if isinstance(convolution, nn.Conv2d) else nn.BatchNorm3d
    return convolution, norm(convolution.out_channels), nn.ReLU(inplace=True)


def _head() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING)
    )
