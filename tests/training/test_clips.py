"""Clips from films of any length."""

from pathlib import Path

import numpy as np
import pytest
from fake_capture import hide, make_capture

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.training.clips import MIN_FRAMES, choose_clips


@pytest.fixture
def film(tmp_path: Path) -> Capture:
    """One short take."""
    return Capture.load(make_capture(tmp_path / "c", {"train_a": range(1)}))


def frames(capture: Capture) -> int:
    return len(capture.take("train_a").pose)


def test_a_short_film_gives_what_it_has(film: Capture) -> None:
    still, gentle = choose_clips(film)
    assert (still.name, gentle.name) == ("still", "gentle")
    assert len(gentle) == len(still) == frames(film) > MIN_FRAMES
    assert gentle.features.shape == (len(gentle), 34)


def test_takes_that_differ_give_a_lively_clip(tmp_path: Path) -> None:
    folder = make_capture(tmp_path / "c", {"train_a": range(1), "train_bbb": range(1)})
    assert [c.name for c in choose_clips(Capture.load(folder))] == ["still", "gentle", "lively"]


def test_no_clip_goes_over_frames_that_are_not_usable(film: Capture) -> None:
    hidden = [4, 5]
    hide(film.folder / "takes" / "train_a.npz", hidden)
    _, gentle = choose_clips(Capture.load(film.folder))
    assert len(gentle) == frames(film) - 6
    keypoints = film.take("train_a").arrays["landmarks2d"]
    assert np.array_equal(gentle.keypoints, keypoints[6:])


def test_a_face_that_is_hardly_ever_seen_is_told(film: Capture) -> None:
    hide(film.folder / "takes" / "train_a.npz", list(range(0, frames(film), MIN_FRAMES)))
    with pytest.raises(CaptureError, match=f"no stretch of {MIN_FRAMES} usable train frames"):
        choose_clips(Capture.load(film.folder))
