from pathlib import Path

import pytest
import torch
from fake_capture import make_capture
from torch import nn

from avatar.baselines import store
from avatar.baselines.store import Baselines
from avatar.capture.layout import Capture
from avatar.nets.mouth_points import MouthPoints
from avatar.nets.oracle import OracleConfig, UNet
from avatar.nets.renderer import Renderer, RendererConfig

SMALL = OracleConfig(widths=(4, 8), blocks=0)
FACTS = {"frames": 3, "steps": 2, "seconds": 1, "oracle_seconds": 9}


@pytest.fixture(scope="session")
def capture(tmp_path_factory) -> Capture:
    """A cartoon whose train takes have pictures with open and closed mouths."""
    folder = tmp_path_factory.mktemp("capture") / "c"
    takes = {"train_a": range(0, 12, 2), "train_bb": range(4), "test_a": range(0, 10, 2)}
    return Capture.load(make_capture(folder, takes))


@pytest.fixture(scope="session")
def weights(tmp_path_factory, capture) -> Path:
    """A folder of baselines that have learnt nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("baselines")
    points = MouthPoints()
    renderer = Renderer(RendererConfig.table_exact())
    picture = UNet(3, SMALL.widths, SMALL.blocks)
    for name, network, config in (
        (store.MOUTH_POINTS, points, points.config.to_dict()),
        (store.PIX2PIX, picture, SMALL.to_dict()),
        (store.OURS, renderer, renderer.config.to_dict()),
    ):
        store.save(folder, name, network.state_dict(), capture.subject, config, FACTS)
    return folder


@pytest.fixture(scope="session")
def baselines(weights) -> Baselines:
    return Baselines.load(weights)


class Echo(nn.Module):
    """In Wav2Lip's place: gives the masked face back, lighter."""

    def __init__(self):
        super().__init__()
        self.light = nn.Parameter(torch.tensor(0.25))

    def forward(self, mel, faces):
        self.seen = mel, faces
        return (faces[:, :3] + self.light).clamp(0, 1)


@pytest.fixture
def echo(monkeypatch, tmp_path) -> Path:
    """Published weights of a network that is quick."""
    monkeypatch.setattr("avatar.baselines.wav2lip.Wav2Lip", Echo)
    path = tmp_path / "wav2lip.pth"
    state = {"module.light": torch.tensor(0.5)}
    torch.save({"state_dict": state, "optimizer": None, "global_step": 7}, path)
    return path
