"""Identities that listen through wav2vec 2.0: bundles, speech, silence, what they cannot do."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_engine import PlainEngine
from fake_hub import FakeHub
from tiny_wav2vec import K, save_tiny_wav2vec

from avatar.avatar import Avatar
from avatar.errors import AvatarError, BundleError
from avatar.face.clip import Clip
from avatar.identity import IdentityConfig, load_identity
from avatar.identity_saving import save_identity
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.render.gpu import GpuEngine
from avatar.speech import wav2vec
from avatar.speech.features import Wav2Vec2
from avatar.speech.speech import Speech

WINDOW = 4
FPS = Fraction(25)
KIND = Wav2Vec2("org/tiny-wav2vec", "main", K)


class Listener(PlainEngine):
    """An engine that keeps the windows it is shown."""

    name, batch = "listener", 8

    def __init__(self):
        self.windows: list[np.ndarray] = []

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        self.windows += list(windows)
        return np.broadcast_to(drawings[..., None], (*drawings.shape, 3))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    shapes = {"keypoints": (3, 68, 2), "irises": (3, 2, 2), "pose": (3, 4, 4), "contour": (3, 9, 2)}
    arrays = {key: random.uniform(0, 512, s).astype(np.float32) for key, s in shapes.items()}
    network = RendererConfig(k=K, window=WINDOW)
    config = IdentityConfig("ear", FPS, network, features=KIND)
    folder = tmp_path_factory.mktemp("bundles") / "ear"
    return save_identity(folder, config, Renderer(network), [Clip("still", FPS, **arrays)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_wav2vec(tmp_path_factory.mktemp("wav2vec"))


@pytest.fixture
def avatar(bundle: Path, model: Path, fake_hub: FakeHub) -> Avatar:
    wav2vec._load.cache_clear()
    fake_hub.repos[KIND.model] = model
    return Avatar(load_identity(bundle), Listener())


def test_text_and_sound_are_listened_to(avatar: Avatar) -> None:
    speech, frames = avatar.stream("Hello there.")
    assert len(list(frames)) == len(speech.values) == len(speech.track)
    np.testing.assert_allclose(speech.values, KIND.of(speech.sound, FPS), atol=1e-5)
    seen = np.stack(avatar.engine.windows)
    assert seen.shape == (len(speech.values), WINDOW, K)
    np.testing.assert_array_equal(seen[5], speech.values[3:7])
    np.testing.assert_array_equal(seen[0, :2], np.tile(KIND.silence, (2, 1)))
    np.testing.assert_array_equal(seen[-1, 3], KIND.silence)
    np.testing.assert_allclose(avatar.speech(speech.sound).values, speech.values, atol=1e-5)


def test_a_video_with_the_real_network(avatar: Avatar, tmp_path: Path) -> None:
    speaking = Avatar(avatar.identity, GpuEngine(avatar.identity.renderer, "cpu", torch.float32))
    sound = (0.3 * np.sin(np.arange(3200) * 0.1)).astype(np.float32)
    video = speaking.speak(sound, out=tmp_path / "v.mp4")
    assert video.frames == 5 and video.path.stat().st_size > 1000


def test_strength_blends_with_silence(avatar: Avatar) -> None:
    speech = avatar.speech("Hello there.")
    closed = avatar.speech(speech, strength=0)
    still = np.tile(KIND.silence, (len(speech.values), 1))
    np.testing.assert_allclose(closed.values, still, atol=1e-5)
    half = avatar.speech(avatar.speech(speech, strength=2), strength=0.25)
    expected = (speech.values + KIND.silence) / 2
    np.testing.assert_allclose(half.values, expected, atol=1e-3)


def test_an_edited_track_is_one_sentence(avatar: Avatar) -> None:
    speech = Speech.from_text("Hello there.", FPS)
    values = speech.track.values.copy()
    values[5] = 0.5
    with pytest.raises(AvatarError, match=r"^This identity listens to the sound itself.*\.$"):
        avatar.speech(replace(speech, track=replace(speech.track, values=values)))


def test_without_the_hub_it_says_so(avatar: Avatar, no_network: Callable[[], None]) -> None:
    no_network()
    with pytest.raises(BundleError, match=r"^This identity listens through .* later\.$"):
        avatar.stream("Hello there.")
