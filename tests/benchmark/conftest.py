import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_capture import motion

from avatar.baselines import speed
from avatar.benchmark.stand import Stand
from avatar.face.clip import Clip
from avatar.identity import Identity, IdentityConfig
from avatar.nets.renderer import Renderer, RendererConfig


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One turn, one call."""
    monkeypatch.setattr(speed, "ROUNDS", 1)
    monkeypatch.setattr(speed, "PATIENCE_S", 0)


@pytest.fixture(scope="session")
def nobody() -> Identity:
    """Random weights and three frames of motion."""
    torch.manual_seed(0)
    renderer = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    keypoints, irises, contour = motion(3, 0)
    pose = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    clip = Clip("still", Fraction(25), keypoints, irises, pose, contour)
    config = IdentityConfig("nobody", network=renderer.config)
    return Identity(config, renderer, {"still": clip}, Path("nowhere"))


class Quick:
    """An engine whose pictures are black and cost nothing."""

    batch = 2

    def __init__(self, name: str = "quick"):
        self.name = name

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        return drawings

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        return np.zeros((*latents.shape, 3), np.uint8)

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(drawings), windows)

    def on_device(self, size: int) -> Callable[[], None]:
        return lambda: time.sleep(1e-4 * size)


@pytest.fixture
def quick() -> type[Quick]:
    return Quick


@pytest.fixture
def stand(nobody: Identity, short: None) -> Stand:
    return Stand.of(nobody, 0.08)
