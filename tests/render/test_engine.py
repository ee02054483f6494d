import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import torch
from numba.core import caching
from safetensors.numpy import load_file

from avatar.cli_common import ENGINES as NAMED
from avatar.errors import RenderError
from avatar.identity import Identity, load_identity
from avatar.metrics.image import crop, psnr
from avatar.nets.pixels import to_bytes
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.nets.split import Encode
from avatar.render import cpu, fixing, rows, tail
from avatar.render.cpu import CpuEngine
from avatar.render.engine import ENGINES, Engine, make_engine

CONFIGS = {
    "product": RendererConfig(),
    "table exact": RendererConfig.table_exact(),
    "odd box": RendererConfig(mouth_box=(161, 258, 193, 200)),
    "box at the corner": RendererConfig(mouth_box=(0, 511 - 192, 192, 193)),
    "the box is all": RendererConfig(mouth_box=(0, 0, 512, 512)),
    "no mouth": RendererConfig(mouth_decoder=False),
}


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "avatar" / "engine"


@pytest.fixture(scope="module")
def engine(mira: Identity, cache: Path) -> Engine:
    return make_engine(mira, "openvino")


def inputs(mira: Identity) -> tuple[np.ndarray, np.ndarray]:
    """A frame of every clip with what is said in another, none that statistics are measured on."""
    clips = list(mira.clips.values())
    drawings = np.stack([clip.drawing(len(clip) // 5, mira.config.style) for clip in clips])
    said = [clips[i - 1].features[50 + 40 * i :][:6] for i in range(len(clips))]
    return drawings, np.stack(said)


@torch.inference_mode()
def exact(renderer: Renderer, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """What the network itself draws: (B, 512, 512, 3) uint8."""
    lines = torch.from_numpy(drawings)[:, None].expand(-1, 3, -1, -1) / 255
    return to_bytes(renderer.head(lines, torch.from_numpy(windows))).numpy()


def test_what_is_fixed_does_not_show(mira: Identity, engine: Engine) -> None:
    drawings, windows = inputs(mira)
    pictures, box = engine(drawings, windows), mira.config.network.mouth_box
    assert pictures.dtype == np.uint8 and pictures.shape == (len(drawings), 512, 512, 3)
    for picture, expected in zip(pictures, exact(mira.renderer, drawings, windows), strict=True):
        assert psnr(picture, expected) >= 45
        assert psnr(crop(picture, box), crop(expected, box)) >= 40


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_with_its_own_statistics_and_full_rank_nothing_is_lost(
    config: RendererConfig
) -> None:
    torch.manual_seed(0)
    renderer, random = Renderer(config).eval(), np.random.default_rng(0)
    drawings = (255 * (random.random((1, 512, 512)) > 0.95)).astype(np.uint8)
    windows = random.random((1, config.window, config.k)).astype(np.float32)
    statistics = fixing.measure(renderer, drawings, windows)
    with torch.inference_mode():
        latent = Encode(renderer)(torch.from_numpy(drawings))
        front = fixing.Front(renderer, statistics).eval()
        planes = front(latent, torch.from_numpy(windows))
    head, mouth = (np.ascontiguousarray(plane[0]) for plane in (planes[0], planes[-1]))
    picture = np.empty((512, 512, 3), np.uint8)
    tail.draw(head, mouth, fixing.tail_weights(renderer, statistics, 21), picture)
    difference = picture.astype(int) - exact(renderer, drawings, windows)[0]
    assert np.abs(difference).max() <= 1


def test_the_last_layer_is_split_as_far_as_a_network_bears_it(mira: Identity) -> None:
    drawings, windows = (np.ascontiguousarray(array[:2]) for array in inputs(mira))
    assert fixing.rank(mira.renderer, drawings, windows) == 6
    torch.manual_seed(0)
    other = Renderer(mira.renderer.config).eval()  # nothing in its weights repeats itself
    channels = fixing.rank(other, drawings, windows)
    assert channels > 6 and channels in fixing.RANKS


def test_a_frame_is_the_same_in_any_company_and_thread(mira: Identity, engine: Engine) -> None:
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
    assert engine(drawings[:0], windows[:0]).shape == (0, 512, 512, 3)


def test_the_second_start_uses_the_cache(
    mira: Identity, engine: Engine, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings, windows = (array[:1] for array in inputs(mira))
    expected = engine(drawings, windows)
    (kept,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(cpu, "_prepare", lambda *_: pytest.fail("prepared anew"))
        np.testing.assert_array_equal(CpuEngine(mira)(drawings, windows), expected)
    parts, whole = load_file(kept), kept.stat().st_size
    monkeypatch.setattr(cpu, "_prepare", lambda *_: parts)
    os.truncate(kept, 1000)
    np.testing.assert_array_equal(CpuEngine(mira)(drawings, windows), expected)
    assert kept.stat().st_size == whole  # prepared and kept anew


def test_a_bundle_is_prepared_once_in_whatever_order_its_clips_came(mira: Identity) -> None:
    """While it is packaged they come as they were chosen, from its folder by their names."""
    turned = replace(mira, clips=dict(reversed(list(mira.clips.items()))))
    for expected, got in zip(cpu._usual(mira), cpu._usual(turned), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_cache_that_cannot_be_written_does_no_harm(
    mira: Identity, engine: Engine, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = cache.iterdir()
    parts = load_file(kept)
    monkeypatch.setattr(cpu, "_prepare", lambda *_: parts)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert CpuEngine(mira).encode(inputs(mira)[0][:1]).shape == (1, 64, 32, 32)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_engines_are_named_as_they_are() -> None:
    assert NAMED == ENGINES


def test_an_unknown_engine_is_named(mira: Identity) -> None:
    with pytest.raises(RenderError, match="auto, torch, openvino"):
        make_engine(mira, "tensorrt")


def test_where_no_cache_can_be_kept_the_tail_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user has no home and may not write to the code."""

    def read_only(self: object) -> None:
        raise OSError("read-only file system")

    for place in ("UserProvided", "InTree", "UserWide"):
        locator = getattr(caching, f"{place}CacheLocator")
        monkeypatch.setattr(locator, "ensure_cache_path", read_only)
    assert tail._kept(lambda x: x + 1)(1) == 2


def test_what_numba_keeps_is_made_anew_when_what_it_calls_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """numba itself would look at the file of the caller alone."""
    (tmp_path / "caller.py").write_text(
        "from avatar.render import rows\n\n\ndef pad():\n    return rows.PAD\n"
    )

    def pad() -> int:
        return tail._kept(run_path(str(tmp_path / "caller.py"))["pad"])()

    assert pad() == pad() == rows.PAD
    (tmp_path / "rows.py").write_bytes(Path(rows.__file__).read_bytes() + b"PAD += 1\n")
    monkeypatch.setattr(rows, "__file__", str(tmp_path / "rows.py"))
    monkeypatch.setattr(rows, "PAD", rows.PAD + 1)
    assert pad() == rows.PAD
