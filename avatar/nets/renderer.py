"""The renderer: a line drawing and a window of speech features to a head and a mouth picture.

Two encoders, two decoders, one paste (paper, section 3.2, Fig. 2, Table 2). The gaps of the paper
and how they are resolved are named G1..G34 in the docstrings.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import AudioEncoder, Context, Conv, Residual, TConv

SIZE = 512
"""Height and width of drawings and pictures, in pixels."""
LATENT = 32
"""Height and width of the fused latent."""


def check_mouth_box(box: tuple[int, int, int, int]) -> None:
    """Raise ValueError for a box (x, y, width, height) that is not inside the picture."""
    x, y, w, h = box
    if not (0 <= x < x + w <= SIZE and 0 <= y < y + h <= SIZE):
        raise ValueError(f"expected a mouth box inside {SIZE}x{SIZE}, got {box}")


def refuse_unknown(config: type, values: dict[str, Any], what: str) -> None:
    """Raise ValueError for keys that a network's configuration has no field for."""
    unknown = set(values) - {field.name for field in fields(config)}
    if unknown:
        raise ValueError(f"unknown {what} arguments: {', '.join(sorted(unknown))}")


@dataclass(frozen=True)
class RendererConfig:
    """What the renderer is built of; defaults are the product's, ``table_exact`` the paper's."""

    k: int = 34
    """Features a frame: 34 visemes or 768 for wav2vec 2.0."""
    window: int = 6
    """Frames of features that one picture sees."""
    mouth_box: tuple[int, int, int, int] = (164, 259, 192, 192)
    """x, y, width, height in pixels of the head picture."""
    residual_blocks: bool = True
    """Residual blocks between the strided convolutions (G1)."""
    context_blocks: int = 2
    """Dilated residual blocks after them, our addition: they widen what a pixel sees (G1)."""
    mouth_latent: str = "crop"
    """"full": the mouth decoder reads the whole latent (the paper); "crop": only the box (G9),
    which our ablation prefers by 3 dB in the mouth box."""
    audio_mix: str = "wide"
    """"table": 6 -> 1 (the paper); "wide": 6 -> 16 -> 1 (G6), which our ablation prefers."""
    mouth_decoder: bool = True
    """False: one decoder draws all (an ablation, paper Fig. 10); the mouth is cut from the head."""

    def __post_init__(self):
        check_mouth_box(self.mouth_box)
        if not 1 <= self.k <= 4096 or not 1 <= self.window <= 64:
            raise ValueError(f"expected k in 1..4096, window in 1..64, got {self.k}, {self.window}")
        if not 0 <= self.context_blocks <= 4:
            raise ValueError(f"expected 0 to 4 context_blocks, got {self.context_blocks}")
        if self.mouth_latent not in ("full", "crop"):
            raise ValueError(f"expected mouth_latent 'full' or 'crop', got {self.mouth_latent!r}")
        if self.audio_mix not in ("table", "wide"):
            raise ValueError(f"expected audio_mix 'table' or 'wide', got {self.audio_mix!r}")

    @classmethod
    def table_exact(cls, **changes: Any) -> "RendererConfig":
        """Table 2 to the letter: 1,200,669 parameters."""
        table = {"residual_blocks": False, "context_blocks": 0}
        table |= {"mouth_latent": "full", "audio_mix": "table"}
        return cls(**table | changes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RendererConfig":
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: for an unknown key or a value out of range.
        """
        refuse_unknown(cls, values, "renderer")
        if "mouth_box" in values:
            values = values | {"mouth_box": tuple(values["mouth_box"])}
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"mouth_box": list(self.mouth_box)}


class Decoder(nn.Module):
    """The shared latent to a 512x512 picture (paper, Table 2d and 2e)."""

    def __init__(self):
        super().__init__()
        self.up = nn.Sequential(TConv(64, 32), TConv(32, 16), TConv(16, 8), TConv(8, 8), Conv(8, 8))
        # No norm on the picture: it would remove brightness (G7).
        self.out = nn.Conv2d(8, 3, 7, padding=3)

    def features(self, latent: Tensor) -> Tensor:
        """latent: (B, 64, 32, 32); returns the penultimate layer, (B, 8, 512, 512)."""
        return self.up(latent)

    def picture(self, features: Tensor) -> Tensor:
        """features: (B, 8, 512, 512); returns RGB (B, 3, 512, 512) in [-1, 1]."""
        return torch.tanh(self.out(features))


class MouthLatent(nn.Module):
    """The part of the fused latent that the mouth decoder reads, at its size (G9)."""

    def __init__(self, config: RendererConfig):
        super().__init__()
        grid = _box_grid(config.mouth_box) if config.mouth_latent == "crop" else None
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (B, 64, 32, 32); same shape out."""
        if self.grid is None:
            return latent
        grid = self.grid.to(latent.dtype).expand(latent.shape[0], -1, -1, -1)
        return F.grid_sample(latent, grid, padding_mode="border", align_corners=False)


class Renderer(nn.Module):
    """Two encoders, a fused latent, two decoders; mouth features are pasted into the head's."""

    def __init__(self, config: RendererConfig | None = None):
        super().__init__()
        self.config = config or RendererConfig()
        channels = (3, 8, 16, 32, 64)
        layers: list[nn.Module] = []
        for c_in, c_out in zip(channels[:-1], channels[1:], strict=True):
            layers.append(Conv(c_in, c_out, stride=2))
            if self.config.residual_blocks and c_out != channels[-1]:
                layers.append(Residual(c_out))
        layers += [Context(channels[-1], 2**i) for i in range(self.config.context_blocks)]
        self.keypoint_encoder = nn.Sequential(*layers)
        self.audio_encoder = AudioEncoder(self.config.window, self.config.k, self.config.audio_mix)
        self.fusion = Conv(channels[-1] + 1, channels[-1])
        self.mouth_decoder = Decoder() if self.config.mouth_decoder else None
        self.head_decoder = Decoder()
        x, y, w, h = self.config.mouth_box
        outside = torch.ones(1, 1, SIZE, SIZE)
        outside[..., y : y + h, x : x + w] = 0
        self.register_buffer("outside", outside, persistent=False)
        self.mouth_latent = MouthLatent(self.config)

    def latent(self, drawing: Tensor, window: Tensor) -> Tensor:
        """Fuse drawing (B, 3, 512, 512) in [0, 1] and window (B, frames, k): (B, 64, 32, 32)."""
        keypoints = self.keypoint_encoder(drawing)
        return self.fusion(torch.cat([keypoints, self.audio_encoder(window)], dim=1))

    def mouth_features(self, latent: Tensor) -> Tensor:
        """The mouth decoder's penultimate layer, (B, 8, 512, 512), magnifying the mouth box."""
        return self.mouth_decoder.features(self.mouth_latent(latent))

    def paste(self, head: Tensor, mouth: Tensor) -> Tensor:
        """Put the mouth's features into the head's at the mouth box (paper, section 3.2).

        By a constant mask instead of a slice, which export would turn into a scatter (G34).
        """
        x, y, w, h = self.config.mouth_box
        small = F.interpolate(mouth, size=(h, w), mode="bilinear", align_corners=False)
        return head * self.outside + F.pad(small, (x, SIZE - x - w, y, SIZE - y - h))

    def forward(self, drawing: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """Render both pictures, for training.

        Args:
            drawing: (B, 3, 512, 512) in [0, 1], the one-channel drawing repeated (G2).
            window: (B, window, k) features of frames i-3 .. i+2 (G16).

        Returns:
            head and mouth, each (B, 3, 512, 512) RGB in [-1, 1]; the mouth is the box magnified.
        """
        latent = self.latent(drawing, window)
        if self.mouth_decoder is None:
            head = self.head_decoder.picture(self.head_decoder.features(latent))
            return head, self._magnified(head)
        mouth = self.mouth_features(latent)
        head = self.paste(self.head_decoder.features(latent), mouth)
        return self.head_decoder.picture(head), self.mouth_decoder.picture(mouth)

    def mouth(self, drawing: Tensor, window: Tensor) -> Tensor:
        """Render the mouth alone, for training steps of half the cost; arguments as above."""
        if self.mouth_decoder is None:
            return self(drawing, window)[1]
        return self.mouth_decoder.picture(self.mouth_features(self.latent(drawing, window)))

    def head(self, drawing: Tensor, window: Tensor) -> Tensor:
        """Render the head alone, as at run time: the mouth's last convolution is skipped."""
        return self.head_of(self.latent(drawing, window))

    def head_of(self, latent: Tensor) -> Tensor:
        """Render the head from the fused latent, (B, 64, 32, 32): (B, 3, 512, 512) in [-1, 1]."""
        features = self.head_decoder.features(latent)
        if self.mouth_decoder is not None:
            features = self.paste(features, self.mouth_features(latent))
        return self.head_decoder.picture(features)

    def _magnified(self, head: Tensor) -> Tensor:
        """The mouth box of head pictures, at the size of mouth pictures."""
        x, y, w, h = self.config.mouth_box
        return F.interpolate(head[..., y : y + h, x : x + w], size=(SIZE, SIZE), mode="bilinear")


def _box_grid(box: tuple[int, int, int, int]) -> Tensor:
    """Sampling grid (1, 32, 32, 2) that magnifies the latent cells of the mouth box."""
    x, y, w, h = box
    centres = (torch.arange(LATENT) + 0.5) / LATENT
    columns = (x + centres * w) / SIZE * 2 - 1
    rows = (y + centres * h) / SIZE * 2 - 1
    grid_y, grid_x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=-1)[None]
