"""A tiny random-weight wav2vec 2.0 from a Hub on loopback: real transformers, real downloads."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fake_hub import FakeHub
from safetensors.torch import load_file, save_file
from tiny_wav2vec import K, save_tiny_wav2vec

from avatar.errors import BundleError, SoundError
from avatar.speech import wav2vec
from avatar.speech.features import Visemes, Wav2Vec2, blend, read_features
from avatar.speech.tts import speak
from avatar.timing import SAMPLE_RATE, frame_count

FPS = Fraction(25)
KIND = Wav2Vec2("org/tiny-wav2vec", "main", K)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wav2vec")
    return {norm: save_tiny_wav2vec(folder / norm, norm) for norm in ("group", "layer")}


@pytest.fixture(params=["group", "layer"])
def kind(request, fake_hub: FakeHub, models: dict[str, Path]) -> Wav2Vec2:
    return served(fake_hub, models[request.param])


@pytest.fixture
def layer_kind(fake_hub: FakeHub, models: dict[str, Path]) -> Wav2Vec2:
    """Layer norm: nothing but attention reaches from one moment to another."""
    return served(fake_hub, models["layer"])


def served(hub: FakeHub, folder: Path) -> Wav2Vec2:
    wav2vec._load.cache_clear()
    hub.repos[KIND.model] = folder
    return KIND


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    return np.concatenate([u.sound for u in speak("Five more people waved from the beach.")])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of all features over time, each about its own mean; both (T, k)."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float(np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b)))


def loud(samples: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("fps", [FPS, Fraction(30000, 1001), Fraction(60)])
def test_a_row_for_every_frame(layer_kind: Wav2Vec2, fps: Fraction) -> None:
    for samples in (640, 641, 719, 720, 1000, 12_799, 12_800, 12_801, 31_999, 50_000):
        values = layer_kind.of(loud(samples), fps)
        assert values.shape == (frame_count(samples, fps), K) and values.dtype == np.float32
        assert np.isfinite(values).all()
    with pytest.raises(SoundError, match="shorter than 40 ms"):
        layer_kind.of(loud(639), fps)


@pytest.mark.parametrize("fps", [FPS, Fraction(30000, 1001)])
@pytest.mark.parametrize("second", [0.3, 1.5, 2.7])
def test_features_are_of_their_moment(layer_kind: Wav2Vec2, fps: Fraction, second: float) -> None:
    sound = loud(3 * SAMPLE_RATE)
    changed = sound.copy()
    at = round(second * SAMPLE_RATE)
    changed[at - 80 : at + 80] *= -1
    change = np.abs(layer_kind.of(changed, fps) - layer_kind.of(sound, fps)).sum(axis=1)
    assert abs((change.argmax() + 0.5) / float(fps) - second) <= 0.75 / float(fps)
    middle = np.sum(change**2 * (np.arange(len(change)) + 0.5)) / np.sum(change**2) / float(fps)
    assert middle == pytest.approx(second, abs=0.02)


def test_a_long_sound_hears_what_a_short_one_does(kind: Wav2Vec2, sentence: np.ndarray) -> None:
    frames = len(sentence) // 640
    sentence = sentence[: 640 * frames]
    long = kind.of(np.tile(sentence, 30), FPS)
    assert len(long) == 30 * frames > 60 * FPS
    pieces, short = long.reshape(30, frames, K), kind.of(np.tile(sentence, 3), FPS)
    for piece in pieces[1:-1]:
        assert correlation(piece, short[frames : 2 * frames]) > 0.99


def test_silence_is_silence(kind: Wav2Vec2, sentence: np.ndarray) -> None:
    still = kind.of(np.zeros(32_000, np.float32), FPS)
    hiss = kind.of(0.003 * loud(32_000) / 0.1, FPS)
    for values in (still, hiss):
        np.testing.assert_allclose(values, np.tile(kind.silence, (50, 1)), atol=1e-6)
    rest = np.zeros(SAMPLE_RATE, np.float32)
    padded = kind.of(np.concatenate([rest, sentence, rest, rest]), FPS)
    np.testing.assert_allclose(padded[:20], np.tile(kind.silence, (20, 1)), atol=1e-6)
    alone = kind.of(sentence, FPS)
    assert correlation(padded[25 : 25 + len(alone)], alone) > 0.9
    assert np.abs(alone - kind.silence).max() > 0.1


def test_loudness_does_not_matter(kind: Wav2Vec2, sentence: np.ndarray) -> None:
    assert correlation(kind.of(0.4 * sentence, FPS), kind.of(sentence, FPS)) > 0.99


def test_second_load_needs_no_hub(
    fake_hub: FakeHub, models: dict[str, Path], no_network: Callable[[], None], sentence: np.ndarray
) -> None:
    kind = served(fake_hub, models["group"])
    first = kind.of(sentence, FPS)
    assert not any(".bin" in request for request in fake_hub.requests)
    no_network()
    wav2vec._load.cache_clear()
    assert np.array_equal(kind.of(sentence, FPS), first)


def sentence_of(kind: Wav2Vec2) -> str:
    wav2vec._load.cache_clear()
    with pytest.raises(BundleError) as error:
        kind.of(loud(SAMPLE_RATE), FPS)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and kind.model in text
    return text


def test_what_cannot_be_had_is_one_sentence(
    fake_hub: FakeHub, models: dict[str, Path], no_network: Callable[[], None], tmp_path: Path
) -> None:
    assert "not open" in sentence_of(Wav2Vec2("org/none", "main", K))
    kind = served(fake_hub, models["group"])
    assert "no revision 'v9'" in sentence_of(Wav2Vec2(kind.model, "v9", K))
    assert "gives 32 features, but this identity needs 768" in sentence_of(
        Wav2Vec2(kind.model, "main", 768)
    )
    broken = save_tiny_wav2vec(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights.pop(next(key for key in weights if key.endswith("layers.1.attention.k_proj.weight")))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    assert "incomplete" in sentence_of(served(fake_hub, broken))
    (broken / "model.safetensors").write_bytes(b"no")
    assert "no wav2vec 2.0" in sentence_of(served(fake_hub, broken))
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    assert "no model.safetensors" in sentence_of(served(fake_hub, broken))
    no_network()
    assert "cannot be fetched" in sentence_of(Wav2Vec2("org/other", "main", K))


def test_kinds_are_written_and_read() -> None:
    for kind in (Visemes(), Wav2Vec2(), KIND):
        assert read_features(kind.to_dict()) == kind
    assert Wav2Vec2().k == 768 and Visemes().k == 34
    bad = [
        {}, {"kind": "visemes"}, {"kind": "wav2vec2"}, {"kind": "wav2vec2", "k": 768},
        KIND.to_dict() | {"model": "../../etc"}, KIND.to_dict() | {"revision": "-x y"},
        KIND.to_dict() | {"k": "768"}, KIND.to_dict() | {"more": 1},
    ]  # fmt: skip
    for values in bad:
        with pytest.raises(ValueError, match=r"^(it names|expected the features')"):
            read_features(values)


def test_blend() -> None:
    values, silence = np.array([[1.0, 3.0]]), np.array([0.0, 1.0])
    for strength, expected in ((0, [0, 1]), (1, [1, 3]), (2, [2, 5])):
        np.testing.assert_allclose(blend(values, silence, strength), [expected])


def test_features_are_light_to_import() -> None:
    heavy = "import sys, avatar.speech.features; assert not {'torch', 'transformers'} & set("
    subprocess.run([sys.executable, "-c", heavy + "sys.modules)"], check=True)
