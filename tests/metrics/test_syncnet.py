import pickle
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fake_hub import FakeHub
from films import truth
from safetensors import safe_open

from avatar.capture.face_track import FaceTrack
from avatar.errors import MetricError
from avatar.metrics import syncnet
from avatar.metrics.convert_syncnet import convert, main
from avatar.metrics.mfcc import mfcc
from avatar.metrics.syncnet import (
    SyncNetScorer,
    crop_face,
    face_boxes,
    find_syncnet,
    sync_score,
)
from avatar.nets.syncnet import SyncNet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``syncnet_v2.model`` as PyTorch 0.3 saved it, but random, and what is made of it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("syncnet")
    table = {k: v for k, v in SyncNet().state_dict().items() if "num_batches" not in k}
    torch.save(table, folder / "syncnet_v2.model", _use_new_zipfile_serialization=False)
    convert(folder / "syncnet_v2.model", folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def scorer(folder: Path) -> SyncNetScorer:
    return SyncNetScorer(folder / "model.safetensors")


def track_of(keypoints: np.ndarray, fps: int = 25) -> FaceTrack:
    """A track of which only the keypoints are looked at."""
    frames = len(keypoints)
    return FaceTrack(
        fps=Fraction(fps), width=512, height=512, keypoints=np.float32(keypoints),
        irises=np.zeros((frames, 2, 2)), pose=np.zeros((frames, 4, 4)),
        canonical=np.zeros((frames, 68, 3)), scale=1, visible=np.ones(frames, bool),
        others=np.zeros(frames, bool),
    )  # fmt: skip


def speech(seconds: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, round(16000 * seconds)).astype(np.float32)


def pair(late: int, frames: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of lips that say what is heard, so many frames later."""
    random = np.random.default_rng(seed)
    said = random.normal(size=(frames + 40, 1024)).astype(np.float32)
    noise = random.normal(size=(frames, 1024)).astype(np.float32)
    return said[20 - late : 20 - late + frames] + 0.3 * noise, said[20 : 20 + frames]


@pytest.mark.parametrize("late", [-15, -5, -1, 0, 2, 5, 15])
def test_positive_offset_means_late_lips(late: int) -> None:
    score = sync_score(*pair(late))
    assert score.offset_frames == late
    assert score.lse_c > 10 and score.lse_d == pytest.approx(0.3 * np.sqrt(1024), rel=0.02)
    assert (score.distance_at_0 == score.lse_d) == (late == 0)


def test_scores_are_those_of_a_loop_over_frames_and_shifts() -> None:
    """Written as in SyncNetInstance.calc_pdist, whose row holds the sound of i - 15 ... i + 15."""
    lips, sound = pair(3, 70)
    sound = sound[:68]
    rows = [
        [np.sqrt(((lips[i].astype(float) - sound[i + s]) ** 2).sum()) for s in range(-15, 16)]
        for i in range(70)
        if i >= 15 and i + 15 < 68
    ]
    means = np.mean(rows, axis=0)
    score = sync_score(lips, sound)
    assert score.frames == len(rows) == 38
    assert score.offset_frames == 15 - int(np.argmin(means)) == 3
    assert score.lse_d == pytest.approx(min(means), rel=1e-5)
    assert score.lse_c == pytest.approx(sorted(means)[15] - min(means), rel=1e-4)
    assert score.distance_at_0 == pytest.approx(means[15], rel=1e-5)
    np.testing.assert_allclose(score.distances[:, ::-1], rows, rtol=1e-5)


def test_wrong_sound_fits_nowhere() -> None:
    lips, sound = pair(0)[0], pair(0, seed=1)[1]
    assert sync_score(lips, sound).lse_c < 1 < 10 < sync_score(*pair(0)).lse_c


def test_clips_are_refused_that_are_too_short() -> None:
    """60 frames have 56 windows of lips; their sound has 55 full ones."""
    lips, sound = pair(0)
    assert sync_score(lips[:56], sound[:55]).frames == 25
    for a, b in ((lips[:54], sound), (lips, sound[:54])):
        with pytest.raises(MetricError, match=r"needs 2\.4 s .* together; this has 2\.36 s\.$"):
            sync_score(a, b)


def test_a_film_is_scored(scorer: SyncNetScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "_look", lambda crops: np.ones((len(crops) - 4, 1024), np.float32))
    frames = (np.zeros((64, 64, 3), np.uint8) for _ in range(60))
    score = scorer.score(frames, track_of(truth()["keypoints"][:60] / 8), speech(2.4))
    assert score.frames == 25 and score.distances.shape == (25, 31)


@pytest.mark.parametrize(
    ("frames", "sound", "why"),
    [
        (60, speech(2), r"this has 2\.00 s"),
        (58, speech(3), r"this has 2\.36 s"),
        (50, speech(3), r"this has 2\.04 s"),
        (60, speech(0.1), r"this has 0\.20 s"),
        (60, np.zeros(48000, np.float32), "silent"),
    ],
)
def test_short_and_silent_films_are_refused_before_they_are_looked_at(
    scorer: SyncNetScorer, frames: int, sound: np.ndarray, why: str
) -> None:
    with pytest.raises(MetricError, match=why):
        scorer.score(
            iter(lambda: pytest.fail("looked at"), None),
            track_of(truth()["keypoints"][:frames]),
            sound,
        )


def test_windows_are_cut_as_in_the_public_code(scorer: SyncNetScorer) -> None:
    """SyncNetInstance.evaluate: frames i..i + 4 beside columns 4 i..4 i + 19."""
    random = np.random.default_rng(0)
    frames, keypoints = random.integers(0, 256, (8, 512, 512, 3), np.uint8), truth()["keypoints"]
    sound, network = speech(0.5), scorer.network.cpu()
    boxes = list(face_boxes(keypoints[:8]))
    crops = [reference_crop(frame, *box) for frame, box in zip(frames, boxes, strict=True)]
    im = np.transpose(np.expand_dims(np.stack(crops, axis=3), axis=0), (0, 3, 4, 1, 2))
    imtv, cct = torch.from_numpy(im.astype(float)).float(), torch.from_numpy(mfcc(sound)).float()
    with torch.inference_mode():
        pieces = torch.cat([imtv[:, :, i : i + 5] for i in range(4)])
        lips = network.netfclip(network.netcnnlip(pieces).flatten(1)).numpy()
        columns = torch.stack([cct[None, :, 4 * i : 4 * i + 20] for i in range(8)])
        heard = network.sound(columns).numpy()
    scorer.network.to(scorer.device)
    found = scorer.lips(frames, track_of(keypoints[:8]))
    np.testing.assert_allclose(found, lips, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scorer._hear(sound), heard, rtol=1e-3, atol=1e-4)


def test_batches_change_nothing(scorer: SyncNetScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (12, 512, 512, 3), np.uint8)
    track = track_of(truth()["keypoints"][:12])
    whole = scorer.lips(frames, track)
    assert whole.shape == (8, 1024) and whole.dtype == np.float32
    for batch in (1, 3, 8):
        monkeypatch.setattr(syncnet, "BATCH", batch)
        np.testing.assert_allclose(scorer.lips(iter(frames), track), whole, rtol=1e-4, atol=1e-5)


def test_frames_are_read_as_they_are_needed(
    scorer: SyncNetScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncnet, "BATCH", 2)
    looked: list[int] = []
    monkeypatch.setattr(scorer, "_look", lambda crops: looked.append(read) or np.zeros((2, 1024)))
    read = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield np.zeros((512, 512, 3), np.uint8)

    scorer.lips(frames(), track_of(truth()["keypoints"][:10]))
    assert looked == [6, 8, 10, 10][: len(looked)] and len(looked) >= 3


def test_too_few_frames_give_no_row(scorer: SyncNetScorer) -> None:
    frames = np.zeros((4, 512, 512, 3), np.uint8)
    assert scorer.lips(frames, track_of(truth()["keypoints"][:4])).shape == (0, 1024)


def test_other_rates_are_refused(scorer: SyncNetScorer) -> None:
    with pytest.raises(ValueError, match="25 frames a second"):
        scorer.lips([], track_of(truth()["keypoints"][:5], fps=30))


def test_box_is_as_counted_by_hand() -> None:
    """Keypoints over 100..300 by 200..360: 160 high, so 200 with the forehead, and as wide."""
    keypoints = np.full((20, 68, 2), (200, 300), float)
    keypoints[:, 0], keypoints[:, 1] = (100, 200), (300, 360)
    keypoints[10] += 50  # one frame's mistake, which the median takes away
    boxes = list(face_boxes(keypoints))
    assert len(boxes) == 20
    assert all(box == pytest.approx((200, 260, 100)) for box in boxes)


def reference_crop(frame: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """As ``crop_video`` of syncnet_python's run_pipeline.py, but for its files."""
    scale = 0.40
    pad = int(half * (1 + 2 * scale))
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    bgr = np.pad(bgr, ((pad, pad), (pad, pad), (0, 0)), "constant", constant_values=(110, 110))
    my, mx = y + pad, x + pad
    rows = slice(int(my - half), int(my + half * (1 + 2 * scale)))
    columns = slice(int(mx - half * (1 + scale)), int(mx + half * (1 + scale)))
    return cv2.resize(bgr[rows, columns], (224, 224))


@pytest.mark.parametrize(
    "box", [(256.3, 240.7, 101.2), (40.2, 200.0, 95.5), (480.9, 30.4, 110.0), (255, 470, 180.3)]
)
def test_crop_is_the_pipeline_s(box: tuple[float, float, float]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    np.testing.assert_array_equal(crop_face(frame, box), reference_crop(frame, *box))


def test_crop_beside_the_picture_is_grey() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    assert (crop_face(frame, (300.0, 300.0, 20.0)) == 110).all()


def test_conversion_keeps_every_number(folder: Path) -> None:
    model = folder / "syncnet_v2.model"
    before = torch.load(model, weights_only=True)
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert len(file.metadata()["sha256"]) == 64 and "MIT" in file.metadata()["license"]
        assert set(file.keys()) == set(before)
        assert all(torch.equal(file.get_tensor(key), before[key]) for key in before)


def test_conversion_from_the_command_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def run(model: Path, out: Path) -> None:
        monkeypatch.setattr(sys, "argv", ["convert_syncnet", str(model), str(out)])
        main()

    run(folder / "syncnet_v2.model", tmp_path / "out.safetensors")
    told = capsys.readouterr().out
    assert "SHA-256" in told and "not the public file" in told
    with pytest.raises(
        SystemExit, match=r"does not exist; it can be had from .*robots\.ox\.ac\.uk"
    ):
        run(tmp_path / "none", tmp_path / "out2")
    with pytest.raises(SystemExit, match=r"The folder .*no does not exist"):
        run(folder / "syncnet_v2.model", tmp_path / "no" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out.safetensors"]


class Trap:
    """What a pickle may not do."""

    def __reduce__(self) -> tuple:
        return (pickle.loads, (b"",))


@pytest.mark.parametrize("content", ["text", "module", "trap", "table", "shape"])
def test_other_files_are_not_converted(folder: Path, tmp_path: Path, content: str) -> None:
    path, out = tmp_path / "file.model", tmp_path / "out.safetensors"
    if content == "text":
        path.write_text("no weights")
    elif content == "shape":
        torch.save(
            torch.load(folder / "syncnet_v2.model") | {"netfclip.0.bias": torch.ones(3)}, path
        )
    else:
        things = {"module": torch.nn.Linear(2, 2), "trap": Trap(), "table": {"a": torch.ones(1)}}
        torch.save(things[content], path)
    with pytest.raises(MetricError, match=r"^'.*file\.model' is not .*\.$"):
        convert(path, out)
    assert list(tmp_path.iterdir()) == [path]


def test_weights_come_from_a_path_or_the_hub_and_from_nowhere_unasked(
    folder: Path, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVATAR_SYNCNET", raising=False)
    assert find_syncnet() is None
    monkeypatch.setenv("AVATAR_SYNCNET", str(folder / "model.safetensors"))
    assert isinstance(find_syncnet(), SyncNetScorer)
    fake_hub.repos["someone/syncnet"] = folder
    monkeypatch.setenv("AVATAR_SYNCNET", "someone/syncnet")
    found = find_syncnet()
    assert isinstance(found, SyncNetScorer) and not found.network.training
    fetched = [r for r in fake_hub.requests if r.startswith("GET") and "resolve" in r]
    assert fetched and not any("syncnet_v2.model" in request for request in fetched)


def test_weights_that_cannot_be_had_are_a_sentence(fake_hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    for source in (tmp_path / "none.safetensors", tmp_path / "bad.safetensors"):
        with pytest.raises(MetricError, match="has no SyncNet weights"):
            find_syncnet(str(source))
    with pytest.raises(MetricError, match="someone/none is not open"):
        find_syncnet("someone/none")
