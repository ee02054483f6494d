from pathlib import Path

import numpy as np
import pytest
from fake_capture import make_capture

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.training.seen import gather_seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_capture(tmp_path / "c", {"train_a": range(1), "train_bcd": range(1),
                                         "test_z": range(1)})  # fmt: skip


def change(folder: Path, take: str, **arrays: np.ndarray) -> None:
    path = folder / "takes" / f"{take}.npz"
    with np.load(path) as data:
        np.savez(path, **{**data, **arrays})


def test_drawings_of_the_train_takes_are_chosen(folder):
    capture = Capture.load(folder)
    seen = gather_seen(capture)
    assert all(np.array_equal(getattr(seen, n), getattr(gather_seen(capture), n))
               for n in ("keypoints", "irises", "pose", "contour"))  # fmt: skip
    takes = [capture.take(name).arrays["landmarks2d"] for name in ("train_a", "train_bcd")]
    shown = {points.tobytes() for points in np.concatenate(takes)}
    assert {points.tobytes() for points in seen.keypoints} <= shown
    furthest = np.concatenate(takes)[:, 30, 0]  # in the cartoon only the head's place changes
    assert np.ptp(seen.keypoints[:, 30, 0]) == np.ptp(furthest)


def test_unusable_frames_and_errors_of_the_detector_are_left_out(folder):
    arrays = Capture.load(folder).take("train_a").arrays
    usable = np.arange(len(arrays["landmarks2d"])) != 2
    wild = arrays["landmarks2d"].copy()
    wild[2] += 200
    wild[5] -= 150
    change(folder, "train_a", landmarks2d=wild, usable=usable)
    capture = Capture.load(folder)
    chosen = gather_seen(capture).keypoints
    assert not (np.abs(chosen - wild[2]) < 1).all(axis=(1, 2)).any()
    assert not (np.abs(chosen - wild[5]) < 1).all(axis=(1, 2)).any()


def test_without_a_usable_frame_there_is_nothing_to_gather(folder):
    for take in ("train_a", "train_bcd"):
        frames = len(Capture.load(folder).take(take).pose)
        change(folder, take, usable=np.zeros(frames, bool))
    with pytest.raises(CaptureError, match="usable frame"):
        gather_seen(Capture.load(folder))
