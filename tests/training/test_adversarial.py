import pytest
import torch
from torch import Tensor

from avatar.training.adversarial import discriminator_loss, feature_matching, generator_loss


def scores(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("real", "fake", "loss"), [((1, 1), (0, 0), 0), ((0, 0), (0, 0), 0.5), ((3, 1), (1, 2), 2.25)]
)
def test_the_discriminator_wants_ones_and_zeros(real: tuple, fake: tuple, loss: float) -> None:
    assert discriminator_loss(scores(*real), scores(*fake)).item() == pytest.approx(loss)


@pytest.mark.parametrize(("fake", "loss"), [((1, 1), 0), ((0, 0), 1), ((3, 2), 2.5)])
def test_the_generator_wants_ones(fake: tuple, loss: float) -> None:
    assert generator_loss(scores(*fake)).item() == pytest.approx(loss)


def test_each_layer_of_features_weighs_the_same() -> None:
    real = [torch.zeros(1, 2, 8, 8), torch.ones(1, 4, 2, 2)]
    fake = [torch.ones(1, 2, 8, 8), torch.full((1, 4, 2, 2), 4.0)]
    assert feature_matching(real, fake).item() == pytest.approx((1 + 3) / 2)


def test_gradients_reach_the_made_features_alone() -> None:
    real, fake = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    feature_matching([real], [fake]).backward()
    assert real.grad is None and fake.grad.abs().sum() > 0


def test_half_precision_scores_are_summed_in_full() -> None:
    fake = torch.full((1, 1, 62, 62), 0.1, dtype=torch.bfloat16)
    assert generator_loss(fake).dtype == discriminator_loss(fake, fake).dtype == torch.float32
