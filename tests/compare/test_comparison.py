"""Videos with known faults: the figures must say so."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty import blurred, noisy
from films import MIRA, film

from avatar.cli import main
from avatar.compare.comparison import Comparison, compare
from avatar.compare.controls import FROZEN, SHIFTED, SHUFFLED
from avatar.compare.figures import Figures
from avatar.compare.metric import METRICS
from avatar.compare.plots import plot
from avatar.compare.verdict import Row
from avatar.errors import MetricError
from avatar.metrics.mouth_sync import MouthSync
from avatar.metrics.syncnet import SyncScore


def value(comparison: Comparison, name: str, key: str) -> float | None:
    row = next(row for row in comparison.rows if row.name.startswith(name))
    return row.figures.values[key]


@pytest.fixture(scope="module")
def shifted(said: Path, late) -> Comparison:
    return compare([said, late(-3), late(2)])


@pytest.mark.parametrize("frames", [-3, 2])
def test_a_known_shift_is_found(shifted: Comparison, frames: int) -> None:
    for key in ("picture_offset", "mouth_sync_offset", "loudness_lag"):
        own = value(shifted, "said.mp4", key)
        found = value(shifted, f"late{frames}.mp4", key)
        assert abs(found - own - frames) <= (0 if key == "picture_offset" else 1), key
    assert value(shifted, f"late{frames}.mp4", "mouth_sync") < value(shifted, "said", "mouth_sync")


def test_the_reference_is_perfect_beside_itself(shifted: Comparison) -> None:
    own = shifted.rows[0]
    assert own.kind == "reference" and own.figures.values["psnr"] == 60
    assert own.figures.values["dlip_px"] == 0 and own.figures.values["picture_offset"] == 0
    assert own.figures.values["ssim"] == 1


def test_controls_are_told_and_the_blind_are_grey(shifted: Comparison) -> None:
    names = [row.name for row in shifted.rows if row.kind == "control"]
    assert names == [SHUFFLED, SHIFTED, FROZEN]
    for key in ("dlip_px", "opening_correlation", "mouth_psnr", "mouth_sync"):
        assert shifted.verdicts[key].telling, shifted.verdicts[key].why
    assert value(shifted, FROZEN, "opening_correlation") < 0.6
    assert value(shifted, FROZEN, "picture_offset") is None
    assert value(shifted, FROZEN, "mouth_sync") is None
    assert value(shifted, SHIFTED, "picture_offset") == 5
    assert all(set(row.figures.values) == {m.key for m in METRICS} for row in shifted.rows)


def test_noise_and_blur_show_where_they_should(said: Path, tmp_path: Path) -> None:
    short = film(tmp_path / "short.mp4", "-t", "1", "-crf", "4", source=said)
    videos = [
        short, noisy(short, tmp_path / "noisy.mp4", 20),
        blurred(short, tmp_path / "blurred.mp4", 1),
        blurred(short, tmp_path / "softer.mp4", 3),
    ]  # fmt: skip
    found = compare(videos)
    noise = {n: value(found, n, "noise") for n in ("short", "noisy", "blurred")}
    sharp = {n: value(found, n, "sharpness") for n in ("short", "noisy", "blurred", "softer")}
    assert noise["noisy"] > 5 and noise["short"] < 0.5 and noise["blurred"] < 0.5
    assert sharp["softer"] < 0.7 * sharp["blurred"] and sharp["blurred"] < 0.9 * sharp["short"]
    for key in ("psnr", "mouth_psnr", "ssim", "mouth_ssim"):
        assert value(found, "softer", key) < value(found, "blurred", key)
    assert abs(value(found, "blurred", "picture_offset")) <= 1


def test_a_report_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    short = film(tmp_path / "short.mp4", "-t", "2", "-vf", "scale=288:288")
    report, scores = tmp_path / "report", tmp_path / "scores.json"
    arguments = ["compare", str(MIRA), str(short), "--report", str(report), "--json", str(scores)]
    assert main(arguments) == 0
    told = json.loads(scores.read_text())
    assert told == json.loads((report / "comparison.json").read_text())
    assert [row["kind"] for row in told["rows"]] == ["reference", "candidate", *["control"] * 3]
    for row in told["rows"]:
        for key, number in row["values"].items():
            assert number is not None or row["notes"][key], (row["name"], key)
    assert "### Lips against the sound" in capsys.readouterr().out
    with (report / "frames.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["row"] for line in lines} == {row["name"] for row in told["rows"]}
    assert len(lines) == 5 * 25 and float(lines[0]["psnr"]) == 60
    plots = {path.stem for path in (report / "plots").iterdir()}
    assert plots == {"psnr", "ssim", "mouth_psnr", "dlip_px", "mouth_sync", "opening"}
    from avatar.capture.source import open_video

    film_of_both = open_video(report / "side_by_side.mp4")
    assert (film_of_both.width, film_of_both.height) == (720, 396) and film_of_both.has_sound
    assert {path.name for path in tmp_path.iterdir()} == {"short.mp4", "report", "scores.json"}


def test_one_video_alone_without_a_face_or_sound(tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", "-t", "1", "-an", "-vf", "drawbox=t=fill:c=green")
    found = compare([plain])
    assert found.reference is None and found.rows[0].kind == "candidate"
    assert value(found, "plain", "psnr") is None and value(found, "plain", "mouth_sync") is None
    assert value(found, "plain", "noise") is not None
    told = " ".join(found.warnings)
    assert "No face" in told and "no sound" in told and "frozen mouth" in told


def test_syncnet_is_asked_at_25_frames_a_second_and_its_refusal_is_told(tmp_path: Path) -> None:
    class Asked:
        def score(self, frames, track, sound) -> SyncScore:
            shown = list(frames)
            assert track.fps == 25 and len(track) == len(shown) == 50 and len(sound) == 32_000
            assert shown[0].shape == (track.height, track.width, 3)
            if not sound.any():
                raise MetricError("The sound is silent.")
            return SyncScore(8.0, 3.0, -1, 9.0, 20, np.zeros((20, 31)))

    short = film(tmp_path / "short.mp4", "-t", "2", "-vf", "scale=288:288")
    silent = film(tmp_path / "silent.mp4", "-an", "-c:v", "copy", source=short)
    found = compare([short, silent], syncnet=Asked())
    assert value(found, "short", "lse_d") == 8 and value(found, "short", "sync_offset") == -1
    assert value(found, "short", "lse_c") == 3 and value(found, "short", "sync_distance_at_0") == 9
    assert value(found, "silent", "lse_d") is None
    assert found.rows[1].figures.notes["lse_d"] == "The sound is silent."


def test_any_file_name_stands_in_a_legend() -> None:
    figures = Figures(series={"psnr": np.array([30.0, 31.0])})
    curves = [Row(name, "candidate", figures) for name in ("a $5_$ take.mp4", "_b.mp4")]
    psnr = METRICS[0]
    bare = plot(psnr, [replace(row, name="") for row in curves], 25)
    assert plot(psnr, curves[1:], 25) != plot(psnr, [replace(curves[1], name="")], 25)
    assert plot(psnr, curves, 25) != bare


def test_lips_that_are_not_seen_are_not_measured(tmp_path: Path) -> None:
    cover = "drawbox=t=fill:c=gray:enable='gte(t,1)*lt(t,2)'"
    whole = film(tmp_path / "whole.mp4", "-t", "3", "-vf", "scale=288:288")
    hidden = film(tmp_path / "hidden.mp4", "-vf", cover, source=whole)
    found = compare([whole, hidden])
    series = found.rows[1].figures.series
    seen = np.isfinite(series["dlip_px"])
    assert 20 <= seen.sum() <= 28 and np.array_equal(seen, np.isfinite(series["opening"]))
    assert value(found, "hidden", "dlip_px") == pytest.approx(series["dlip_px"][seen].mean())
    assert value(found, "hidden", "dlip_px") < 1 and value(found, "hidden", "picture_offset") == 0
    assert "'hidden.mp4' shows a face in only" in " ".join(found.warnings)


def test_a_judge_who_knows_one_person_alone_is_grey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MouthSync, "general", False)
    short = film(tmp_path / "short.mp4", "-t", "2", "-vf", "scale=288:288")
    found = compare([short, short])
    assert value(found, "short.mp4 (2)", "mouth_sync") is not None  # two seconds are enough
    assert found.verdicts["mouth_sync"].telling is False
    assert "Mira" in found.verdicts["mouth_sync"].why


def test_a_face_that_is_seldom_seen_has_no_sync(tmp_path: Path) -> None:
    hidden = "drawbox=t=fill:c=gray:enable='lt(t,1.2)'"
    short = film(tmp_path / "short.mp4", "-t", "3", "-vf", f"scale=288:288,{hidden}")
    found = compare([short])
    assert value(found, "short", "mouth_sync") is None and value(found, "short", "jerk") is None
    assert "too few of its frames" in found.rows[0].figures.notes["mouth_sync"]


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "side by side" and done > 3:
            raise Enough

    report = tmp_path / "report"
    short = film(tmp_path / "short.mp4", "-t", "1")
    with pytest.raises(Enough):
        compare([short], report=report, progress=stop)
    short.unlink()
    assert not list(tmp_path.iterdir())
    with pytest.raises(MetricError, match="does not exist"):
        compare([MIRA], report=tmp_path / "no" / "report")


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("avatar.compare.comparison.tempfile.mkdtemp", refuse)
    with pytest.raises(MetricError, match=r"report cannot be written: Permission denied\."):
        compare([tmp_path / "never looked at.mp4"], report=tmp_path / "report")


def test_a_second_report_in_one_folder_keeps_nothing_of_the_first(tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", "-t", "1", "-vf", "scale=64:64,drawbox=t=fill:c=green")
    report = tmp_path / "report"
    compare([plain, plain], report=report)
    assert (report / "plots" / "psnr.png").is_file()
    (report / "mine.txt").write_text("keep me")
    compare([plain], report=report)
    assert not list((report / "plots").iterdir()) and (report / "mine.txt").is_file()
    assert not [path for path in report.iterdir() if path.name.startswith(".")]
