import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avatar.errors import AvatarError
from avatar.metrics.reader import (
    LIPS,
    UPPER_FACE,
    PointReader,
    ReaderError,
    point_reader,
    reader_error,
)
from avatar.nets.keypoint_reader import KeypointReader

HERE = Path(__file__).parent
MOUTH_BOX = (164, 259, 192, 192)


def test_reader_error_of_a_shifted_reading():
    truth = np.random.default_rng(0).uniform(200, 300, (30, 20, 2))
    error = reader_error(truth + (0.6, 0.8), truth)
    assert error.points_px == pytest.approx(1)
    assert error.opening_px == pytest.approx(0)
    assert error.opening_correlation == pytest.approx(1)
    assert error.frames == 30


def test_an_upper_face_has_no_opening():
    truth = np.random.default_rng(0).uniform(100, 300, (4, 31, 2))
    assert reader_error(truth + (3, 4), truth) == ReaderError(pytest.approx(5), 4)


def test_regions_are_placed_by_the_mouth_box():
    assert LIPS.box(MOUTH_BOX) == MOUTH_BOX
    assert UPPER_FACE.box(MOUTH_BOX) == (116, 163, 288, 192)
    assert UPPER_FACE.points == tuple(range(17, 48))


def test_the_committed_lip_reader_says_whose_mouth_it_reads_and_how_well():
    reader = point_reader(LIPS)
    assert "Mira" in reader.subject
    for label in ("held_out", "test"):
        assert reader.errors[label].points_px < 1
        assert reader.errors[label].opening_px < 0.7
        assert reader.errors[label].opening_correlation > 0.97


def test_a_true_frame_that_no_reader_was_trained_on():
    picture = cv2.cvtColor(cv2.imread(str(HERE / "mira_test_a.webp")), cv2.COLOR_BGR2RGB)
    known = json.loads((HERE / "mira_test_a.json").read_text())
    for region, most in ((LIPS, 1.0), (UPPER_FACE, 1.2)):
        truth = np.array(known["keypoints"])[list(region.points)]
        found = point_reader(region).read(picture, tuple(known["mouth_box"]))
        assert np.linalg.norm(found - truth, axis=1).mean() < most


def test_reading_is_relative_to_the_box_and_scales_with_it():
    frame = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    moved = np.roll(frame, (7, -5), axis=(0, 1))
    reader = point_reader(LIPS)
    points = reader.read(frame, MOUTH_BOX)
    assert points.shape == (20, 2)
    assert reader.read(moved, (159, 266, 192, 192)) == pytest.approx(points + (-5, 7), abs=1e-3)
    wide = reader.read(frame, (100, 100, 384, 384))
    assert (wide > 100).all() and (wide < 484).all()


def test_reader_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "reader.safetensors"
    with pytest.raises(AvatarError, match="missing or damaged"):
        PointReader(LIPS, path)
    path.write_bytes(b"no tensors")
    with pytest.raises(AvatarError, match="missing or damaged"):
        PointReader(LIPS, path)
    torch.manual_seed(0)
    weights = KeypointReader(20).state_dict()
    errors = json.dumps({"held_out": asdict(ReaderError(1.0, 3, 1.0, 0.5))})
    save_file(weights, path, {"subject": "somebody", "errors": errors})
    assert PointReader(LIPS, path).subject == "somebody"
    with pytest.raises(AvatarError, match="missing or damaged"):
        PointReader(UPPER_FACE, path)
    weights.pop("maps.bias")
    save_file(weights, path, {"subject": "somebody", "errors": errors})
    with pytest.raises(AvatarError, match="missing or damaged"):
        PointReader(LIPS, path)
