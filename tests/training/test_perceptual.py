import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fake_hub import FakeHub
from safetensors.torch import save_file

from avatar.nets.vgg import VggFeatures
from avatar.training import perceptual
from avatar.training.perceptual import Perceptual, load_perceptual


@pytest.fixture
def vgg() -> VggFeatures:
    torch.manual_seed(0)
    return VggFeatures()


@pytest.fixture
def hub(
    fake_hub: FakeHub, vgg: VggFeatures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeHub:
    """The repository of VGG-19 with random weights, and a classifier that nobody wants."""
    folder = tmp_path / "vgg"
    folder.mkdir()
    save_file(
        vgg.state_dict() | {"head.fc.weight": torch.zeros(3, 3)}, folder / "model.safetensors"
    )
    fake_hub.repos[perceptual.REPO] = folder
    monkeypatch.setattr(perceptual, "REVISION", fake_hub.commit(perceptual.REPO))
    return fake_hub


def test_weights_come_from_the_hub(hub: FakeHub, vgg: VggFeatures) -> None:
    loss = load_perceptual()
    made, true = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    assert loss(made, true).item() == pytest.approx(Perceptual(vgg)(made, true).item(), rel=1e-6)
    hub.requests.clear()
    hub.down = True
    assert load_perceptual() is not None and not hub.requests, "not from the copy on this machine"


def test_the_loss_weighs_the_layers(vgg: VggFeatures) -> None:
    made, true = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    distances = [(a - b).abs().mean() for a, b in zip(vgg(made), vgg(true), strict=True)]
    weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    expected = sum(w * d for w, d in zip(weights, distances, strict=True))
    torch.testing.assert_close(Perceptual(vgg)(made, true), expected)
    assert Perceptual(vgg)(true, true) == 0


def test_the_gradient_reaches_the_made_picture_alone(vgg: VggFeatures) -> None:
    loss = Perceptual(vgg)
    made, true = (torch.rand(1, 3, 32, 32, requires_grad=True) for _ in range(2))
    loss(made, true).backward()
    assert made.grad.abs().sum() > 0 and true.grad is None
    assert not any(p.requires_grad for p in loss.parameters())


@pytest.mark.parametrize("network", [True, False])
def test_without_the_hub_there_is_none_and_a_sentence(
    hub: FakeHub, no_network: Callable[[], None], network: bool, caplog: pytest.LogCaptureFixture
) -> None:
    hub.down = True
    if not network:
        no_network()
    with caplog.at_level(logging.WARNING):
        assert load_perceptual() is None
    assert len(caplog.messages) == 1 and "discriminator features" in caplog.text


def test_a_hub_without_the_file(hub: FakeHub, caplog: pytest.LogCaptureFixture) -> None:
    (hub.repos[perceptual.REPO] / "model.safetensors").rename(hub.repos[perceptual.REPO] / "other")
    perceptual.REVISION = hub.commit(perceptual.REPO)  # put back by the fixture
    assert load_perceptual() is None
    assert perceptual.REPO in caplog.text


def test_a_damaged_file(hub: FakeHub, caplog: pytest.LogCaptureFixture) -> None:
    (hub.repos[perceptual.REPO] / "model.safetensors").write_bytes(b"\x00" * 100)
    perceptual.REVISION = hub.commit(perceptual.REPO)
    assert load_perceptual() is None
    assert "takes its place" in caplog.text
