import itertools
from pathlib import Path

import pytest
from fake_capture import make_capture
from train_command import Training

from avatar.capture.layout import Capture
from avatar.training.trainer import Trainer


@pytest.fixture(scope="session")
def capture(tmp_path_factory) -> Capture:
    """A cartoon with three rendered train frames, two takes, and one that is held out."""
    folder = tmp_path_factory.mktemp("capture") / "c"
    takes = {"train_a": range(2), "train_b": range(1), "test_a": range(3)}
    return Capture.load(make_capture(folder, takes))


def forget_hub(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Nothing can be fetched, and nothing was before."""
    from huggingface_hub import constants

    patch.setattr(constants, "HF_HUB_OFFLINE", True)
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "empty-cache"))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """See ``forget_hub``."""
    forget_hub(monkeypatch, tmp_path)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the trainers' clock each step takes half a second, however fast the machine is."""
    ticks = itertools.count()
    monkeypatch.setattr(Trainer, "clock", lambda self: next(ticks) / 2)


@pytest.fixture(scope="session")
def cartoon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture that commands read."""
    folder = tmp_path_factory.mktemp("cartoon") / "capture"
    return make_capture(folder, {"train_a": range(2), "train_b": range(1), "test_a": range(2)})


@pytest.fixture
def training(tmp_path: Path, cartoon: Path, no_hub: None) -> Training:
    """A command that was not given yet."""
    return Training(tmp_path, cartoon)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, cartoon: Path) -> Training:
    """One that never stopped."""
    done = Training(tmp_path_factory.mktemp("whole"), cartoon)
    with pytest.MonkeyPatch.context() as patch:
        forget_hub(patch, done.run.parent)
        assert done() == 0
    return done
