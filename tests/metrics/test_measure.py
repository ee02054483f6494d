"""An engine whose pictures hold keypoints as bytes, and readers that take them out again: what a
renderer would score is then known exactly."""

from dataclasses import asdict

import numpy as np
import pytest
from fake_capture import make_capture
from fake_engine import PlainEngine

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.face.drawing import draw
from avatar.face.keypoints import MOUTH
from avatar.metrics import measure as module
from avatar.metrics.disentanglement import Change
from avatar.metrics.reader import LIPS
from avatar.metrics.subject import Subject
from avatar.metrics.views import faces, posed, spread, trained_open
from avatar.nets.renderer import RendererConfig
from avatar.speech.visemes import SILENCE

LIP = list(MOUTH)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """The cartoon with moving brows, its sway as the pose of a rigid head, and in train_listen
    nothing heard."""
    takes = {"test_a": range(0, 8, 2), "train_0": range(4), "train_listen": range(2)}
    folder = make_capture(tmp_path_factory.mktemp("captures") / "cartoon", takes)
    for number, name in enumerate(takes):
        path = folder / "takes" / f"{name}.npz"
        arrays = dict(np.load(path))
        pixels = arrays["landmarks2d"]
        sway = (pixels[:, 27:28] - pixels[:, 27:28].mean(axis=0)) * (1 + number)
        still = pixels - (pixels[:, 27:28] - pixels[:, 27:28].mean(axis=0))
        still[:, 17:27, 1] -= 4 * np.sin(np.arange(len(still)))[:, None]  # brows
        arrays["landmarks2d"] = still + sway
        arrays["landmarks3d_canonical"][..., :2] = still / 1000
        arrays["head_pose"][:, :2, 3] = sway[:, 0] / 1000
        np.savez(path, **arrays)
    capture = Capture.load(folder)
    silent = folder / "takes" / "train_listen.wav"
    data = silent.read_bytes()
    silent.write_bytes(data[:44] + bytes(len(data) - 44))
    return capture


class Known(PlainEngine):
    """Shows the lips of the sound's frame, of the drawing's own, or at rest, exactly posed."""

    name, batch = "known", 3

    def __init__(self, capture, mouth="sound", upper="drawing"):
        self.capture, self.mouth, self.upper = capture, mouth, upper
        takes = [capture.take(name) for name in capture.take_names]
        views = [view for take in takes for view in spread(take, 1000)]
        self.heads = {self._drawing(*view): view for view in views}
        self.mouths = {
            window.tobytes(): (take, frame)
            for take in takes
            for frame, window in enumerate(subject_of(None).windows(features(take)))
        }

    def __call__(self, drawings, windows):
        pictures = np.zeros((len(drawings), 512, 512, 3), np.uint8)
        for picture, drawing, window in zip(pictures, drawings, windows, strict=True):
            head = self.heads[drawing.tobytes()]
            said = self.mouths.get(window.tobytes())
            rest = self.capture.geometry.canonical
            face = {"drawing": head, "sound": said, "rest": None}[self.mouth]
            shown = posed(faces([face])[0] if face else rest, [head])[0]
            upper = posed(faces([said if self.upper == "sound" else head])[0], [head])[0]
            picture[0, :136].flat[:248] = np.frombuffer(upper[17:48].tobytes(), np.uint8)
            picture[-1, :136].flat[:160] = np.frombuffer(shown[LIP].tobytes(), np.uint8)
        return pictures

    def _drawing(self, take, frame):
        parts = (take.arrays[key][frame] for key in ("landmarks2d", "iris2d", "contour"))
        return draw(*parts).tobytes()


class Bytes:
    """Reads what ``Known`` wrote."""

    def __init__(self, region):
        self.region = region

    def read(self, frame, mouth_box):
        row, count = (frame[-1], 160) if self.region is LIPS else (frame[0], 248)
        return np.frombuffer(row.tobytes()[:count], np.float32).reshape(-1, 2)


def features(take):
    """Tells take and frame, and nothing else."""
    values = np.tile(SILENCE, (len(take.pose), 1))
    values[:, 0] = np.arange(len(values)) + 1000 * len(take.name)
    return values.astype(np.float32)


