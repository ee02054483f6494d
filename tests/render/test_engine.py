import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar.errors import RenderError
from avatar.identity import Identity, load_identity
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.render.engine import Engine, OpenVinoEngine, TorchEngine, make_engine
from avatar.render.engine import _remember as remember
from avatar.render.folding import FoldedRenderer
from avatar.speech.visemes import NAMES, SILENCE, VISEMES

CONFIGS = {
    "product": RendererConfig(),
    "table exact": RendererConfig.table_exact(),
    "odd box": RendererConfig(mouth_box=(161, 258, 193, 200)),
    "box at the corner": RendererConfig(mouth_box=(0, 511 - 192, 192, 193)),
}


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "avatar" / "openvino"


@pytest.fixture(scope="module")
def engine(mira: Identity, cache: Path) -> Engine:
    return make_engine(mira, "openvino")


def inputs(mira: Identity) -> tuple[np.ndarray, np.ndarray]:
    """One frame of every clip, with mouths at random."""
    clips = list(mira.clips.values())
    drawings = np.stack([clip.drawing(len(clip) // 3, mira.config.style) for clip in clips])
    random = np.random.default_rng(0)
    features = np.tile(SILENCE, (len(clips), 6, 1))
    features[:, :, : len(VISEMES)] = random.dirichlet(np.full(len(VISEMES), 0.3), (len(clips), 1))
    features[:, :, len(VISEMES) :] = random.random((len(clips), 1, len(NAMES) - len(VISEMES)))
    return drawings, features.astype(np.float32)


def reference(renderer: Renderer, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """What the network itself draws: (B, 512, 512, 3), 0..255, as float."""
    with torch.inference_mode():
        lines = torch.from_numpy(drawings)[:, None].expand(-1, 3, -1, -1) / 255
        picture = renderer.head(lines, torch.from_numpy(windows))
    return ((picture + 1) * 127.5).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_folding_changes_nothing(config: RendererConfig) -> None:
    torch.manual_seed(0)
    renderer = Renderer(config).eval()
    random = np.random.default_rng(0)
    drawing = (255 * (random.random((1, 512, 512)) > 0.95)).astype(np.uint8)
    window = random.random((1, config.window, config.k)).astype(np.float32)
    with torch.inference_mode():
        folded = FoldedRenderer(renderer)(torch.from_numpy(drawing), torch.from_numpy(window))
    expected = reference(renderer, drawing, window)
    assert np.abs(folded.numpy() - expected).max() < 0.6  # half a level of rounding


def test_openvino_agrees_with_the_network_within_two_levels(mira: Identity, engine: Engine) -> None:
    drawings, windows = inputs(mira)
    expected = np.round(reference(mira.renderer, drawings, windows))
    for pictures in (engine(drawings, windows), TorchEngine(mira.renderer)(drawings, windows)):
        difference = np.abs(pictures - expected)
        assert difference.max() <= 2 and difference.mean() < 0.15
        assert pictures.dtype == np.uint8 and pictures.shape == (len(drawings), 512, 512, 3)


def test_threads_get_their_own_pictures(mira: Identity, engine: Engine) -> None:
    drawings, windows = inputs(mira)
    expected, got = engine(drawings, windows), {}

    def call(i: int) -> None:
        got[i] = engine(drawings[i : i + 1], windows[i : i + 1])[0]

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(drawings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, picture in enumerate(expected):
        np.testing.assert_array_equal(got[i], picture)


def test_the_second_start_uses_the_cache(
    mira: Identity, engine: Engine, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings, windows = inputs(mira)
    expected = engine(drawings, windows)
    (blob,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr("openvino.convert_model", None)  # would be called to compile anew
        np.testing.assert_array_equal(OpenVinoEngine(mira.renderer)(drawings, windows), expected)
    whole = blob.stat().st_size
    os.truncate(blob, 1000)
    np.testing.assert_array_equal(OpenVinoEngine(mira.renderer)(drawings, windows), expected)
    assert blob.stat().st_size > whole / 2  # compiled and kept anew


def test_a_cache_that_cannot_be_written_does_no_harm(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    remember(engine._compiled, tmp_path / "file" / "x.blob")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_unknown_engine_is_named(mira: Identity) -> None:
    with pytest.raises(RenderError, match="auto, torch, openvino"):
        make_engine(mira, "tensorrt")
