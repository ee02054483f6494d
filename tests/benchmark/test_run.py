import json

import numpy as np
import pytest

from avatar import cli_engine
from avatar.benchmark import PARTS, USUAL, as_markdown, benchmark, stand
from avatar.benchmark.stand import speech_of
from avatar.identity import Identity


def test_the_way_to_a_video_is_measured_stage_by_stage(
    nobody: Identity, short: None, quick: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand, "make_engine", lambda identity: quick())
    told = []
    result = benchmark(nobody, 0.2, ["stages", "video"], lambda *step: told.append(step))
    result = json.loads(json.dumps(result))
    assert told == [("benchmark", 0, 2), ("benchmark", 1, 2)]
    video, stages = result["video"], result["stages"]
    assert all(value > 0 for value in video.values() if isinstance(value, float))
    assert video["speed"] == pytest.approx(0.2 / video["end_to_end_s"])
    assert video["first_frame_s"] < video["end_to_end_cold_s"]
    assert [row["stage"] for row in stages] == "listen draw encode decode write look".split()
    assert sum(row["share"] for row in stages) == pytest.approx(1)
    assert all(row["wall_ms"] > 0 and row["included"] for row in stages)

    text = as_markdown(result)
    assert "nobody, 0.2 s of speech" in text and f"engine {video['engine']}" in text
    assert "| decode |" in text and "| together |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {4, 6}
    video["peak_memory_mb"] = None
    assert "| peak memory | not told by this system |" in as_markdown(result)


@pytest.mark.parametrize(("seconds", "tenths"), [(0.12, [1, 1, 1]), (1.0, [2, 3] * 5)])
def test_a_long_video_is_measured_tenth_by_tenth(
    nobody: Identity, short: None, quick: type, monkeypatch: pytest.MonkeyPatch,
    seconds: float, tenths: list[int],
) -> None:  # fmt: skip
    monkeypatch.setattr(stand, "make_engine", lambda identity: quick())
    result = json.loads(json.dumps(benchmark(nobody, seconds, ["long"])))
    long = result["long"]
    assert [row["frames"] for row in long["tenths"]] == tenths
    assert all(row["ms"] > 0 for row in long["tenths"])
    made = sum(row["ms"] * row["frames"] for row in long["tenths"]) / 1000
    assert long["hear_s"] + made + long["look_s"] == pytest.approx(long["total_s"])
    assert long["speed"] == pytest.approx(seconds / long["total_s"])
    milliseconds = ", ".join(f"{row['ms']:.2f}" for row in long["tenths"])
    assert f"| a frame, by tenths | {milliseconds} | ms; about {tenths[-1]} frames each" in (
        as_markdown(result)
    )


def test_parts_are_named_as_they_are() -> None:
    assert (tuple(PARTS), USUAL) == (cli_engine.PARTS, cli_engine.USUAL)


@pytest.mark.parametrize("seconds", [0.5, 3.21])
def test_speech_is_as_long_as_asked_for(seconds: float) -> None:
    sound = speech_of(seconds)
    assert len(sound) == round(seconds * 16_000)
    assert np.abs(sound).max() > 0.05
