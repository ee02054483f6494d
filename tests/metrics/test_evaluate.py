from dataclasses import asdict, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from fake_capture import make_capture
from fake_engine import PlainEngine

from avatar.capture.layout import Capture
from avatar.errors import CaptureError
from avatar.identity import Identity, IdentityConfig
from avatar.metrics import evaluate as module
from avatar.metrics import subject as subject_module
from avatar.metrics.evaluate import control_rows, delayed, evaluate, shuffled
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.speech.visemes import SILENCE


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = make_capture(
        tmp_path_factory.mktemp("captures") / "cartoon",
        {
            "test_a": range(0, 10, 2), "test_all": range(6), "test_damaged": range(6),
            "test_none": range(0),
        },  # fmt: skip
    )
    frames = folder / "frames" / "test_damaged"
    (frames / "000001.webp").write_bytes(b"RIFF, but cut short")
    (frames / "000003.webp").write_bytes(b"")
    (frames / "000099.webp").write_bytes((frames / "000000.webp").read_bytes())
    return Capture.load(folder)


@pytest.fixture(scope="module")
def identity():
    torch.manual_seed(0)
    # Table 2 without the residual blocks is the quicker network.
    renderer = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    return Identity(IdentityConfig("nobody", network=renderer.config), renderer, {}, None)


class Player(PlainEngine):
    """An engine that plays given pictures, then the last one on, and keeps what drove it."""

    name, batch = "player", 4

    def __init__(self, pictures):
        self.pictures, self.windows = pictures, []

    def __call__(self, drawings, windows):
        first = len(self.windows)
        self.windows += list(windows)
        frames = np.arange(first, len(self.windows)).clip(max=len(self.pictures) - 1)
        return np.stack([self.pictures[frame] for frame in frames])


@pytest.fixture
def player(capture, monkeypatch):
    take = capture.take("test_all")
    engine = Player([take.head_over_background(frame) for frame in take.rendered])
    monkeypatch.setattr(subject_module, "make_engine", lambda *_: engine)
    return engine


@pytest.fixture(scope="module")
def row(identity, capture):
    return evaluate(identity, capture, "test_a", engine="torch")


def test_a_random_network_gets_finite_and_poor_scores(row):
    assert row.frames == 5
    assert row.source == "recognized"
    assert 0 < row.psnr < 25 and 0 < row.mouth_psnr < 25
    assert -1 <= row.ssim < 0.9 and -1 <= row.mouth_ssim < 0.9
    assert row.psnr_of_mean <= row.psnr
    assert row.dlip_px > 0
    # Outer eye corners of the cartoon are 114 px apart.
    assert row.dlip_iod == pytest.approx(row.dlip_px / 114, rel=1e-4)
    assert "Mira" in row.reader_subject


def test_the_transcript_is_used_where_asked_for(identity, capture, monkeypatch):
    heard = []
    monkeypatch.setattr(module, "score", lambda *values: heard.append(values[-1]))
    evaluate(identity, capture, "test_a", use_transcript=True, engine="torch")
    evaluate(identity, capture, "test_a", use_transcript=False, engine="torch")
    assert heard == ["aligned", "recognized"]


def test_a_transcript_that_is_not_what_is_said_is_left_out(identity, capture, player, caplog):
    path = capture.folder / "takes" / "test_all.txt"
    words = path.read_text()
    path.write_text("Extraordinary hippopotamuses congregate underneath the scaffolding")
    row = evaluate(identity, capture, "test_all", use_transcript=True)
    path.write_text(words)
    assert row.source == "recognized"
    assert "does not match the sound" in caplog.text


def test_true_frames_score_perfectly(identity, capture, player):
    row = evaluate(identity, capture, "test_all")
    assert row.psnr == float("inf") and row.ssim == pytest.approx(1)
    assert row.dlip_px == 0
    assert row.frames == 6
    assert len(player.windows) > 6  # frames that are not at hand are rendered too


def test_damaged_frames_and_frames_after_the_end_are_left_out(identity, capture, player, caplog):
    row = evaluate(identity, capture, "test_damaged")
    assert row.frames == 4
    assert "000001.webp is missing or damaged" in caplog.text
    assert row.offset_frames is None  # four frames are too few to tell


def test_a_take_without_frames_is_refused(identity, capture):
    with pytest.raises(CaptureError, match="test_none has no frames"):
        evaluate(identity, capture, "test_none")
    with pytest.raises(CaptureError, match="no take 'test_b'"):
        evaluate(identity, capture, "test_b")


def test_another_frame_rate_is_refused(identity, capture):
    slow = replace(identity, config=replace(identity.config, fps=Fraction(30)))
    with pytest.raises(CaptureError, match="25 frames a second, but nobody is rendered at 30"):
        evaluate(slow, capture, "test_a")


def test_controls_are_driven_by_other_sound_late_sound_and_silence(identity, capture, player):
    rows = control_rows(identity, capture, "test_all")
    assert list(rows) == ["shuffled", "shifted +5", "frozen"]
    _, late, frozen = np.split(np.stack(player.windows), 3)
    assert np.array_equal(frozen, np.tile(SILENCE, (len(frozen), 6, 1)))
    player.windows.clear()
    real = evaluate(identity, capture, "test_all")
    assert np.array_equal(late[8:-2], player.windows[3:-7])  # but for what is cut off
    assert asdict(real).keys() == asdict(rows["frozen"]).keys()


def test_control_tracks():
    values = np.random.default_rng(0).uniform(size=(100, 34)).astype(np.float32)
    mixed = shuffled(values)
    assert mixed.shape == values.shape
    assert np.array_equal(np.sort(mixed, axis=0), np.sort(values, axis=0))
    assert (mixed != values).any(axis=1).mean() > 0.7
    late = delayed(values, 5)
    assert np.array_equal(late[5:], values[:-5])
    assert np.array_equal(late[:5], np.tile(SILENCE, (5, 1)))
    assert len(delayed(values[:3], 5)) == 3


def test_a_short_take_is_shuffled_too():
    values = np.arange(10, dtype=np.float32)[:, None]
    mixed = shuffled(values)
    assert sorted(mixed[:, 0]) == list(range(10)) and not np.array_equal(mixed, values)
