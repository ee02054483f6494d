import torch
from torch import nn

from avatar.nets.syncnet import SyncNet

PUBLIC_BYTES = 54_573_114
"""Of syncnet_v2.model: four bytes a number, and a few thousand for their names."""
CONVOLUTIONS = {
    "netcnnaud": {
        0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3),
        14: (256, 256, 3, 3), 18: (512, 256, 5, 4),
    },
    "netcnnlip": {
        0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 8: (256, 256, 1, 3, 3),
        11: (256, 256, 1, 3, 3), 14: (256, 256, 1, 3, 3), 18: (512, 256, 1, 6, 6),
    },
    "netfcaud": {0: (512, 512), 3: (1024, 512)},
    "netfclip": {0: (512, 512), 3: (1024, 512)},
}  # fmt: skip
"""Places and shapes of the public file's weights; a batch norm follows each but the last two."""


def public_shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of the public file."""
    shapes = {}
    for tower, layers in CONVOLUTIONS.items():
        for place, shape in layers.items():
            shapes[f"{tower}.{place}.weight"] = shape
            shapes[f"{tower}.{place}.bias"] = shape[:1]
            if shape != (1024, 512):
                for name in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{tower}.{place + 1}.{name}"] = shape[:1]
    return shapes


def test_names_and_shapes_are_the_public_ones() -> None:
    tensors = {k: v for k, v in SyncNet().state_dict().items() if v.dim()}
    assert {k: tuple(v.shape) for k, v in tensors.items()} == public_shapes()
    assert 0 < PUBLIC_BYTES - 4 * sum(v.numel() for v in tensors.values()) < 20_000


def test_towers_give_embeddings() -> None:
    network = SyncNet().eval()
    with torch.inference_mode():
        assert network.sound(torch.zeros(3, 1, 13, 20)).shape == (3, 1024)
        assert network.lips(torch.zeros(3, 6, 224, 224)).shape == (2, 1024)


def test_a_film_gives_what_its_five_frame_pieces_give() -> None:
    """The public code feeds pieces (B, 3, 5, 224, 224); strides and paddings as in its text."""
    torch.manual_seed(0)
    network, film = SyncNet().eval(), 255 * torch.rand(3, 7, 224, 224)
    c, n, r, p = nn.Conv3d, nn.BatchNorm3d, nn.ReLU, nn.MaxPool3d
    tower = nn.Sequential(
        c(3, 96, (5, 7, 7), (1, 2, 2)), n(96), r(), p((1, 3, 3), (1, 2, 2)),
        c(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)), n(256), r(),
        p((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        c(256, 256, (1, 3, 3), padding=(0, 1, 1)), n(256), r(),
        c(256, 256, (1, 3, 3), padding=(0, 1, 1)), n(256), r(),
        c(256, 256, (1, 3, 3), padding=(0, 1, 1)), n(256), r(), p((1, 3, 3), (1, 2, 2)),
        c(256, 512, (1, 6, 6)), n(512), r(),
    ).eval()  # fmt: skip
    tower.load_state_dict(network.netcnnlip.state_dict())
    pieces = torch.stack([film[:, i : i + 5] for i in range(3)])
    with torch.inference_mode():
        expected = network.netfclip(tower(pieces).reshape(3, 512))
        torch.testing.assert_close(network.lips(film), expected, rtol=1e-4, atol=1e-5)


def test_sound_tower_halves_and_pools_as_the_public_one() -> None:
    torch.manual_seed(0)
    network, mfcc = SyncNet().eval(), 20 * torch.rand(2, 1, 13, 20)
    c, n, r, p = nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d
    tower = nn.Sequential(
        c(1, 64, 3, padding=1), n(64), r(), p(1, 1),
        c(64, 192, 3, padding=1), n(192), r(), p(3, (1, 2)),
        c(192, 384, 3, padding=1), n(384), r(), c(384, 256, 3, padding=1), n(256), r(),
        c(256, 256, 3, padding=1), n(256), r(), p(3, (2, 2)), c(256, 512, (5, 4)), n(512), r(),
    ).eval()  # fmt: skip
    tower.load_state_dict(network.netcnnaud.state_dict())
    with torch.inference_mode():
        expected = network.netfcaud(tower(mfcc).reshape(2, 512))
        torch.testing.assert_close(network.sound(mfcc), expected, rtol=1e-4, atol=1e-5)
