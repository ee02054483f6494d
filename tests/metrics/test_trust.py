import numpy as np
import pytest
from fake_capture import make_capture

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.metrics import trust
from avatar.metrics.reader import LIPS, UPPER_FACE
from avatar.metrics.trust import measure_readers


@pytest.fixture
def capture(tmp_path):
    takes = {"test_a": range(4), "train_0": range(2)}
    return Capture.load(make_capture(tmp_path / "cartoon", takes))


class Remembering:
    """Knows every frame of the capture, off by 1 px; any other picture it takes for the last one,
    5 px away."""

    subject = "a cartoon"

    def __init__(self, region, capture):
        self.known = {
            take.head_over_background(frame).tobytes(): take.arrays["landmarks2d"][
                frame, list(region.points)
            ]
            for take in map(capture.take, capture.take_names)
            for frame in take.rendered
            if frame != 99
        }
        self.last = None

    def read(self, frame, mouth_box):
        known = self.known.get(frame.tobytes())
        if known is None:
            return self.last + (3, 4)
        self.last = known + (0.6, 0.8)
        return self.last


def test_readers_beside_exact_points(capture, monkeypatch):
    readers = {region: Remembering(region, capture) for region in (LIPS, UPPER_FACE)}
    monkeypatch.setattr(trust, "point_reader", readers.get)
    damaged = capture.folder / "frames" / "test_a" / "000002.webp"
    damaged.write_bytes(b"RIFF, but cut short")
    found = measure_readers(capture, 10)
    assert found.subject == "a cartoon"
    assert (found.lips.frames, found.upper_face.frames) == (3, 3)
    assert found.lips.points_px == pytest.approx(1, abs=1e-4)
    assert found.lips.opening_px == pytest.approx(0, abs=1e-4)
    assert found.upper_face.points_px == pytest.approx(1, abs=1e-4)
    assert found.upper_face.opening_px is None
    assert found.other_render.mean_px == pytest.approx(5, abs=1e-4)


def test_without_a_picture_that_can_be_read(capture):
    for path in (capture.folder / "frames" / "test_a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(CaptureError, match="None of the capture's held-out pictures can be read"):
        measure_readers(capture, 10)


def test_silent_true_frames(capture, monkeypatch):
    readers = {region: Remembering(region, capture) for region in (LIPS, UPPER_FACE)}
    monkeypatch.setattr(trust, "point_reader", readers.get)
    sound = capture.folder / "takes" / "test_a.wav"
    data = sound.read_bytes()
    sound.write_bytes(data[:44] + bytes(len(data) - 44))
    found = measure_readers(capture, 10).silent
    points = capture.take("test_a").arrays["landmarks2d"][:4]
    gap = np.linalg.norm(points[:, 62] - points[:, 66], axis=1)
    assert found.frames == 4
    assert found.mean_px == pytest.approx(gap.mean(), rel=1e-5)
