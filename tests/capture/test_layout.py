import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_capture import BOX, WORDS, make_capture, motion

from avatar.capture.layout import Capture
from avatar.capture.rgba import composite
from avatar.errors import CaptureError
from avatar.speech.audio import load_sound, save_wav


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_capture(tmp_path_factory.mktemp("capture") / "c", {"train_a": range(0, 6, 2)})


def test_reads_what_is_there(folder):
    capture = Capture.load(folder)
    assert (capture.fps, capture.mouth_box, capture.take_names) == (25, BOX, ["train_a"])
    take = capture.take("train_a")
    assert take.rendered == [0, 2, 4]
    assert (take.transcript, take.phones) == (WORDS, None)
    keypoints, irises, contour = motion(len(take.pose), len("train_a"))
    clip = take.clip("part", 1, 4)
    assert np.array_equal(clip.keypoints, keypoints[1:4])
    assert np.array_equal(clip.irises, irises[1:4]) and clip.contour.shape == contour[1:4].shape


def test_frames_are_composited_over_the_background(folder):
    take = Capture.load(folder).take("train_a")
    picture = take.head_over_background(2)
    assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8
    assert tuple(picture[5, 5]) == (170, 180, 186)  # the file is BGR
    centre = take.arrays["landmarks2d"][2, 30].astype(int)
    assert np.abs(picture[centre[1], centre[0]].astype(int) - (220, 180, 150)).max() < 12


def test_the_mouth_is_the_box_magnified(folder):
    take = Capture.load(folder).take("train_a")
    x, y, w, h = BOX
    small = cv2.resize(take.mouth_over_background(2), (w, h), interpolation=cv2.INTER_AREA)
    difference = np.abs(small.astype(int) - take.head_over_background(2)[y : y + h, x : x + w])
    assert difference.mean() < 4
    assert take.mouth(1) is None


def test_exact_phones(folder):
    path = folder / "takes" / "train_a.phones.tsv"
    path.write_text("0.000\t0.250\tM\n0.250\t0.500\tAA\n")
    phones = Capture.load(folder).take("train_a").phones
    path.unlink()
    assert [(p.start, p.end, p.symbol) for p in phones] == [(0, 0.25, "M"), (0.25, 0.5, "AA")]


def test_straight_alpha():
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 128]]], np.uint8)
    mixed = composite(rgba, np.full((1, 3, 3), 100, np.uint8))
    assert mixed.tolist() == [[[200, 100, 0], [100, 100, 100], [150, 100, 50]]]


def test_problems_are_named(folder, tmp_path):
    with pytest.raises(CaptureError, match="capture.json is missing"):
        Capture.load(tmp_path)
    (tmp_path / "capture.json").write_text(json.dumps({"fps": 25}))
    with pytest.raises(CaptureError, match="malformed"):
        Capture.load(tmp_path)
    capture = Capture.load(folder)
    with pytest.raises(CaptureError, match="no take 'b'; it has: train_a"):
        capture.take("b")
    with pytest.raises(CaptureError, match="000001.webp is missing"):
        capture.take("train_a").head(1)


def test_damaged_files_are_named(tmp_path):
    folder = make_capture(tmp_path / "c", {"train_a": range(2)})
    (folder / "frames" / "train_a" / "contact_sheet.webp").write_bytes(b"")
    (folder / "takes" / "train_a.phones.tsv").write_text("0.0\tsoon\tM\n")
    assert Capture.load(folder).take("train_a").rendered == [0, 1]
    arrays = folder / "takes" / "train_a.npz"
    arrays.write_bytes(arrays.read_bytes()[:-500])
    take = Capture.load(folder).take("train_a")
    with pytest.raises(CaptureError, match="phones.tsv is malformed"):
        _ = take.phones
    with pytest.raises(CaptureError, match="npz is missing or malformed"):
        _ = take.arrays
    cv2.imwrite(str(folder / "background.png"), np.zeros((256, 256, 3), np.uint8))
    with pytest.raises(CaptureError, match="background.png is not 512x512"):
        Capture.load(folder)


def test_the_rest_face_is_that_of_silence(tmp_path):
    folder = make_capture(tmp_path / "c", {"train_a": range(1), "train_listen": range(1)})
    capture = Capture.load(folder)
    spoken = capture.take("train_a")
    assert 0 < spoken.silent.sum() < len(spoken.pose)
    pauses = [capture.take(name).arrays["landmarks3d_canonical"][capture.take(name).silent]
              for name in capture.take_names]  # fmt: skip
    assert np.allclose(capture.geometry.canonical, np.median(np.concatenate(pauses), axis=0))
    assert np.array_equal(capture.geometry.camera, np.diag([1000, 1000, 1]))

    # Where the capture names takes of listening, they alone count, and count whole.
    path = folder / "takes" / "train_listen.wav"
    save_wav(path, np.zeros_like(load_sound(path)))
    listed = [{"name": "train_listen", "listening": True}, {"name": "train_a"}]
    text = json.loads((folder / "capture.json").read_text()) | {"takes": listed}
    (folder / "capture.json").write_text(json.dumps(text))
    capture = Capture.load(folder)
    still = capture.take("train_listen")
    assert still.silent.all()
    solid = still.arrays["landmarks3d_canonical"]
    assert np.allclose(capture.geometry.canonical, np.median(solid, axis=0))


def test_frames_that_are_not_seen_well_make_no_rest_face(tmp_path):
    folder = make_capture(tmp_path / "c", {"train_a": range(1)})
    take = Capture.load(folder).take("train_a")
    assert take.usable.dtype == bool and take.usable.all()
    usable = take.silent & (np.arange(len(take.pose)) % 2 == 0)
    path = folder / "takes" / "train_a.npz"
    broken = take.arrays["landmarks3d_canonical"].copy()
    broken[~usable] = 1e6
    arrays = {**np.load(path), "landmarks3d_canonical": broken, "usable": usable}
    np.savez(path, **arrays)
    capture = Capture.load(folder)
    assert np.array_equal(capture.take("train_a").usable, usable)
    assert np.abs(capture.geometry.canonical).max() < 10
    np.savez(path, **arrays | {"usable": usable[1:]})
    with pytest.raises(CaptureError, match="usable should be"):
        _ = Capture.load(folder).take("train_a").usable


def test_what_a_capture_says_of_itself(tmp_path):
    folder = make_capture(tmp_path / "c", {"train_a": range(1)})
    assert (Capture.load(folder).verdict, Capture.load(folder).reasons) == ("good", [])
    path = folder / "capture.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"verdict": "refuse", "reasons": ["Too short."]}))
    assert (Capture.load(folder).verdict, Capture.load(folder).reasons) == (
        "refuse", ["Too short."],
    )  # fmt: skip
    path.write_text(json.dumps(data | {"verdict": "splendid"}))
    with pytest.raises(CaptureError, match="splendid"):
        Capture.load(folder)
