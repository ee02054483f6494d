"""The discriminator: a 70x70 PatchGAN, one score for every patch of a picture (PAPER 61)."""

from torch import Tensor, nn

from .blocks import SLOPE, InstanceNorm


class PatchDiscriminator(nn.Module):
    """Pix2Pix's 70x70 discriminator: five 4x4 convolutions, no norm on the first and the last.

    The head's sees picture and drawing (``c_in`` 4), the mouth's its picture alone (G19). The
    structure is our choice: the paper's Table 2 does not show it.

    Forward and backward at 512x512, ``c_in`` 4, batch 1, in bf16 on one CPU core, in seconds:

    ===== ========== ============== ============= ============================
    width parameters real and fake  adversarial   adversarial, and matching of
                     for its step   term of the   features (real ones without
                                    generator     gradient)
    ===== ========== ============== ============= ============================
    16    175,345    0.056          0.025         0.048
    32    694,753    0.169          0.065         0.129
    64    2,765,761  0.489          0.190         0.415
    ===== ========== ============== ============= ============================
    """

    def __init__(self, c_in: int, width: int = 64):
        """c_in: channels of what is judged; width: of the first layer, the last has 8 times it."""
        super().__init__()
        blocks = [nn.Sequential(nn.Conv2d(c_in, width, 4, 2, padding=1), nn.LeakyReLU(SLOPE))]
        for c_out, stride in ((2 * width, 2), (4 * width, 2), (8 * width, 1)):
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(c_out // 2, c_out, 4, stride, padding=1),
                    InstanceNorm(c_out),
                    nn.LeakyReLU(SLOPE),
                )
            )
        self.blocks = nn.ModuleList(blocks)
        self.score = nn.Conv2d(8 * width, 1, 4, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge every patch of a picture.

        Args:
            x: (B, c_in, H, W), pictures in [-1, 1], a drawing beside them in [0, 1].

        Returns:
            scores: (B, 1, H / 8 - 2, W / 8 - 2), unbounded; near 1 is real, near 0 is made.
            features: of the four blocks, (B, width * 2**i, ...), for feature matching (G18).
        """
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return self.score(x), features
