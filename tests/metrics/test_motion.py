"""How a head moves, on motions that are known."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from films import MIRA

from avatar.capture.face_track import FaceTrack, track_face
from avatar.capture.source import open_video
from avatar.metrics import lips
from avatar.metrics.motion import Flicker, blink_rate, blinks, head_jerk, pose_range
from avatar.render.steps import finished, looking


@pytest.fixture(scope="module")
def mira() -> FaceTrack:
    return finished(looking(track_face(open_video(MIRA))))


def turned(track: FaceTrack, degrees: np.ndarray, fps: int) -> FaceTrack:
    """The first face turned about the vertical axis, frame by frame."""
    poses = np.repeat(track.pose[:1], len(degrees), axis=0)
    for pose, angle in zip(poses, degrees, strict=True):
        pose[:3, :3] = pose[:3, :3] @ cv2.Rodrigues(np.array([0, 0, np.radians(angle)]))[0]
    frames = np.zeros(len(degrees), int)
    return replace(track.taken(frames), pose=poses, fps=Fraction(fps))


def moved(track: FaceTrack, place: np.ndarray, fps: int) -> FaceTrack:
    """The first face moved to the side by (T,) distances of its outer eye corners."""
    still = track.taken(np.zeros(len(place), int))
    width = np.linalg.norm(still.keypoints[0, 45] - still.keypoints[0, 36])
    aside = np.stack([place * width, np.zeros(len(place))], axis=1)[:, None]
    return replace(still, keypoints=still.keypoints + aside, fps=Fraction(fps))


def test_a_known_swing_has_its_range(mira: FaceTrack) -> None:
    time = np.arange(500) / 50
    swing = turned(mira, 10 * np.sin(2 * np.pi * time), 50)
    assert pose_range(swing) == pytest.approx(2 * 10 * np.sin(0.45 * np.pi), rel=0.02)
    assert pose_range(turned(mira, np.zeros(20), 25)) == pytest.approx(0, abs=1e-3)


def test_a_known_jerk_is_found_at_any_rate_and_through_trembling(mira: FaceTrack) -> None:
    for fps in (25, 50):
        time = np.arange(8 * fps) / fps
        assert head_jerk(moved(mira, time**3, fps)) == pytest.approx(6, rel=0.01)
        sway = moved(mira, 0.2 * np.sin(2 * np.pi * 0.5 * time), fps)
        known = 0.2 * np.pi**3 / np.sqrt(2)
        assert head_jerk(sway) == pytest.approx(known, rel=0.1)
    trembling = np.random.default_rng(0).normal(0, 0.15, sway.keypoints.shape)
    shaken = replace(sway, keypoints=sway.keypoints + np.float32(trembling))
    assert head_jerk(shaken) == pytest.approx(known, rel=0.5)
    assert head_jerk(moved(mira, np.zeros(40), 25)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(head_jerk(moved(mira, np.zeros(5), 25)))


def test_blinks_are_counted(mira: FaceTrack) -> None:
    assert blinks(mira) == 2  # as her truth has it
    assert blink_rate(mira) == pytest.approx(15)
    wide = int(np.linalg.norm(mira.canonical[:, 37] - mira.canonical[:, 41], axis=1).argmax())
    shut = int(np.linalg.norm(mira.canonical[:, 37] - mira.canonical[:, 41], axis=1).argmin())
    order = np.full(100, wide)
    order[[10, 40, 41, 70, 90]] = shut
    assert blinks(mira.taken(order)) == 4
    order[30:60] = shut  # more than half a second is no blink
    assert blinks(mira.taken(order)) == 3


def test_flicker_is_what_comes_and_goes(mira: FaceTrack) -> None:
    picture = next(open_video(MIRA).read())

    def flicker(frames) -> float:
        meter = Flicker()
        for frame in frames:
            meter.add(frame)
        return meter.mean

    base = picture.astype(int)
    blinking = [np.uint8(np.clip(base + 3 * (-1) ** i, 3, 250)) for i in range(9)]
    brighter = [np.uint8(np.clip(base // 2 + 2 * i, 0, 255)) for i in range(9)]
    assert flicker(blinking) == pytest.approx(6, abs=0.5)
    assert flicker(brighter) < 0.1 and flicker([picture] * 5) == 0
    assert np.isnan(flicker([picture] * 2))


def test_lips_without_the_pose(mira: FaceTrack) -> None:
    from films import truth

    opening = lips.opening(lips.mouth_points(mira))
    true = lips.opening(truth()["keypoints"][:, 48:68])
    assert lips.correlation(opening, true) > 0.7 and abs(opening.mean() - true.mean()) < 1
    assert lips.dlip(mira, mira).max() == 0
    assert 1 < lips.dlip(mira, mira.delayed(5)).mean() < 8
    wider = replace(mira, canonical=mira.canonical * [1.1, 1, 1])
    assert 1 < lips.dlip(mira, wider).mean() < 4


@pytest.mark.parametrize("late", [-6, -2, 0, 3])
def test_lips_beside_the_loudness_of_vowels(mira: FaceTrack, late: int) -> None:
    track, sound = mira.at(Fraction(25), 200), open_video(MIRA).sound()
    moved = np.pad(sound, (max(-late, 0) * 640, 0))[max(late, 0) * 640 :]
    lag, fit = lips.loudness_lag(track, moved)
    assert abs(lag - late) <= 1 and 0.4 < fit < 1
    for nothing in (np.zeros(128_000, np.float32), np.empty(0, np.float32), sound[:640]):
        assert lips.loudness_lag(track, nothing) is None
    assert lips.loudness_lag(track.taken(np.zeros(200, int)), sound) is None


def test_outer_lips_are_apart_by_the_mean_of_three_pairs() -> None:
    points = np.zeros((2, 20, 2))
    points[1, [8, 9, 10], 1] = 6, 12, 9  # 56, 57, 58 under 52, 51, 50
    assert lips.outer_opening(points).tolist() == [0, 9]


def test_a_lag_and_how_well_it_fits() -> None:
    curve = np.random.default_rng(0).normal(size=80)
    lag, fit = lips.best_lag(np.roll(curve, 4), curve)
    assert lag == 4 and fit == pytest.approx(1)
    assert lips.best_lag(np.zeros(80), curve) is None
