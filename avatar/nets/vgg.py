"""VGG-19 up to relu5_1: what a picture looks like, layer by layer, for the perceptual loss."""

import torch
from torch import Tensor, nn

CHANNELS = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)
"""Outputs of the 3x3 convolutions, each with a ReLU; M halves the picture."""
TAPS = (1, 6, 11, 20, 29)
"""Places of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 among the layers."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB in [0, 1], as the weights were trained."""


class VggFeatures(nn.Module):
    """The convolutions of VGG-19; named as torchvision and timm do, ``features.N.weight``."""

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = []
        c_in = 3
        for channels in CHANNELS:
            if channels == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(c_in, channels, 3, padding=1), nn.ReLU(inplace=True)]
                c_in = channels
        self.features = nn.Sequential(*layers)
        # From [-1, 1] to what VGG was trained on, in one step.
        mean, deviation = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, DEVIATION))
        self.register_buffer("scale", 0.5 / deviation, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / deviation, persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """picture: (B, 3, H, W) RGB in [-1, 1], at least 16x16; returns the five taps.

        Their shapes are (B, 64, H, W), (B, 128, H/2, W/2), ... (B, 512, H/16, W/16).
        """
        x, taps = picture * self.scale + self.shift, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)
        return taps
