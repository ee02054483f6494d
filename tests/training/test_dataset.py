import pytest
import torch
from fake_capture import hide, make_capture

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.face.drawing import DrawingStyle
from avatar.face.keypoints import MOUTH
from avatar.nets.pixels import signed, unit
from avatar.training.dataset import (
    collate,
    load_capture,
    oracle_drawings,
    pictures_item,
    renderer_item,
    take_features,
    train_takes,
    true_pictures,
)


def test_held_out_takes_are_never_trained_on(capture):
    assert [take.name for take in train_takes(capture)] == ["train_a", "train_b"]
    found = {(sample.take, sample.frame) for sample in load_capture(capture, 6)}
    assert found == {("train_a", 0), ("train_a", 1), ("train_b", 0)}


def test_items_have_their_shapes_and_stack(capture):
    first, *_ = samples = load_capture(capture, 6)
    item = renderer_item(first, capture.mouth_box, DrawingStyle())
    assert {key: tuple(value.shape) for key, value in item.items()} == {
        "drawing": (1, 512, 512), "window": (6, 34), "head": (3, 512, 512), "mouth": (3, 512, 512),
        "head_lips": (1, 512, 512), "mouth_lips": (1, 512, 512),
    }  # fmt: skip
    assert unit(item["drawing"]).max() == 1
    assert -1 <= signed(item["head"]).min() < signed(item["head"]).max() <= 1
    batch = collate([renderer_item(s, capture.mouth_box, DrawingStyle()) for s in samples])
    assert batch["head"].shape == (3, 3, 512, 512) and batch["head"].dtype == torch.uint8


def test_the_oracle_sees_a_mouth_and_the_renderer_does_not(capture):
    first, *_ = load_capture(capture, 6)
    seen = renderer_item(first, capture.mouth_box, DrawingStyle())["drawing"]
    drawn = oracle_drawings(first, capture.mouth_box, DrawingStyle())
    column, row = first.keypoints[list(MOUTH)].round().astype(int).T
    assert seen[0, row, column].max() == 0
    assert drawn["drawing"][0, row, column].float().mean() > 100


def test_a_damaged_picture_is_told_when_it_is_decoded(capture):
    path = capture.folder / "frames" / "train_a" / "000001.webp"
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    true_pictures.cache_clear()
    samples = load_capture(capture, 6)
    with pytest.raises(CaptureError, match=r"000001\.webp is missing or damaged"):
        samples[1].pictures()
    path.write_bytes(whole)
    assert len(samples) == 3 and samples[1].pictures()[0].shape == (512, 512, 3)


def test_a_frame_without_a_mouth_picture_is_left_out(capture):
    path = capture.folder / "mouth" / "train_a" / "000001.webp"
    whole = path.read_bytes()
    path.unlink()
    samples = load_capture(capture, 6)
    path.write_bytes(whole)
    assert len(samples) == 2


def test_frames_that_are_not_usable_are_left_out(tmp_path):
    folder = make_capture(tmp_path / "c", {"train_a": range(3)})
    hide(folder / "takes" / "train_a.npz", [1])
    assert [sample.frame for sample in load_capture(Capture.load(folder), 6)] == [0, 2]


def test_few_frames_stay_decoded(capture):
    """Thousands of them would not fit in memory."""
    first, *_ = load_capture(capture, 6)
    true_pictures.cache_clear()
    assert first.pictures()[0] is first.pictures()[0]
    assert true_pictures.cache_info().maxsize * 1.6 < 400, "megabytes"


def test_a_capture_without_pictures_or_train_takes_is_refused(tmp_path):
    empty = Capture.load(make_capture(tmp_path / "c", {"train_a": range(0)}))
    with pytest.raises(CaptureError, match="no rendered train frame"):
        load_capture(empty, 6)
    with pytest.raises(CaptureError, match="no take to train on"):
        load_capture(Capture.load(make_capture(tmp_path / "d", {"test_a": range(1)})), 6)


def test_the_lip_mask_covers_the_lips_of_both_pictures(capture):
    first, *_ = load_capture(capture, 6)
    item, lips = pictures_item(first, capture.mouth_box), first.keypoints[list(MOUTH)]
    x, y, w, h = capture.mouth_box
    for name, points in (("head", lips), ("mouth", (lips - (x, y)) * (512 / w, 512 / h))):
        mask = unit(item[f"{name}_lips"])[0]
        column, row = points.round().astype(int).T
        assert mask[row, column].min() > 0.5
        assert 0.005 < mask.mean() < 0.35 and mask[0].max() == 0


def test_a_transcript_that_cannot_be_aligned_is_left_out(tmp_path, caplog):
    capture = Capture.load(make_capture(tmp_path / "c", {"train_a": range(1)}))
    (capture.folder / "takes" / "train_a.txt").write_text("... -- !")
    take = capture.take("train_a")
    assert take_features(take).shape[1] == 34
    assert "Listening to its sound alone" in caplog.text
