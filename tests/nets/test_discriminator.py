import pytest
import torch

from avatar.nets.blocks import InstanceNorm
from avatar.nets.discriminator import PatchDiscriminator


def test_one_score_sees_70_by_70_pixels() -> None:
    # In evaluation without norms, which would let every pixel touch every score.
    discriminator = PatchDiscriminator(3, 4).double()
    for block in discriminator.blocks:
        if isinstance(block[1], InstanceNorm):
            block[1] = torch.nn.Identity()
    picture = torch.randn(1, 3, 256, 256, dtype=torch.double, requires_grad=True)
    scores, _ = discriminator(picture)
    scores[0, 0, 15, 14].backward()
    rows, columns = (picture.grad[0].abs().sum(dim=(0, axis)).nonzero() for axis in (2, 1))
    assert rows.max() - rows.min() + 1 == 70 and columns.max() - columns.min() + 1 == 70


def test_shapes_and_parameters_are_those_of_pix2pix() -> None:
    discriminator = PatchDiscriminator(4, 64)
    scores, features = discriminator(torch.zeros(2, 4, 256, 256))
    assert scores.shape == (2, 1, 30, 30)
    sides = (128, 64, 32, 31)
    assert [f.shape for f in features] == [
        (2, 64 * 2**i, side, side) for i, side in enumerate(sides)
    ]
    kernels = 16 * (4 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    biases = 64 + 128 + 256 + 512 + 1
    assert sum(p.numel() for p in discriminator.parameters()) == kernels + biases == 2_765_761


@pytest.mark.parametrize("size", [512, 64])
def test_the_score_map_covers_any_size(size: int) -> None:
    scores, _ = PatchDiscriminator(3, 2)(torch.zeros(1, 3, size, size))
    assert scores.shape == (1, 1, size // 8 - 2, size // 8 - 2)


def test_first_layer_sees_brightness_and_scores_are_not_normed() -> None:
    discriminator = PatchDiscriminator(3, 4)
    assert not any(isinstance(layer, InstanceNorm) for layer in discriminator.blocks[0])
    norms = [m for m in discriminator.modules() if isinstance(m, InstanceNorm)]
    assert len(norms) == 3 and isinstance(discriminator.score, torch.nn.Conv2d)
