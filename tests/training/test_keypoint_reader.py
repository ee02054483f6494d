import cv2
import numpy as np
import pytest
import torch
from fake_capture import BOX, make_capture

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.metrics.reader import LIPS, UPPER_FACE, PointReader
from avatar.nets.keypoint_reader import CELL, KeypointReader, _centre_of_mass
from avatar.training.keypoint_reader import (
    ReaderSample,
    ReaderTrainer,
    ReaderTraining,
    augment,
    load_reader_samples,
)
from avatar.training.schedule import Schedule

QUICK = ReaderTraining(Schedule(2, batch=2, sample_every=1), held_out=("train_1",))


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures") / "cartoon"
    takes = {"train_0": range(3), "train_1": range(2), "test_a": range(2)}
    return Capture.load(make_capture(folder, takes))


def dot_sample(scale=1.0):
    """Black but for a white 5x5 px dot around the centre of its one distinct point."""
    picture = np.zeros((320, 320, 3), np.uint8)
    picture[198:203, 148:153] = 255
    points = np.full((20, 2), 160, np.float32)
    points[0] = (150.5, 200.5)
    return ReaderSample(picture, points, (64, 64), scale, (192, 192))


def centre(picture):
    """Centre of brightness, px, pixel centres at .5."""
    weight = picture.mean(axis=2) - picture.mean(axis=2).min()
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


@pytest.mark.parametrize("scale", [1.0, 0.75])
@pytest.mark.parametrize("angle,zoom", [(0, 1), (8, 1), (-8, 0.9), (3, 1.12)])
def test_points_go_where_the_picture_goes(angle, zoom, scale):
    warp = cv2.getRotationMatrix2D((160, 160), angle, zoom)
    warp[:, 2] += (3.3, -4.6)
    picture, points = dot_sample(scale).crop(warp)
    assert picture.shape == (192, 192, 3)
    assert centre(picture) == pytest.approx(points[0], abs=0.1)


def test_a_plain_crop_is_the_mouth_box():
    picture, points = dot_sample().crop()
    assert points[0] == pytest.approx((86.5, 136.5))
    assert picture[136, 86, 0] == 255 and picture[136, 90, 0] == 0


def test_augmented_pictures_stay_in_range():
    training, random = ReaderTraining(), np.random.default_rng(0)
    for _ in range(20):
        picture, points = augment(dot_sample(), training, random)
        assert picture.dtype == points.dtype == np.float32
        assert -1 <= picture.min() and picture.max() <= 1


@pytest.mark.parametrize("region", [LIPS, UPPER_FACE])
def test_pairs_are_opposite_points(capture, region):
    points = capture.take("train_0").arrays["landmarks2d"][0]
    for upper, lower in region.pairs:
        assert points[upper, 0] == pytest.approx(points[lower, 0], abs=0.1)
        assert points[upper, 1] < points[lower, 1]


def test_heads_and_magnified_mouths_are_both_read(capture):
    train, test = (load_reader_samples(capture.take(name), LIPS) for name in ("train_0", "test_a"))
    assert len(train) == 6 and len(test) == 2
    points = capture.take("train_0").arrays["landmarks2d"][0, 48:]
    for sample in train[:2]:
        picture, found = sample.crop()
        assert found == pytest.approx(points - BOX[:2], abs=1e-3)
        head = capture.take("train_0").head_over_background(0)
        x, y, w, h = BOX
        difference = picture.astype(float) - head[y : y + h, x : x + w]
        assert np.abs(difference).mean() < 3


def test_heat_maps_to_pixels():
    maps = torch.full((1, 2, 48, 48), -50.0)
    maps[0, 0, 10, 20] = 50
    maps[0, 1, 5, 7] = maps[0, 1, 5, 8] = 50
    points = _centre_of_mass(maps)[0]
    assert points[0].tolist() == pytest.approx([20.5 * CELL, 10.5 * CELL])
    assert points[1].tolist() == pytest.approx([8 * CELL, 5.5 * CELL])


def test_the_network_is_small_and_gives_points_inside_the_picture():
    torch.manual_seed(0)
    network = KeypointReader(20)
    points = network(torch.rand(2, 3, 192, 192) * 2 - 1)
    assert points.shape == (2, 20, 2)
    assert (points > 0).all() and (points < 192).all()
    assert sum(p.numel() for p in network.parameters()) * 2 < 2_000_000


@pytest.mark.parametrize("region", [LIPS, UPPER_FACE])
def test_training_resumes_and_tells_its_error(capture, tmp_path, region):
    trainer = ReaderTrainer(region, capture, tmp_path / "run", QUICK)
    # Neither test_a nor the held-out take; only mouths have a second picture.
    assert len(trainer.data) == (6 if region is LIPS else 3)
    trainer.train()
    again = ReaderTrainer(region, capture, tmp_path / "run", QUICK)
    assert again.step == 2
    weights = again.export()
    reader = PointReader(region, weights)
    assert reader.subject == "a cartoon"
    assert reader.errors["test_blurred"].frames == 2
    assert reader.errors["held_out"].frames == (4 if region is LIPS else 2)
    assert (reader.errors["test"].opening_px is None) == (region is UPPER_FACE)
    assert weights.stat().st_size < 2_000_000
    assert (tmp_path / "run" / "samples_000002.jpg").exists()


def test_repeated_steps_on_one_batch_lower_the_loss(capture, tmp_path):
    schedule = Schedule(100, batch=2, learning_rate=2e-3, warmup=1)
    training = ReaderTraining(schedule, held_out=("train_1",))
    trainer = ReaderTrainer(LIPS, capture, tmp_path / "run", training)
    batch = trainer.batch(0)
    losses = [float(trainer.train_step(batch)["points"]) for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_capture_without_train_frames_is_refused(tmp_path):
    capture = Capture.load(make_capture(tmp_path / "empty", {"test_a": range(1)}))
    with pytest.raises(CaptureError, match="no rendered train frame"):
        ReaderTrainer(LIPS, capture, tmp_path / "run", QUICK)
