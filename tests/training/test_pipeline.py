"""The one command from a capture to a bundle, and what may happen to it on the way."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_capture import make_capture
from safetensors.torch import load_file
from torch import Tensor

from avatar.cli import main
from avatar.identity import load_identity
from avatar.training import pipeline
from avatar.training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
STAGES = ("oracle/mouth", "oracle/head", "renderer")
SCHEDULE = {
    "steps": 2, "batch": 1, "warmup": 1, "adversary": 0.5,
    "log_every": 1, "sample_every": 2, "save_every": 1,
}  # fmt: skip
WEIGHTS = {"width": 4}
TINY = {
    "oracle": {
        "network": {"widths": [8, 8], "blocks": 0},
        "training": {"schedule": SCHEDULE, "weights": WEIGHTS},
    },
    "synthetic": {"pairs_per_frame": 1},
    "renderer": {"training": {"schedule": SCHEDULE, "weights": WEIGHTS}},
}


@pytest.fixture(scope="session")
def cartoon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cartoon") / "capture"
    return make_capture(folder, {"train_a": range(2), "train_b": range(1), "test_a": range(2)})


class Training:
    """One ``train`` command in a folder of its own."""

    def __init__(self, folder: Path, capture: Path, values: dict[str, Any] = TINY):
        self.capture, self.run, self.out = capture, folder / "run", folder / "toon"
        self.config, self.json = folder / "my.json", folder / "result.json"
        self.config.write_text(json.dumps(values))

    @property
    def arguments(self) -> list[str]:
        parts = ["--run", self.run, "--out", self.out, "--config", self.config, "--json", self.json]
        return ["train", str(self.capture), *map(str, parts)]

    def __call__(self) -> int:
        return main(self.arguments)

    def start(self) -> subprocess.Popen:
        """In a process of its own, without a Hub."""
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(self.run / "none")}
        return subprocess.Popen(
            [sys.executable, "-m", "avatar", *self.arguments],
            cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def weights(self, stage: str = "renderer") -> dict[str, Tensor]:
        return load_file(self.run / stage / f"{Path(stage).name}.safetensors")


@pytest.fixture
def training(tmp_path: Path, cartoon: Path, no_hub: None) -> Training:
    return Training(tmp_path, cartoon)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cartoon: Path) -> Training:
    """One that never stopped."""
    done = Training(tmp_path_factory.mktemp("whole"), cartoon)
    child = done.start()
    assert child.wait() == 0, child.stderr.read()
    return done


def test_from_a_capture_to_a_bundle(whole: Training) -> None:
    names = {str(path.relative_to(whole.run)) for path in whole.run.rglob("*")}
    assert {"config.json", "synthetic/pairs.safetensors", "synthetic/gallery.jpg"} <= names
    assert {"synthetic/head/000002.jpg", "synthetic/mouth/000002.jpg"} <= names
    for stage in STAGES:
        assert {f"{stage}/log.csv", f"{stage}/samples_000002.jpg"} <= names
        assert any(name.startswith(f"{stage}/tensorboard/events") for name in names)
    assert TrainingConfig.read(whole.run / "config.json") == TrainingConfig.read(whole.config)
    identity = load_identity(whole.out)
    assert identity.has_oracle and identity.oracle().config.widths == (8, 8)
    facts = identity.config.training
    assert facts == json.loads(whole.json.read_text())
    assert facts["frames"] == 3 and facts["synthetic_frames"] == 3 and facts["steps"] == 2
    assert facts["synthetic_ratio"] == 0.8 and facts["adversarial_steps"] == 1
    assert set(facts["held_out"]) == {"test_a, with transcript", "test_a, sound alone"}
    card = (whole.out / "README.md").read_text()
    assert facts["vgg"] is False and "VGG-19's weights could not be fetched" in card
    assert "| test_a, sound alone |" in card
    stored = identity.renderer.state_dict()
    assert all(torch.equal(stored[key], value) for key, value in whole.weights().items())


def test_a_killed_training_goes_on(whole: Training, training: Training) -> None:
    for reached in ("synthetic/head/*.jpg", "renderer/state_00000001"):
        child = training.start()
        while child.poll() is None and not any(training.run.glob(reached)):
            time.sleep(0.002)
        child.kill()
        child.wait()
        assert not training.out.exists(), "it was too late to kill it"
    again = training.start()
    assert again.wait() == 0, again.stderr.read()
    for stage in STAGES:
        wanted, found = whole.weights(stage), training.weights(stage)
        assert all(torch.equal(wanted[key], found[key]) for key in wanted), stage
    assert load_identity(training.out).config.training["steps"] == 2


def test_a_stopped_training_saves_first(training: Training) -> None:
    values = json.loads(json.dumps(TINY))
    values["oracle"]["training"]["schedule"] |= {"steps": 100_000, "save_every": 100_000}
    training.config.write_text(json.dumps(values))
    child = training.start()
    log = training.run / "oracle/mouth/log.csv"
    while child.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 2):
        time.sleep(0.01)
    child.terminate()
    assert child.wait() == 130
    told = child.stderr.read().strip().splitlines()[-2:]
    assert told == [f"avatar: what is done stands in {training.run}", "avatar: interrupted"]
    (state,) = (training.run / "oracle/mouth").glob("state_*")
    assert int(state.name.partition("_")[2]) >= 2


@pytest.fixture
def unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering the held-out take is not what a test is about."""
    monkeypatch.setattr(pipeline, "score", lambda *_: {})


