import pytest
import torch
from torch import nn

from avatar.nets.cost import Cost, cost_of
from avatar.nets.pix2pixhd import GlobalGenerator
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.nets.wav2lip import Wav2Lip


def meta(network: type[nn.Module], *arguments: object) -> nn.Module:
    with torch.device("meta"):
        return network(*arguments).eval()


@pytest.mark.parametrize("residual, gmac", [(False, 1.217), (True, 1.444)])
def test_arithmetic_is_the_papers(residual: bool, gmac: float) -> None:
    """Both decoders with both of their last convolutions, as the paper's table is counted."""
    network = meta(Renderer, RendererConfig.table_exact(residual_blocks=residual))
    cost = cost_of(
        network, torch.empty(1, 3, 512, 512, device="meta"), torch.empty(1, 6, 34, device="meta")
    )
    assert cost.flops / 2e9 == pytest.approx(gmac, abs=5e-4)
    assert cost.weights == sum(p.numel() for p in network.parameters())


def test_traffic_of_two_layers_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.ReLU())
    cost = cost_of(network, torch.empty(1, 1, 8, 8))
    assert cost == Cost(flops=2 * 64 * 4 * 9, values=(1 + 4) * 64 + 3 * 4 * 64, weights=40)
    assert cost.bytes(2, batch=4) == 2 * (17 * 64 + 10)
    assert not network[0]._forward_hooks


def test_peers_are_as_large_as_published() -> None:
    generator = meta(GlobalGenerator)
    assert generator(torch.empty(2, 3, 512, 512, device="meta")).shape == (2, 3, 512, 512)
    assert sum(p.numel() for p in generator.parameters()) == 182_443_267
    wav2lip = meta(Wav2Lip)
    faces, mel = torch.empty(2, 6, 96, 96, device="meta"), torch.empty(2, 1, 80, 16, device="meta")
    assert wav2lip(mel, faces).shape == (2, 3, 96, 96)
    assert sum(p.numel() for p in wav2lip.parameters()) / 1e6 == pytest.approx(36.3, abs=0.05)
