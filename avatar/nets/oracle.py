"""The oracle: line drawings with a mouth to pictures, mouth first (paper, section 3.3, Fig. 4).

(a) A mouth network turns the magnified drawing of the mouth box into a picture; (b) shrunk, the
picture is pasted into the drawing of the head; (c) a head network "outpaints" the rest. It never
hears a sound, so it can draw any mouth in any pose: it makes the renderer's synthetic data.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import Conv, Residual
from .renderer import check_mouth_box, refuse_unknown

FOLD = 4
"""Pictures are folded into blocks of 4x4 pixels: the networks work at 128x128 and below, where
convolutions are wide enough to be fast on any machine."""


@dataclass(frozen=True)
class OracleConfig:
    """What the oracle is built of; the paper gives none of it (G20)."""

    mouth_box: tuple[int, int, int, int] = (164, 259, 192, 192)
    """x, y, width, height in pixels of the head picture."""
    widths: tuple[int, ...] = (48, 96, 192, 192)
    """Channels at 128, 64, 32 and 16 px."""
    blocks: int = 2
    """Residual blocks at the narrowest place."""

    def __post_init__(self):
        check_mouth_box(self.mouth_box)
        if not 2 <= len(self.widths) <= 6 or not all(1 <= width <= 1024 for width in self.widths):
            raise ValueError(f"expected 2 to 6 widths in 1..1024, got {self.widths}")
        if not 0 <= self.blocks <= 16:
            raise ValueError(f"expected 0 to 16 blocks, got {self.blocks}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "OracleConfig":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: for an unknown key or a value out of range.
        """
        refuse_unknown(cls, values, "oracle")
        tuples = {key: tuple(values[key]) for key in ("mouth_box", "widths") if key in values}
        return cls(**values | tuples)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


class UNet(nn.Module):
    """A drawing (B, c_in, 512, 512) to a picture (B, 3, 512, 512) in [-1, 1]."""

    def __init__(self, c_in: int, widths: tuple[int, ...], blocks: int):
        super().__init__()
        first, last = widths[0], widths[-1]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.stem = nn.Sequential(Conv(c_in * FOLD**2, first), Residual(first))
        self.down = nn.ModuleList(Conv(a, b, stride=2) for a, b in pairs)
        self.middle = nn.Sequential(*(Residual(last) for _ in range(blocks)))
        self.up = nn.ModuleList(Conv(b, a) for a, b in reversed(pairs))
        self.refine = nn.ModuleList(Conv(a, a) for a, _ in reversed(pairs))
        self.out = nn.Conv2d(first, 3 * FOLD**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, c_in, 512, 512), any range."""
        maps = [self.stem(F.pixel_unshuffle(x, FOLD))]
        for down in self.down:
            maps.append(down(maps[-1]))
        x = self.middle(maps.pop())
        for up, refine in zip(self.up, self.refine, strict=True):
            x = refine(F.interpolate(up(x), scale_factor=2, mode="nearest") + maps.pop())
        return torch.tanh(F.pixel_shuffle(self.out(x), FOLD))


class Oracle(nn.Module):
    """Two networks, chained: the mouth, then the head around it."""

    def __init__(self, config: OracleConfig | None = None):
        super().__init__()
        self.config = config or OracleConfig()
        self.mouth = UNet(1, self.config.widths, self.config.blocks)
        self.head = UNet(3, self.config.widths, self.config.blocks)

    def composite(self, drawing: Tensor, mouth: Tensor) -> Tensor:
        """Paste the shrunk mouth picture into the head's drawing: what the head network sees.

        Args:
            drawing: (B, 1, 512, 512) in [0, 1], with mouth.
            mouth: (B, 3, 512, 512) in [-1, 1], the mouth box magnified.

        Returns:
            (B, 3, 512, 512): white lines 1 on black -1, colours inside the box.
        """
        x, y, w, h = self.config.mouth_box
        small = F.interpolate(mouth.float(), size=(h, w), mode="bilinear", antialias=True)
        canvas = (drawing * 2 - 1).expand(-1, 3, -1, -1).clone()
        canvas[..., y : y + h, x : x + w] = small
        return canvas

    def forward(self, drawing: Tensor, mouth_drawing: Tensor) -> tuple[Tensor, Tensor]:
        """Draw both pictures.

        Args:
            drawing: (B, 1, 512, 512) in [0, 1], ``face.drawing.draw_with_mouth``.
            mouth_drawing: (B, 1, 512, 512) in [0, 1], ``face.drawing.draw_mouth_box``.

        Returns:
            head and mouth, each (B, 3, 512, 512) RGB in [-1, 1]; the mouth is the box magnified.
        """
        mouth = self.mouth(mouth_drawing)
        return self.head(self.composite(drawing, mouth)), mouth
