"""The one command from a capture to trained networks, and what may happen to it on the way."""

import json
import shutil
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fake_capture import make_capture
from safetensors.torch import load_file
from train_command import STAGES, TINY, WEIGHTS, Training

from avatar.cli import main
from avatar.face.clip import Clip
from avatar.identity import IdentityConfig, load_identity
from avatar.identity_saving import save_identity
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.training import pipeline
from avatar.training.config import TrainingConfig
from avatar.training.course import Course


def test_from_a_capture_to_trained_networks(whole: Training) -> None:
    names = {str(path.relative_to(whole.run)) for path in whole.run.rglob("*")}
    assert {"config.json", "synthetic/pairs.safetensors", "synthetic/gallery.jpg"} <= names
    assert {"synthetic/head/000002.jpg", "synthetic/mouth/000002.jpg"} <= names
    for stage in STAGES:
        assert {f"{stage}/log.csv", f"{stage}/samples_000002.jpg"} <= names
        assert any(name.startswith(f"{stage}/tensorboard/events") for name in names)
    assert TrainingConfig.read(whole.run / "config.json") == TrainingConfig.read(whole.config)
    facts = whole.result()
    assert facts["frames"] == 3 and facts["synthetic_frames"] == 3 and facts["steps"] == 2
    assert facts["synthetic_ratio"] == 0.8 and facts["adversarial_steps"] == 1
    assert facts["start"] == "none" and facts["processes"] == 1 and facts["vgg"] is False


def test_a_killed_training_goes_on(whole: Training, training: Training) -> None:
    for reached in ("synthetic/head/*.jpg", "renderer/state_00000001"):
        child = training.start()
        while child.poll() is None and not any(training.run.glob(reached)):
            time.sleep(0.002)
        child.kill()
        child.communicate()
        assert not training.json.exists(), "it was too late to kill it"
    assert training() == 0
    for stage in STAGES:
        wanted, found = whole.weights(stage), training.weights(stage)
        assert all(torch.equal(wanted[key], found[key]) for key in wanted), stage


def test_a_stopped_training_saves_first(training: Training) -> None:
    values = json.loads(json.dumps(TINY))
    values["oracle"]["training"]["schedule"] |= {"steps": 100_000, "save_every": 100_000}
    training.config.write_text(json.dumps(values))
    child = training.start()
    log = training.run / "oracle/mouth/log.csv"
    while child.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 2):
        time.sleep(0.01)
    child.terminate()
    _, told = child.communicate()
    assert child.returncode == 130
    assert told.strip().splitlines()[-2:] == [
        f"avatar: what is done stands in {training.run}", "avatar: interrupted"
    ]  # fmt: skip
    (state,) = (training.run / "oracle/mouth").glob("state_*")
    assert int(state.name.partition("_")[2]) >= 2