def test_a_run_that_is_done_can_grow(
    whole: Training, training: Training, unscored: None, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(whole.run, training.run)
    lost = training.run / "synthetic/head/000001.jpg"
    before = lost.read_bytes()
    lost.unlink()
    values = json.loads(json.dumps(TINY))
    values["renderer"]["training"]["schedule"] |= {"steps": 3}
    training.config.write_text(json.dumps(values))
    assert training() == 0
    assert load_identity(training.out).config.training["steps"] == 3
    assert lost.read_bytes() == before, "not drawn again"
    values["renderer"]["training"]["schedule"] |= {"batch": 2}
    training.config.write_text(json.dumps(values))
    assert training() == 1
    assert "schedule.batch = 1, not 2: only steps may grow" in capsys.readouterr().err


def test_damaged_frames_and_a_disk_that_is_full_now_and_then(
    training: Training, unscored: None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    training.capture = Path(shutil.copytree(training.capture, tmp_path / "capture"))
    (training.capture / "frames/train_a/000001.webp").write_bytes(b"RIFF")
    (training.capture / "frames/train_b/000000.webp").unlink()

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for writer in ("training.state", "training.synthetic", "identity"):
        with monkeypatch.context() as patch:
            patch.setattr(f"avatar.{writer}.save_file", no_room)
            assert training() == 1, writer
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("avatar: ") and "No space left" in told, writer
        assert not training.out.exists()
    assert training() == 0
    assert "000001.webp is missing or damaged" in caplog.text
    assert json.loads(training.json.read_text())["frames"] == 1


def test_a_low_ratio_is_warned_of(
    training: Training, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "load_capture", stop)
    values = {"renderer": {"training": {"synthetic_ratio": 0.5}}}
    training.config.write_text(json.dumps(values))
    assert training() == 130
    assert "50 % of the samples are synthetic" in caplog.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"out": Path("my bundle")}, "cannot be called 'my bundle'"),
        ({"out": Path("/nowhere/toon")}, "folder /nowhere does not exist"),
        ({"capture": Path("nothing")}, "capture.json is missing"),
        ({"config": Path("none.json")}, "none.json is missing"),
    ],
)
def test_what_cannot_be_trained_is_told_before_it_is(
    training: Training, change: dict[str, Path], sentence: str, capsys: pytest.CaptureFixture
) -> None:
    vars(training).update(change)
    assert training() == 1
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1 and not training.run.exists()


def test_the_defaults_are_printed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "--print-config"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == TrainingConfig().to_json()
