"""The engine for the lite renderer draws what the network draws in PyTorch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar.errors import BundleError, RenderError
from avatar.identity import Identity, load_identity, read_bundle
from avatar.identity_saving import save_identity, save_lite
from avatar.metrics.image import psnr
from avatar.nets.lite import Lite
from avatar.nets.pixels import to_bytes
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.render.engine import cpu_kind, make_engine
from avatar.render.lite import LiteEngine


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def with_lite(folder: Path, network: RendererConfig | None = None) -> Identity:
    """Mira with a lite renderer that has learnt nothing, of a given configuration."""
    mira = load_identity("mira")
    torch.manual_seed(0)
    config = replace(mira.config, network=network or mira.config.network)
    lite = Lite(config.network)
    lite.start_from(mira.renderer)
    one = replace(mira, config=config, folder=folder)
    save_lite(one, lite)
    return one


@pytest.mark.parametrize("box", [(164, 259, 192, 192), (0, 311, 201, 200), (0, 0, 512, 512)])
def test_it_draws_what_the_network_draws(tmp_path: Path, box: tuple[int, int, int, int]) -> None:
    mira = with_lite(tmp_path, replace(load_identity("mira").config.network, mouth_box=box))
    engine, clip = make_engine(mira, "lite"), mira.clip("lively")
    drawings = np.stack([clip.drawing(frame, mira.config.style) for frame in (0, 40, 90)])
    windows = np.stack([clip.features[frame : frame + 6] for frame in (10, 50, 200)])
    pictures = engine(drawings, windows)
    with torch.inference_mode():
        lines = torch.from_numpy(drawings)[:, None] / 255
        expected = to_bytes(mira.lite()(lines, torch.from_numpy(windows))[0]).numpy()
    for picture, right in zip(pictures, expected, strict=True):
        assert psnr(picture, right) > 42  # bf16, where the CPU has it
    one_by_one = [engine(drawings[i : i + 1], windows[i : i + 1])[0] for i in range(3)]
    np.testing.assert_array_equal(one_by_one, pictures)
    assert engine.encode(drawings[:0]).shape == (0, 64, 32, 32)


def test_who_has_none_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="mira has no lite renderer: .*distill"):
        LiteEngine(replace(load_identity("mira"), folder=tmp_path))


def test_what_is_damaged_or_does_not_fit_is_said(tmp_path: Path) -> None:
    one = with_lite(tmp_path)
    path = tmp_path / "lite.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match="lite.safetensors is damaged"):
        replace(one).lite()
    path.write_bytes(whole)
    other = replace(one.config.network, k=768)
    with pytest.raises(BundleError, match="the network needs F32"):
        replace(one, config=replace(one.config, network=other)).lite()


def test_one_that_another_renderer_taught_is_left_aside(tmp_path: Path) -> None:
    one = with_lite(tmp_path)
    torch.manual_seed(1)
    other = replace(one, renderer=Renderer(one.config.network))
    assert one.lite() is not None and other.lite() is None
    assert (cpu_kind(one), cpu_kind(other)) == ("lite", "openvino")
    config = replace(one.config, network=replace(one.config.network, window=4, mouth_decoder=False))
    grown = replace(one, config=config, renderer=Renderer(config.network))
    assert grown.lite() is None  # whatever its file holds


def test_the_copy_of_the_hub_stays_as_it_is(tmp_path: Path) -> None:
    one = with_lite(tmp_path)
    with pytest.raises(BundleError, match="copy of the Hub's"):
        save_lite(replace(one, revision="0" * 40), one.lite())


def test_a_bundle_that_is_written_anew_keeps_it(tmp_path: Path) -> None:
    one = with_lite(tmp_path)
    clips = [one.clip("still")]
    config = replace(one.config, default_clip="still")
    folder = save_identity(tmp_path / "anew", config, one.renderer, clips, lite=one.lite())
    assert read_bundle(folder).lite() is not None