def test_a_run_that_is_done_can_grow(
    whole: Training, training: Training, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(whole.run, training.run)
    lost = training.run / "synthetic/head/000001.jpg"
    before = lost.read_bytes()
    lost.unlink()
    training.change(steps=3)
    assert training() == 0
    assert training.result()["steps"] == 3
    assert lost.read_bytes() == before, "not drawn again"
    training.change(batch=2)
    assert training() == 1
    assert "schedule.batch = 1, not 2: only steps and minutes may grow" in capsys.readouterr().err


def test_a_disk_that_is_full_now_and_then(
    training: Training, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for writer in ("training.state", "training.synthetic"):
        with monkeypatch.context() as patch:
            patch.setattr(f"avatar.{writer}.save_file", no_room)
            assert training() == 1, writer
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("avatar: ") and "No space left" in told, writer
    assert training() == 0


def test_damaged_pictures_are_left_out(
    training: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training.capture = Path(shutil.copytree(training.capture, tmp_path / "capture"))
    (training.capture / "frames/train_a/000001.webp").write_bytes(b"RIFF")
    assert training() == 0
    assert "000001.webp is missing or damaged" in caplog.text


@pytest.fixture(scope="module")
def somebody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without an oracle, of another build than the default."""
    torch.manual_seed(7)
    renderer = Renderer(RendererConfig.table_exact(mouth_box=(100, 200, 192, 192)))
    still = np.zeros((4, 68, 2), np.float32)
    clip = Clip(
        "calm", IdentityConfig.fps, still, still[:, :2], np.tile(np.eye(4, dtype="f4"), (4, 1, 1)),
        still[:, :9],
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("bundles") / "somebody"
    config = IdentityConfig("somebody", network=renderer.config)
    return save_identity(folder, config, renderer, [clip])


def test_it_starts_from_an_identity_in_the_time_that_is_given(
    training: Training, somebody: Path, capsys: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture, ticking: None,
) -> None:  # fmt: skip
    given = load_file(somebody / "renderer.safetensors")
    training.config.write_text(json.dumps({"renderer": {"training": {"weights": WEIGHTS}}}))
    progress = training.run.with_name("progress.json")
    training.more = ["--start", str(somebody), "--minutes", "0.02", "--progress", str(progress)]
    assert training() == 0
    facts, config = training.result(), json.loads((training.run / "config.json").read_text())
    assert facts["start"] == "somebody" and config["start"] == str(somebody)
    assert config["minutes"] == 0.02 and config["renderer"]["network"]["audio_mix"] == "table"
    assert facts["synthetic_frames"] == facts["synthetic_ratio"] == 0
    assert "0.02 minutes are too few for an oracle" in caplog.text
    assert not (training.run / "oracle").exists()
    found, steps = training.weights(), facts["steps"]
    moved = [(found[key] - given[key]).abs().max() for key in given]
    assert found.keys() == given.keys() and 0 < max(moved) < 0.1, "not from its weights"
    told = json.loads(progress.read_text())
    assert told["stage"] == "renderer" and told["done"] == told["total"] == 1
    training.more = ["--start", str(somebody), "--minutes", "0.08"]
    assert training() == 0
    assert training.result()["steps"] > steps
    training.more = ["--start", "none"]
    assert training() == 1
    assert "was begun with start = " in capsys.readouterr().err


def test_time_is_divided_over_the_stages_and_what_is_left_of_it_told() -> None:
    told: list[tuple[str, int, int]] = []
    course = Course.of_minutes(30, True, lambda *said: told.append(said))
    assert sum(course.parts.values()) == pytest.approx(30 * 60)
    for stage in course.parts:
        tell, limit = course.of(stage)
        assert limit == course.parts[stage]
        tell(0.0), tell(1.0)
    done = [seconds for _, seconds, _ in told]
    assert done == sorted(done) and done[0] == 0 and done[-1] == 1800
    assert {total for *_, total in told} == {1800}
    assert Course.of_minutes(1, False, None).of("renderer") == (None, 60)
    assert Course.of_samples({"renderer": 1000}, None).of("renderer")[1] is None


def test_enough_minutes_train_an_oracle_that_draws(
    training: Training, monkeypatch: pytest.MonkeyPatch, ticking: None
) -> None:
    monkeypatch.setitem(pipeline.ORACLE_MINUTES, "cpu", 0.01)
    monkeypatch.setitem(pipeline.ORACLE_MINUTES, "cuda", 0.01)
    training.more = ["--minutes", "0.03"]
    assert training() == 0
    facts = training.result()
    assert facts["oracle_steps"] > 0 and 1 <= facts["synthetic_frames"] <= 3
    drawn = [path.stat().st_mtime_ns for path in (training.run / "synthetic/head").iterdir()]
    mouth = training.weights("oracle/mouth")
    training.more = ["--minutes", "0.1"]  # at least 0.03 are the renderer's, on slow machines too
    assert training() == 0
    assert training.result()["steps"] > facts["steps"]
    again = [path.stat().st_mtime_ns for path in (training.run / "synthetic/head").iterdir()]
    assert sorted(drawn) == sorted(again)
    assert all(torch.equal(mouth[k], v) for k, v in training.weights("oracle/mouth").items())


def test_a_capture_that_was_refused_is_trained_on_by_force_alone(
    training: Training, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    training.capture = Path(shutil.copytree(training.capture, tmp_path / "capture"))
    path = training.capture / "capture.json"
    reasons = ["It lasts 3 seconds.", "It is blurred."]
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"verdict": "refuse", "reasons": reasons})
    )
    assert training() == 1
    told = capsys.readouterr().err
    assert "It lasts 3 seconds. It is blurred. Film again" in told and "--force" in told
    training.more = ["--force", "--minutes", "0.01"]
    assert training() == 0


def test_a_short_film_at_another_rate(training: Training, tmp_path: Path) -> None:
    """30000/1001 frames a second, no listening take, nothing held out, nothing behind."""
    folder = make_capture(tmp_path / "c", {"train_1": range(4)})
    path = folder / "capture.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fps": "30000/1001"}))
    cv2.imwrite(str(folder / "background.png"), np.zeros((512, 512, 3), np.uint8))
    training.capture, training.more, out = folder, ["--minutes", "0.01"], tmp_path / "toon"
    assert training() == 0
    what = [str(folder), "--run", str(training.run), "--out", str(out), "--synthetic"]
    assert main(["package", *what]) == 0
    identity = load_identity(out)
    assert identity.config.fps == identity.clip().fps == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"capture": Path("nothing")}, "capture.json is missing"),
        ({"config": Path("none.json")}, "none.json is missing"),
        ({"more": ["--start", "nobody at all"]}, "There is no identity 'nobody at all'"),
    ],
)
def test_what_cannot_be_trained_is_told_before_it_is(
    training: Training, change: dict[str, Path], sentence: str, capsys: pytest.CaptureFixture
) -> None:
    vars(training).update(change)
    assert training() == 1
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1 and not training.run.exists()


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "soon"])
def test_minutes_that_cannot_be(training: Training, minutes: str) -> None:
    training.more = ["--minutes", minutes]
    with pytest.raises(SystemExit):
        training()


def test_the_defaults_are_printed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "--print-config"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == TrainingConfig().to_json()
