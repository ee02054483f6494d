import pytest
import torch
from torch import nn

from avatar.nets.blocks import InstanceNorm
from avatar.nets.renderer import SIZE, Renderer, RendererConfig

# Paper, Table 2: rows 17-20, 26, then 27-32 for each decoder, with the residual blocks off.
TABLE_2 = {
    "keypoint_encoder": [
        (224, (8, 256, 256)),
        (1_168, (16, 128, 128)),
        (4_640, (32, 64, 64)),
        (18_496, (64, 32, 32)),
    ],
    "decoder": [
        (18_464, (32, 64, 64)),
        (4_624, (16, 128, 128)),
        (1_160, (8, 256, 256)),
        (584, (8, 512, 512)),
        (584, (8, 512, 512)),
    ],
}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawing = torch.rand(1, 1, SIZE, SIZE, generator=generator).expand(-1, 3, -1, -1)
    return drawing, torch.rand(1, 6, 34, generator=generator)


@pytest.fixture(scope="module")
def net() -> Renderer:
    torch.manual_seed(0)
    return Renderer().eval().requires_grad_(False)


def test_parameter_counts():
    assert parameters(Renderer(RendererConfig.table_exact())) == 1_200_669
    assert parameters(Renderer(RendererConfig.table_exact(residual_blocks=True))) == 1_224_973
    assert parameters(Renderer(RendererConfig(audio_mix="table"))) == 1_372_813
    assert parameters(Renderer()) == 1_372_935


def test_every_layer_of_table_2(inputs):
    net = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    drawing, window = inputs
    x = drawing
    for layer, (count, shape) in zip(
        net.keypoint_encoder, TABLE_2["keypoint_encoder"], strict=True
    ):
        x = layer(x)
        assert (parameters(layer), tuple(x.shape[1:])) == (count, shape)
    audio = net.audio_encoder(window)
    assert tuple(audio.shape) == (1, 1, 32, 32)
    counts = [parameters(m) for m in net.audio_encoder.modules() if not list(m.children())]
    assert [c for c in counts if c] == [7, 35_840, 1_049_600]
    latent = net.fusion(torch.cat([x, audio], dim=1))
    assert (parameters(net.fusion), tuple(latent.shape[1:])) == (37_504, (64, 32, 32))
    for decoder in (net.mouth_decoder, net.head_decoder):
        x = latent
        for layer, (count, shape) in zip(decoder.up, TABLE_2["decoder"], strict=True):
            x = layer(x)
            assert (parameters(layer), tuple(x.shape[1:])) == (count, shape)
        assert parameters(decoder.out) == 1_179
        assert tuple(decoder.picture(x).shape) == (1, 3, 512, 512)


def test_pictures_are_rgb_within_range(net, inputs):
    head, mouth = net(*inputs)
    assert head.shape == mouth.shape == (1, 3, SIZE, SIZE)
    assert head.abs().max() <= 1 and mouth.abs().max() <= 1


def test_paste_equals_slicing(net):
    generator = torch.Generator().manual_seed(1)
    head, mouth = torch.randn(2, 2, 8, SIZE, SIZE, generator=generator)
    x, y, w, h = net.config.mouth_box
    expected = head.clone()
    expected[..., y : y + h, x : x + w] = nn.functional.interpolate(
        mouth, size=(h, w), mode="bilinear", align_corners=False
    )
    assert torch.equal(net.paste(head, mouth), expected)


def test_head_alone_is_the_same_picture_without_the_mouths_last_convolution(net, inputs):
    calls = []
    hook = net.mouth_decoder.out.register_forward_hook(lambda *_: calls.append(1))
    alone = net.head(*inputs)
    hook.remove()
    assert not calls
    assert torch.equal(alone, net(*inputs)[0])


def test_gradients_reach_the_mouth_through_the_paste(inputs):
    net = Renderer()
    head, _ = net(*inputs)
    x, y, w, h = net.config.mouth_box
    head[..., y : y + h, x : x + w].sum().backward()
    assert net.mouth_decoder.up[0][0].weight.grad.abs().sum() > 0
    assert net.audio_encoder.mix[0].weight.grad.abs().sum() > 0


def test_strength_of_the_features_is_not_normalised_away(net, inputs):
    _, window = inputs
    nothing, weak, strong = (net.audio_encoder(s * window) for s in (0.0, 0.1, 1.0))
    assert (strong - nothing).std() > 5 * (weak - nothing).std() > 0


def test_cropped_latent_is_the_box_magnified(net):
    ramp = torch.arange(32.0).expand(1, 64, 32, 32)
    seen = []
    hook = net.mouth_decoder.up.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    net.mouth_features(ramp)
    hook.remove()
    x, _, w, _ = net.config.mouth_box
    cells = (x + (torch.arange(32) + 0.5) / 32 * w) / 16 - 0.5
    assert torch.allclose(seen[0][0, 0, 0], cells, atol=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"mouth_box": (400, 0, 192, 192)},
        {"k": 0},
        {"window": 10_000},
        {"mouth_latent": "half"},
        {"audio_mix": "loud"},
    ],
)
def test_impossible_arguments(arguments):
    with pytest.raises(ValueError, match="expected"):
        RendererConfig(**arguments)


def test_config_survives_json():
    config = RendererConfig.table_exact(audio_mix="wide")
    assert RendererConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="unknown renderer arguments: colour"):
        RendererConfig.from_dict({"colour": 1})


def test_training_normalises_as_inference_does():
    x = torch.randn(2, 8, 16, 16, generator=torch.Generator().manual_seed(2)) * 3 + 5
    norm = InstanceNorm(8)
    assert torch.allclose(norm.train()(x), norm.eval()(x), atol=1e-5)
    assert norm(x).mean().abs() < 1e-5


def test_a_standardised_audio_map_varies_with_what_is_said():
    torch.manual_seed(0)
    encoder = Renderer().requires_grad_(False).audio_encoder
    windows = torch.rand(50, 6, 34, generator=torch.Generator().manual_seed(3))
    assert encoder(windows).std(dim=0).mean() < 0.05
    encoder.standardise(windows)
    maps = encoder(windows)
    assert maps.mean(dim=0).abs().max() < 1e-3
    assert maps.std(dim=0).mean() == pytest.approx(1, abs=1e-3)
    for same in (windows[:1], windows[:1].expand(5, -1, -1)):  # nothing varies
        encoder.standardise(same)
        assert torch.equal(encoder(windows), maps)
