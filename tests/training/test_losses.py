import pytest
import torch

from avatar.training.losses import LossWeights, PictureLoss, gradient_loss, smooth_l1


def test_losses_are_zero_for_the_truth_and_edges_cost():
    truth, weight = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    truth[..., 32:] = 1
    assert smooth_l1(truth, truth, weight) == gradient_loss(truth, truth, weight) == 0
    brighter = truth + 0.1
    assert gradient_loss(brighter, truth, weight) < 1e-6 < smooth_l1(brighter, truth, weight)
    blurred = torch.nn.functional.avg_pool2d(truth, 9, 1, 4, count_include_pad=False)
    assert gradient_loss(blurred, truth, weight) > 0.003
    elsewhere = weight.clone()
    elsewhere[..., 16:48] = 0
    assert gradient_loss(blurred, truth, elsewhere) < 1e-6
    assert smooth_l1(blurred, truth, elsewhere) < 1e-6


@pytest.mark.parametrize("condition", [0, 1])
def test_the_adversary_moves_the_picture_and_the_picture_not_the_adversary(condition):
    loss = PictureLoss("head", LossWeights(width=4), condition)
    picture = torch.zeros(1, 3, 128, 128, requires_grad=True)
    truth, drawing = torch.rand(1, 3, 128, 128), torch.zeros(1, 1, 128, 128)
    terms = loss.adversarial(picture, truth, drawing)
    assert set(terms) == {"head_adversarial", "head_features"}
    sum(terms.values()).backward()
    assert picture.grad.abs().sum() > 0
    assert all(p.grad is None for p in loss.discriminator.parameters())
    picture.grad = None
    loss.discriminator_loss(picture, truth, drawing).backward()
    assert picture.grad is None
    assert all(p.grad is not None for p in loss.discriminator.parameters())


def test_lips_count_more():
    loss = PictureLoss("mouth", LossWeights(width=4, lips=8.0))
    picture, truth = torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.5)
    nowhere, everywhere = (torch.full((1, 1, 32, 32), v) for v in (0.0, 1.0))
    few, many = (loss.regression(picture, truth, lips)["mouth"] for lips in (nowhere, everywhere))
    assert many == pytest.approx(9 * few.item())
