import numpy as np
import pytest

from avatar.metrics.lips import correlation, interocular, lip_distance, offset_frames, opening


def speech_like(frames=200, seed=0):
    """Openings that move as lips do: smoothed noise, some 3 to 20 px."""
    noise = np.random.default_rng(seed).normal(size=frames + 6)
    smooth = np.convolve(noise, np.hanning(7) / np.hanning(7).sum(), mode="valid")
    return 8 + 6 * smooth


def shift(values, lag):
    """The same openings, ``lag`` frames later."""
    return np.roll(values, lag)


@pytest.mark.parametrize("lag", range(-10, 11))
def test_planted_offsets_are_found_with_their_sign(lag):
    true = speech_like()
    assert offset_frames(shift(true, lag), true) == lag


@pytest.mark.parametrize("lag", [-3, 0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_offset_is_found_where_every_second_frame_is_true_and_lips_are_noisy(lag, seed):
    whole = speech_like(seed=seed)
    noise = np.random.default_rng(seed + 100).normal(0, 0.7, len(whole))
    true = np.full_like(whole, np.nan)
    true[::2] = whole[::2]
    assert offset_frames(shift(whole, lag) + noise, true) == lag


def test_no_offset_without_enough_frames_or_motion():
    true = speech_like()
    assert offset_frames(true[:5], true[:5]) is None
    assert offset_frames(np.empty(0), np.empty(0)) is None
    assert offset_frames(np.full(200, 4.0), true) is None
    assert offset_frames(true, np.full(200, np.nan)) is None


def test_offset_of_unequal_lengths():
    true = speech_like()
    assert offset_frames(shift(true, 2)[:150], true) == 2


def test_opening_is_the_distance_of_points_62_and_66():
    keypoints = np.zeros((3, 68, 2))
    keypoints[:, 62], keypoints[:, 66] = (10, 20), (13, 24)
    assert opening(keypoints[:, 48:]) == pytest.approx([5, 5, 5])


def test_lip_distance_and_interocular():
    a = np.zeros((2, 20, 2))
    b = a + (3, 4)
    b[1, :10] = 0
    assert lip_distance(a, b) == pytest.approx([5, 2.5])
    keypoints = np.zeros((68, 2))
    keypoints[36], keypoints[45] = (100, 200), (160, 280)
    assert interocular(keypoints) == pytest.approx(100)


def test_correlation_ignores_missing_frames():
    a = np.array([1, 2, np.nan, 4.0])
    assert correlation(a, np.array([2, 4, 100, 8.0])) == pytest.approx(1)
    assert np.isnan(correlation(a, np.ones(4)))
