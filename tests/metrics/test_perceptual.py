import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from avatar.metrics import perceptual
from avatar.metrics.perceptual import (
    INCEPTION,
    KernelDistance,
    inception_features,
    kernel_distance,
    perceptual_distance,
)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PyTorch's cache with nothing in it, and nothing remembered."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for found in (perceptual_distance, inception_features):
        found.cache_clear()
    yield tmp_path / "checkpoints"
    for found in (perceptual_distance, inception_features):
        found.cache_clear()


@pytest.mark.parametrize(("n", "m"), [(20, 20), (2, 2), (30, 30)])
def test_distance_is_torchmetrics(n: int, m: int) -> None:
    random = np.random.default_rng(n)
    a, b = random.normal(0.4, 0.3, (n, 2048)), random.normal(0.5, 0.4, (m, 2048))
    a, b = np.float32(a), np.float32(b)
    expected = poly_mmd(torch.from_numpy(a).double(), torch.from_numpy(b).double())
    assert kernel_distance(a, b) == pytest.approx(expected.item(), rel=1e-6, abs=1e-9)


def test_distance_does_not_depend_on_how_many_there_are() -> None:
    """Of equal distributions it is 0 on average, which FID of so few pictures is far from."""
    random = np.random.default_rng(0)
    for n in (5, 50):
        tries = [kernel_distance(*random.normal(size=(2, n, 64))) for _ in range(200)]
        assert abs(np.mean(tries)) < 3 * np.std(tries) / np.sqrt(200)
        assert kernel_distance(random.normal(size=(n, 64)), random.normal(1, 1, (n, 64))) > 1


def test_films_are_fed_picture_by_picture() -> None:
    random = np.random.default_rng(0)
    made, true = random.integers(0, 256, (2, 6, 8, 8, 3), np.uint8)
    film = KernelDistance(lambda picture: np.float32(picture.reshape(-1) / 255))
    assert np.isnan(film.distance)
    for pair in zip(made, true, strict=True):
        film.add(*pair)
    a, b = made.reshape(6, -1) / 255, true.reshape(6, -1) / 255
    assert film.distance == pytest.approx(kernel_distance(a, b), rel=1e-4)


def test_without_weights_there_are_no_scores_and_a_sentence_says_so() -> None:
    assert perceptual_distance() is None and inception_features() is None
    assert INCEPTION in perceptual.KID_NOT_FOUND
    assert all(text.startswith("n/a: weights not found (")
               for text in (perceptual.NOT_FOUND, perceptual.KID_NOT_FOUND))  # fmt: skip


def test_torch_fidelity_is_given_the_weights_in_the_cache(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the package: neither it nor its 96 MB are needed to test."""
    given = {}

    class Extractor:
        def __init__(self, name: str, layers: list[str], feature_extractor_weights_path: str):
            given.update(layers=layers, path=feature_extractor_weights_path)

        def __call__(self, pictures: torch.Tensor) -> tuple[torch.Tensor]:
            assert pictures.dtype == torch.uint8 and pictures.shape == (1, 3, 4, 6)
            return (pictures.float().mean(dim=(2, 3)),)

    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = Extractor
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(perceptual, "find_spec", lambda name: name)
    empty_cache.mkdir()
    (empty_cache / INCEPTION).touch()
    picture = np.zeros((4, 6, 3), np.uint8) + np.uint8([1, 2, 3])
    assert inception_features()(picture).tolist() == [1, 2, 3]
    assert given == {"layers": ["2048"], "path": str(empty_cache / INCEPTION)}
