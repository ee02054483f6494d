"""The perceptual loss: pictures that VGG-19 sees alike look alike (PAPER 62, G17, G18)."""

import logging

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import BundleError
from ..hub import fetch_file
from ..nets.vgg import VggFeatures

log = logging.getLogger(__name__)

REPO = "timm/vgg19.tv_in1k"
"""torchvision's ImageNet weights (BSD-3-Clause) in safetensors, 575 MB; a tenth of it is read."""
REVISION = "128d4708565b3a414bcbb9bbad440b2fe37b9f18"
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, as in Pix2PixHD."""


class Perceptual(nn.Module):
    """Weighted L1 between the features of two pictures; its own weights are never trained."""

    def __init__(self, vgg: VggFeatures):
        super().__init__()
        self.vgg = vgg.eval().requires_grad_(False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        """made, true: (B, 3, H, W) RGB in [-1, 1]; returns a scalar in float32.

        The gradient reaches ``made`` alone.
        """
        with torch.no_grad():
            wanted = self.vgg(true)
        triples = zip(WEIGHTS, self.vgg(made), wanted, strict=True)
        return sum(weight * F.l1_loss(a.float(), b.float()) for weight, a, b in triples)


def load_perceptual() -> Perceptual | None:
    """The loss with VGG-19's weights from the Hub or its cache.

    Returns:
        None, and one sentence in the log, where they cannot be had: then the matching of the
        discriminators' features takes its place.
    """
    vgg = VggFeatures()
    try:
        path = fetch_file(REPO, "model.safetensors", REVISION)
        with safe_open(path, "pt") as file:  # the classifier, nine tenths of it, stays on disk
            weights = {name: file.get_tensor(name) for name in vgg.state_dict()}
        vgg.load_state_dict(weights)
    except (BundleError, SafetensorError, RuntimeError) as error:
        log.warning(
            "Training without VGG-19, so matching of discriminator features takes its place: %s",
            error,
        )
        return None
    return Perceptual(vgg)
