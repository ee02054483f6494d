"""Following the face of a video that is measured."""

from fractions import Fraction

import numpy as np
import pytest
from films import MIRA, film, truth

from avatar.capture.face_track import FaceTrack, track_face
from avatar.capture.source import open_video
from avatar.errors import CaptureError
from avatar.render.steps import finished, looking


def tracked(path, fps: str = "25/2") -> FaceTrack:
    return finished(looking(track_face(open_video(path).at(Fraction(fps)))))


@pytest.fixture(scope="module")
def mira() -> FaceTrack:
    return tracked(MIRA)


def test_keypoints_and_turn_are_those_that_are_true(mira: FaceTrack) -> None:
    true = truth()
    distance = np.linalg.norm(mira.keypoints - true["keypoints"], axis=2)
    assert len(mira) == 100 and mira.visible.all() and not mira.others.any()
    assert np.median(distance) < 2.5
    turn = mira.pose[:, :3, :3] @ true["pose"][:, :3, :3].transpose(0, 2, 1)
    constant = turn @ turn[50].T
    degrees = np.degrees(np.arccos(np.clip((np.trace(constant, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert np.median(degrees) < 2


def test_in_the_head_s_own_frame_the_nose_stands_still(mira: FaceTrack) -> None:
    nose = mira.canonical[:, 30]
    assert nose.std(axis=0).max() < 0.03 * mira.interocular
    assert 0.06 < mira.interocular < 0.1 and mira.scale == pytest.approx(1, abs=0.1)


def test_another_rate_and_size_see_the_same_face(mira: FaceTrack, tmp_path) -> None:
    small = film(tmp_path / "small.mp4", "-vf", "scale=320:320", "-r", "25", "-an")
    other = tracked(small, "25")
    assert len(other) == 200 and other.scale == pytest.approx(mira.scale * 512 / 320, rel=0.03)
    lips = np.linalg.norm(np.diff(mira.canonical[:, [62, 66]], axis=1)[:, 0], axis=1)
    again = np.linalg.norm(np.diff(other.canonical[::2, [62, 66]], axis=1)[:, 0], axis=1)
    assert np.corrcoef(lips, again)[0, 1] > 0.9


def test_a_delay_holds_the_first_frame(mira: FaceTrack) -> None:
    late = mira.delayed(5)
    assert (late.keypoints[:6] == mira.keypoints[0]).all()
    assert (late.pose[5:] == mira.pose[:-5]).all() and len(late) == len(mira)


def test_no_face(tmp_path) -> None:
    plain = film(
        tmp_path / "plain.mp4", "-t", "2", source="testsrc=size=320x240:rate=25",
        before=("-f", "lavfi"),
    )  # fmt: skip
    with pytest.raises(CaptureError, match="face"):
        tracked(plain, "25")


def test_another_clock_sees_the_same_moments(mira: FaceTrack) -> None:
    twice = mira.at(Fraction(25), 200)
    assert twice.fps == 25 and (twice.keypoints[::2] == mira.keypoints).all()
    middle = (mira.keypoints[3] + mira.keypoints[4]) / 2
    assert np.abs(twice.keypoints[7] - middle).max() < 1e-3
    assert mira.at(mira.fps, 100) is mira and len(mira.at(Fraction(30), 60)) == 60
