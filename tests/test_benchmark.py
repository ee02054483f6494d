import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from fake_capture import motion

from avatar import benchmark as module
from avatar.benchmark import as_markdown, benchmark, speech_of
from avatar.face.clip import Clip
from avatar.identity import Identity, IdentityConfig
from avatar.nets.renderer import Renderer, RendererConfig


@pytest.fixture
def identity():
    torch.manual_seed(0)
    renderer = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    keypoints, irises, contour = motion(3, 0)
    pose = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    clip = Clip("still", Fraction(25), keypoints, irises, pose, contour)
    config = IdentityConfig("nobody", network=renderer.config)
    return Identity(config, renderer, {"still": clip}, None)


def test_everything_is_measured_and_can_be_written(identity, monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    result = json.loads(json.dumps(benchmark(identity, seconds=0.4, patience=0)))
    video = result["video"]
    numbers = [value for value in video.values() if isinstance(value, float)]
    assert len(numbers) >= 6 and all(value > 0 for value in numbers)
    assert video["speed"] == pytest.approx(0.4 / video["end_to_end_s"])
    assert video["first_frame_s"] < video["end_to_end_cold_s"]
    names = [row["engine"] for row in result["engines"]]
    assert names[:2] == ["torch (cpu, float32)", "openvino"]
    assert result["engines"][0]["ratio"] == 1
    for row in result["engines"]:
        assert row["fps_best"] == max(row["fps_by_batch"].values())
        assert row["fps_by_batch"]["1"] == row["fps_batch_1"]

    text = as_markdown(result)
    assert "nobody, 0.4 s of speech" in text
    assert "| openvino |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {3, 6}


def test_memory_that_is_not_told():
    facts = dict.fromkeys(
        ("end_to_end_s", "end_to_end_cold_s", "speed", "first_frame_s", "features_s", "encode_fps",
         "receipt_s"), 1.0,
    )
    video = facts | {"engine": "x", "peak_memory_mb": None}
    machine = {"cpu": "a", "cores": 2, "gpu": None, "torch": "2", "load_before": None}
    result = {"identity": "x", "seconds": 1, "machine": machine, "video": video, "engines": []}
    assert "peak memory | not told by this system" in as_markdown(result)


@pytest.mark.parametrize("seconds", [0.5, 3.21])
def test_speech_is_as_long_as_asked_for(seconds):
    sound = speech_of(seconds)
    assert len(sound) == round(seconds * 16_000)
    assert np.abs(sound).max() > 0.05