class Told(Subject):
    """A subject that is told what is said."""

    def said(self, take):
        return features(take)


def subject_of(engine):
    return Told(engine, RendererConfig())


@pytest.fixture(autouse=True)
def exact_readers(monkeypatch):
    monkeypatch.setattr(module, "point_reader", Bytes)
    monkeypatch.setattr(module, "repeatability", lambda *_: (Change(0, 0), Change(0, 0)))


def test_silence_of_a_mouth_at_rest(capture):
    rows = module.measure_silence(subject_of(Known(capture)), capture, 5)
    assert [row.motion for row in rows] == [
        "all unseen", "test_a", "train_listen", "trained, mouth open",
    ]  # fmt: skip
    assert rows[0].rendered.frames == 10
    for row in rows:
        assert row.rendered.error_p95_px == pytest.approx(0, abs=1e-4)
        assert row.rendered.mean_px == pytest.approx(row.rendered.rest_px)
    assert rows[1].own_mouth.error_px > 1  # the cartoon opens and closes its mouth all the time


def test_silence_of_a_mouth_that_follows_the_head(capture):
    rows = module.measure_silence(subject_of(Known(capture, mouth="drawing")), capture, 5)
    for row in rows:
        assert row.rendered == row.own_mouth
        assert row.opening_px == row.own_px
    assert rows[3].rendered.mean_px > rows[1].rendered.mean_px


@pytest.mark.parametrize("mouth", ["sound", "drawing", "rest"])
def test_leaks_of_the_mouth(capture, mouth):
    leaks = module.measure_leaks(subject_of(Known(capture, mouth)), capture)
    assert leaks.head.mean_px == leaks.head_reader.mean_px == 0
    if mouth == "sound":
        assert leaks.lips.mean_px == pytest.approx(0, abs=1e-4)
        assert leaks.lips_error.error_px == pytest.approx(0, abs=1e-4)
        assert leaks.lips_own_mouth.mean_px > 0.5 and leaks.lips_frozen.error_px > 0.5
    if mouth == "drawing":
        assert asdict(leaks.lips) == pytest.approx(asdict(leaks.lips_own_mouth))
    if mouth == "rest":
        assert leaks.lips.mean_px == pytest.approx(0, abs=1e-3)
        assert leaks.lips_error == leaks.lips_frozen


def test_leak_of_an_upper_face_that_follows_the_sound(capture):
    leaks = module.measure_leaks(subject_of(Known(capture, upper="sound")), capture)
    assert leaks.head.mean_px == pytest.approx(leaks.head_own_sound.mean_px)
    assert leaks.head.mean_px > 0.5
    assert leaks.head_reader.mean_px == 0  # what is above the mouth came from one picture


def test_swapped_heads_beside_exact_lips(capture):
    right = module.measure_swaps(subject_of(Known(capture)), capture, 6)
    assert [(swap.speech, swap.motion) for swap in right] == [
        ("test_a", "train_0"), ("test_a", "train_listen"),
    ]  # fmt: skip
    wrong = module.measure_swaps(subject_of(Known(capture, mouth="drawing")), capture, 6)
    for swap, other in zip(right, wrong, strict=True):
        assert swap.rendered.error_px == pytest.approx(0, abs=1e-4)
        assert swap.rendered.opening_correlation == pytest.approx(1)
        own = pytest.approx(asdict(other.own_mouth))
        assert asdict(other.rendered) == own and asdict(swap.own_mouth) == own
        assert swap.frozen.error_px > 0.5


def test_trained_pictures_with_the_widest_mouths(capture):
    chosen = trained_open(capture, 2)
    gaps = [np.ptp(faces([view])[0, [62, 66], 1]) for view in chosen]
    everything = [(capture.take("train_0"), frame) for frame in range(4)]
    assert sorted(gaps, reverse=True) == gaps
    assert gaps[0] == max(np.ptp(faces([view])[0, [62, 66], 1]) for view in everything)


def test_a_capture_without_held_out_pictures_is_refused(tmp_path):
    capture = Capture.load(make_capture(tmp_path / "c", {"train_0": range(2), "test_a": range(0)}))
    with pytest.raises(CaptureError, match="no take to measure on"):
        module.measure_silence(subject_of(None), capture, 3)
