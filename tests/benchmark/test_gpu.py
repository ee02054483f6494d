import json

import pytest
import torch

from avatar.benchmark import gpu as module
from avatar.benchmark.gpu import Limits, frame_cost, measured, time_gpu
from avatar.benchmark.stand import Stand
from avatar.benchmark.text import _TABLES
from avatar.nets.renderer import RendererConfig


def test_an_engine_stands_beside_the_limits_of_its_device(
    stand: Stand, quick: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCHES", (1, 2))
    result = json.loads(json.dumps(measured(quick(), stand, Limits(1e9, 1e12))))
    for row in result["batches"]:
        rate = row["fps_on_device"]
        assert row["bandwidth_share"] == pytest.approx(rate * row["bytes_a_frame"] / 1e9)
        assert row["compute_share"] == pytest.approx(rate * result["flops_a_frame"] / 1e12)
    single, double = result["batches"]
    assert single["bytes_a_frame"] > double["bytes_a_frame"]  # which share the weights
    text = "\n".join(_TABLES["gpu"](result))
    assert "copy 1 GB/s" in text and "| 2 |" in text


def test_limits_are_measured(short: None) -> None:
    limits = Limits.of("cpu", copied=2**22, side=64)
    assert 1e7 < limits.bandwidth < 1e13 and 1e5 < limits.compute < 1e16


def test_a_frames_cost_is_that_of_the_papers_table() -> None:
    """1.217 GMAC less the mouth's last convolution, 0.308; and one channel of lines for three."""
    cost = frame_cost(RendererConfig.table_exact())
    lines = 2 * 8 * 9 * 256**2 / 1e9
    assert cost.flops / 2e9 == pytest.approx(1.2175 - 0.3083 - lines, abs=2e-4)


def test_nothing_is_measured_without_a_gpu(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert time_gpu(stand) is None
