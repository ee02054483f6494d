import torch
from torch import nn

from avatar.nets.vgg import VggFeatures


def reference() -> nn.Sequential:
    """VGG-19's first 30 layers by torchvision's table E, one by one."""
    c, r, p = (lambda a, b: nn.Conv2d(a, b, 3, padding=1)), nn.ReLU, lambda: nn.MaxPool2d(2, 2)
    return nn.Sequential(
        c(3, 64), r(), c(64, 64), r(), p(),
        c(64, 128), r(), c(128, 128), r(), p(),
        c(128, 256), r(), c(256, 256), r(), c(256, 256), r(), c(256, 256), r(), p(),
        c(256, 512), r(), c(512, 512), r(), c(512, 512), r(), c(512, 512), r(), p(),
        c(512, 512), r(),
    )  # fmt: skip


def test_features_are_those_of_the_layers_one_by_one() -> None:
    torch.manual_seed(0)
    vgg, layers = VggFeatures(), reference()
    layers.load_state_dict({k.removeprefix("features."): v for k, v in vgg.state_dict().items()})
    picture = torch.rand(2, 3, 32, 48) * 2 - 1
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((picture + 1) / 2 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    with torch.no_grad():
        taps = vgg(picture)
        for tap, end, start in zip(taps, (2, 7, 12, 21, 30), (0, 2, 7, 12, 21), strict=True):
            x = layers[start:end](x)
            torch.testing.assert_close(tap, x, rtol=1e-4, atol=1e-6)
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (64, 32, 48), (128, 16, 24), (256, 8, 12), (512, 4, 6), (512, 2, 3)
    ]  # fmt: skip


def test_names_are_those_of_the_published_weights() -> None:
    names = list(VggFeatures().state_dict())
    assert names[:3] == ["features.0.weight", "features.0.bias", "features.2.weight"]
    assert names[-1] == "features.28.bias" and len(names) == 26
