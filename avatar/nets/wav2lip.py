"""Wav2Lip's generator (Prajwal et al., 2020), in the names and shapes of its public weights.

Written from the published description and the names in the checkpoint; 36.3 M parameters.
"""

import torch
from torch import Tensor, nn

SIZE = 96
"""Height and width of the faces it takes and gives, in pixels."""
MELS, COLUMNS = 80, 16
"""Bands and columns of the mel spectrogram that one face is shown with."""


class Block(nn.Module):
    """Convolution + BatchNorm + ReLU, with a way around where it is residual."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
        transposed: bool = False,
    ):
        super().__init__()
        # Doubling exactly needs a pixel more at the end.
        extra = {"output_padding": int(stride == 2)} if transposed else {}
        layer = nn.ConvTranspose2d if transposed else nn.Conv2d
        convolution = layer(c_in, c_out, kernel, stride, padding, **extra)
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(c_out))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, c_in, H, W), any range."""
        y = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class Wav2Lip(nn.Module):
    """A masked face, the same face whole, and a bit of sound to the face that says it."""

    def __init__(self):
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(Block(6, 16, 7, padding=3)),
            _stage(Block(16, 32, stride=2), 32, 2),
            _stage(Block(32, 64, stride=2), 64, 3),
            _stage(Block(64, 128, stride=2), 128, 2),
            _stage(Block(128, 256, stride=2), 256, 2),
            _stage(Block(256, 512, stride=2), 512, 1),
            nn.Sequential(Block(512, 512, padding=0), Block(512, 512, 1, padding=0)),
        ])  # fmt: skip
        self.audio_encoder = nn.Sequential(
            *_stage(Block(1, 32), 32, 2),
            *_stage(Block(32, 64, stride=(3, 1)), 64, 2),
            *_stage(Block(64, 128, stride=3), 128, 2),
            *_stage(Block(128, 256, stride=(3, 2)), 256, 1),
            Block(256, 512, padding=0), Block(512, 512, 1, padding=0),
        )  # fmt: skip
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(Block(512, 512, 1, padding=0)),
            _stage(Block(1024, 512, padding=0, transposed=True), 512, 1),
            _stage(Block(1024, 512, stride=2, transposed=True), 512, 2),
            _stage(Block(768, 384, stride=2, transposed=True), 384, 2),
            _stage(Block(512, 256, stride=2, transposed=True), 256, 2),
            _stage(Block(320, 128, stride=2, transposed=True), 128, 2),
            _stage(Block(160, 64, stride=2, transposed=True), 64, 2),
        ])  # fmt: skip
        self.output_block = nn.Sequential(Block(80, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        """Let faces say what is heard.

        Args:
            mel: (B, 1, 80, 16) in [-4, 4].
            faces: (B, 6, 96, 96) BGR in [0, 1]: the face with its lower half black, then whole.

        Returns:
            (B, 3, 96, 96) BGR in [0, 1].
        """
        maps, x = [], faces
        for block in self.face_encoder_blocks:
            maps.append(x := block(x))
        x = self.audio_encoder(mel)
        for block in self.face_decoder_blocks:
            x = torch.cat([block(x), maps.pop()], dim=1)
        return self.output_block(x)


def _stage(first: Block, channels: int, residuals: int) -> nn.Sequential:
    """A block that changes the size, and residual ones after it."""
    return nn.Sequential(
        first, *(Block(channels, channels, residual=True) for _ in range(residuals))
    )
