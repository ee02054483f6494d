import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avatar.errors import AvatarError
from avatar.metrics.lips import (
    LipReader,
    ReaderError,
    correlation,
    interocular,
    lip_distance,
    lip_reader,
    offset_frames,
    opening,
    reader_error,
)
from avatar.nets.keypoint_reader import KeypointReader


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


def test_reader_error_of_a_shifted_reading():
    truth = np.random.default_rng(0).uniform(200, 300, (30, 20, 2))
    error = reader_error(truth + (0.6, 0.8), truth)
    assert error.points_px == pytest.approx(1)
    assert error.opening_px == pytest.approx(0)
    assert error.opening_correlation == pytest.approx(1)
    assert error.frames == 30


def test_the_committed_reader_says_whose_mouth_it_reads_and_how_well():
    reader = lip_reader()
    assert "Mira" in reader.subject
    for label in ("held_out", "test"):
        assert reader.errors[label].points_px < 1
        assert reader.errors[label].opening_px < 0.7
        assert reader.errors[label].opening_correlation > 0.97


def test_reading_is_relative_to_the_box_and_scales_with_it():
    frame = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    moved = np.roll(frame, (7, -5), axis=(0, 1))
    reader = lip_reader()
    points = reader.read(frame, (164, 259, 192, 192))
    assert points.shape == (20, 2)
    assert reader.read(moved, (159, 266, 192, 192)) == pytest.approx(points + (-5, 7), abs=1e-3)
    wide = reader.read(frame, (100, 100, 384, 384))
    assert (wide > 100).all() and (wide < 484).all()


def test_reader_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "reader.safetensors"
    with pytest.raises(AvatarError, match="missing or damaged"):
        LipReader(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(AvatarError, match="missing or damaged"):
        LipReader(path)
    torch.manual_seed(0)
    weights = KeypointReader().state_dict()
    errors = json.dumps({"held_out": asdict(ReaderError(1.0, 1.0, 0.5, 3))})
    save_file(weights, path, {"subject": "somebody", "errors": errors})
    assert LipReader(path).subject == "somebody"
    weights.pop("maps.bias")
    save_file(weights, path, {"subject": "somebody", "errors": errors})
    with pytest.raises(AvatarError, match="missing or damaged"):
        LipReader(path)
