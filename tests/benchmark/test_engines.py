from collections.abc import Callable

import numpy as np
import pytest
import torch

from avatar.benchmark import engines as module
from avatar.benchmark.engines import exact_pictures, judged_frames, loss, time_engines
from avatar.benchmark.stand import Stand
from avatar.benchmark.text import as_markdown
from avatar.errors import RenderError
from avatar.identity import Identity
from avatar.render.engine import Engine

ABOUT = {"cpu": "a", "cores": 2, "gpu": None, "torch": "2", "load_before": None}
HEAD = {"identity": "x", "seconds": 1, "machine": ABOUT, "rounds": 1, "patience_s": 0}


def faulty(stand: Stand, box: tuple[int, int, int, int], levels: int) -> Callable:
    """The exact network, but each value in a box is so many levels off."""
    x, y, w, h = box

    def draw(drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        pictures = exact_pictures(stand.identity, drawings, windows).round().astype(np.uint8)
        pictures[:, y : y + h, x : x + w] ^= levels
        return pictures

    return draw


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JUDGED", 2)
    monkeypatch.setattr(module, "LARGER", 2)


def test_a_fault_in_the_mouth_is_seen_there_most(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JUDGED", 1)
    box = stand.identity.config.network.mouth_box
    good = loss(faulty(stand, box, 0), stand)
    assert all(value > 58 for value in good.values())
    bad = loss(faulty(stand, box, 8), stand)
    assert bad["mouth_psnr"] == pytest.approx(20 * np.log10(255 / 8), abs=0.3)
    share = box[2] * box[3] / 512**2
    assert bad["psnr"] == pytest.approx(bad["mouth_psnr"] - 10 * np.log10(share), abs=0.1)
    assert bad["psnr_least"] <= bad["psnr"]


def test_frames_of_all_clips_are_judged(stand: Stand) -> None:
    drawings, windows = judged_frames(stand)
    assert drawings.shape == (2, 512, 512) and windows.shape == (2, 6, 34)
    assert (drawings[0] != drawings[1]).any()
    np.testing.assert_array_equal(windows[-1], stand.seen[-1])


def test_engines_take_turns(
    stand: Stand, quick: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "engines_of", lambda identity: [quick("one"), quick("other")])
    rows = time_engines(stand)
    assert [row["engine"] for row in rows] == ["one", "other"] and rows[0]["ratio"] == 1
    for row in rows:
        assert row["fps_best"] == max(row["fps_by_batch"]["both"].values())
        assert row["fps_by_batch"]["both"]["1"] == row["fps_batch_1"]
        assert set(row["fps_by_batch"]["encode"]) == {"1", "2", "4"}
        assert row["p95_ms"] >= row["p50_ms"] > 0
    assert any("| other |" in line for line in as_markdown(HEAD | {"engines": rows}).splitlines())


def test_the_exact_network_comes_first_and_what_is_not_installed_is_left_out(
    stand: Stand, quick: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(identity: Identity, kind: str) -> Engine:
        if kind == "openvino":
            raise RenderError("It is not installed.")
        return quick(kind)

    monkeypatch.setattr(module, "make_engine", make)
    monkeypatch.setattr(module, "ENGINES", ("auto", "openvino", "torch"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    names = [engine.name for engine in module.engines_of(stand.identity)]
    assert names == ["torch (cpu, float32)", "torch"]
