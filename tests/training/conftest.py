import pytest
from fake_capture import make_capture

from avatar.capture.layout import Capture


@pytest.fixture(scope="session")
def capture(tmp_path_factory) -> Capture:
    """A cartoon with three rendered train frames, two takes, and one that is held out."""
    folder = tmp_path_factory.mktemp("capture") / "c"
    takes = {"train_a": range(2), "train_b": range(1), "test_a": range(3)}
    return Capture.load(make_capture(folder, takes))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Nothing can be fetched, and nothing was before."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty-cache"))
