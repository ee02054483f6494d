import pytest
import torch

from avatar.nets.renderer import SIZE, Renderer, RendererConfig
from avatar.nets.split import Decode, Encode

CONFIGS = {
    "product": RendererConfig(),
    "table exact": RendererConfig.table_exact(),
    "one decoder": RendererConfig(mouth_decoder=False),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@torch.inference_mode()
def test_both_halves_draw_what_the_network_draws(config: RendererConfig) -> None:
    torch.manual_seed(0)
    renderer = Renderer(config).eval()
    drawings = (255 * (torch.rand(1, SIZE, SIZE) > 0.95)).to(torch.uint8)
    windows = torch.rand(1, config.window, config.k)
    latents = Encode(renderer)(drawings)
    assert latents.shape == (1, 64, 32, 32)
    pictures = Decode(renderer)(latents, windows)
    expected = renderer.head(drawings[:, None].expand(-1, 3, -1, -1) / 255, windows)
    assert (pictures - expected).abs().max() < 1e-5


def test_weights_are_shared() -> None:
    renderer = Renderer()
    kept = {id(p) for p in renderer.parameters()}
    own = [p for net in (Encode(renderer), Decode(renderer)) for p in net.parameters()]
    assert sum(p.numel() for p in own if id(p) not in kept) == 8 * 9 + 8 + 65 * 64 * 9 + 64
