from functools import cache

import numpy as np
import pytest
import torch

from avatar.identity import Identity, load_identity
from avatar.metrics.image import crop, psnr
from avatar.nets.pixels import to_bytes
from avatar.render import gpu
from avatar.render.gpu import GpuEngine


@cache
def mira() -> Identity:
    return load_identity("mira")


def inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames of her default clip, with mouths at random."""
    clip, style, network = mira().clip(), mira().config.style, mira().config.network
    drawings = np.stack([clip.drawing(40 * i, style) for i in range(count)])
    windows = np.random.default_rng(0).random((count, network.window, network.k))
    return drawings, windows.astype(np.float32)


@torch.inference_mode()
def exact(drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """What the network itself draws: (B, 512, 512, 3) uint8."""
    lines = torch.from_numpy(drawings)[:, None].expand(-1, 3, -1, -1) / 255
    return to_bytes(mira().renderer.head(lines, torch.from_numpy(windows))).numpy()


def test_half_precision_does_not_show() -> None:
    drawings, windows = inputs(1)
    (expected,) = exact(drawings, windows)
    (picture,) = GpuEngine(mira().renderer, "cpu")(drawings, windows)
    box = mira().config.network.mouth_box
    assert psnr(picture, expected) >= 45
    assert psnr(crop(picture, box), crop(expected, box)) >= 40
    assert np.abs(picture.astype(int) - expected).max() <= 2


def test_calls_of_any_size_and_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "LARGEST", 2)
    engine = GpuEngine(mira().renderer, "cpu", torch.float32)
    assert engine.name == "torch (cpu, float32)"
    drawings, windows = inputs(3)
    expected = exact(drawings, windows)
    latents = engine.encode(drawings)
    assert latents.shape == (3, 64, 32, 32) and latents.dtype == np.float32
    engine.on_device(1)()  # leaves nothing behind
    for order in ([0, 1, 2], [2]):
        pictures = engine.decode(latents[order], windows[order])
        assert np.abs(pictures.astype(int) - expected[order]).max() <= 1


def test_the_network_itself_stays_as_it_is() -> None:
    before = {name: tensor.clone() for name, tensor in mira().renderer.state_dict().items()}
    GpuEngine(mira().renderer, "cpu")
    for name, tensor in mira().renderer.state_dict().items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, before[name])
