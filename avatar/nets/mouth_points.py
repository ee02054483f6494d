"""What is said to where lips and jaw are: the network half of the paper's "NVP" baseline."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .blocks import SLOPE
from .renderer import refuse_unknown


@dataclass(frozen=True)
class MouthPointsConfig:
    """What the network is built of; the paper names Neural Voice Puppetry and gives no sizes."""

    points: int = 37
    """Keypoints it finds: 17 of the jaw, 20 of the mouth."""
    k: int = 34
    """Features a frame."""
    window: int = 6
    """Frames of features that one face sees, as the renderer does."""
    hidden: int = 256

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MouthPointsConfig":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: for an unknown key.
        """
        refuse_unknown(cls, values, "mouth points")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class MouthPoints(nn.Module):
    """A window of speech features to points in the head's own frame."""

    def __init__(self, config: MouthPointsConfig | None = None):
        super().__init__()
        self.config = config = config or MouthPointsConfig()
        self.mlp = nn.Sequential(
            nn.Linear(config.window * config.k, config.hidden), nn.LeakyReLU(SLOPE),
            nn.Linear(config.hidden, config.hidden), nn.LeakyReLU(SLOPE),
            nn.Linear(config.hidden, config.points * 3),
        )  # fmt: skip
        self.register_buffer("middle", torch.zeros(config.points, 3))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def standardise(self, points: Tensor) -> None:
        """Let outputs of variance 1 stand for how far points (N, points, 3) are from their mean."""
        self.middle.copy_(points.mean(dim=0))
        self.scale.copy_((points - self.middle).std())

    def forward(self, windows: Tensor) -> Tensor:
        """windows: (B, window, k) features; returns (B, points, 3) metres, before posing."""
        moved = self.mlp(windows.flatten(1)).unflatten(1, (self.config.points, 3))
        return self.middle + self.scale * moved
