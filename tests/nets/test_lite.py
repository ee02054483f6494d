"""The lite renderer's parts: what it takes from the renderer, and how cells become a picture."""

import numpy as np
import pytest
import torch

from avatar.nets.lite import Lite, fade, spread
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.nets.split import Encode


def test_pixels_come_to_their_places():
    cells = torch.arange(12).reshape(1, 12, 1, 1).repeat(1, 1, 2, 2)
    cells[..., 1, 0] += 100
    picture = spread(cells)
    assert picture.shape == (1, 3, 4, 4)
    assert picture[0, :, 0, 0].tolist() == [0, 1, 2] and picture[0, :, 0, 1].tolist() == [3, 4, 5]
    assert picture[0, :, 1, 0].tolist() == [6, 7, 8] and picture[0, :, 1, 1].tolist() == [9, 10, 11]
    assert picture[0, :, 2, 0].tolist() == [100, 101, 102]


def test_the_mouth_fades_inside_its_box_alone():
    share = fade(RendererConfig(mouth_box=(100, 200, 192, 96)))
    assert share[248, 196] == 1 and 0 < share[200, 196] < 0.1 and 0 < share[248, 291] < 0.1
    outside = np.ones((512, 512), bool)
    outside[200:296, 100:292] = False
    assert not share[outside].any() and share[~outside].all()


@pytest.mark.parametrize(
    "config", [RendererConfig(), RendererConfig.table_exact(mouth_box=(3, 5, 200, 301))]
)
def test_it_starts_from_the_renderer(config: RendererConfig):
    torch.manual_seed(0)
    renderer, lite = Renderer(config).eval(), Lite(config).eval()
    lite.start_from(renderer)
    fused = torch.randn(1, 64, 32, 32)
    with torch.inference_mode():
        small = renderer.head_decoder.up[:2](fused)
        torch.testing.assert_close(lite.head_decoder[:2](fused), small)
        mouth = renderer.mouth_decoder.up[:2](renderer.mouth_latent(fused))
        torch.testing.assert_close(lite.mouth_decoder[:2](lite.mouth_latent(fused)), mouth)
        features = torch.randn(1, 16, 128, 128)
        ours = lite.keypoint_encoder[1:](features)
        theirs = renderer.keypoint_encoder[-len(lite.keypoint_encoder) + 1 :](features)
        torch.testing.assert_close(ours, theirs)
        window = torch.randn(1, config.window, config.k)
        torch.testing.assert_close(lite.audio_encoder(window), renderer.audio_encoder(window))
        picture, latent = lite(torch.rand(1, 1, 512, 512), window)
    assert picture.shape == (1, 3, 512, 512) and picture.isfinite().all()
    assert latent.shape == fused.shape


def test_what_is_kept_of_a_drawing_is_what_training_compares():
    torch.manual_seed(0)
    lite = Lite(RendererConfig()).eval()
    drawing = torch.randint(0, 256, (1, 512, 512), dtype=torch.uint8)
    with torch.inference_mode():
        _, latent = lite(drawing[:, None] / 255, torch.zeros(1, 6, 34))
        torch.testing.assert_close(Encode(lite)(drawing), latent, rtol=1e-3, atol=1e-3)
