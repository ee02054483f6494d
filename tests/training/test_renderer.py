import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_capture import make_capture
from safetensors.torch import load_file

from avatar.capture.layout import Capture
from avatar.errors import AvatarError, CaptureError
from avatar.face.drawing import DrawingStyle
from avatar.identity import load_identity
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.training.bundle import export_bundle
from avatar.training.dataset import CaptureDataset
from avatar.training.losses import gradient_loss, smooth_l1
from avatar.training.renderer import RendererTrainer, TrainingConfig

CONFIG = TrainingConfig(steps=4, warmup=1, log_every=2, sample_every=2, save_every=2)


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Capture:
    folder = tmp_path_factory.mktemp("capture") / "c"
    takes = {"train_a": range(2), "train_b": range(1), "test_a": range(3)}
    return Capture.load(make_capture(folder, takes))


def trainer(capture: Capture, run: Path, config: TrainingConfig = CONFIG) -> RendererTrainer:
    return RendererTrainer(capture, run, config, RendererConfig())


def test_held_out_takes_are_never_trained_on(capture):
    dataset = CaptureDataset(capture, DrawingStyle(), 6)
    assert {(s.take, s.frame) for s in dataset.samples} == {
        ("train_a", 0), ("train_a", 1), ("train_b", 0),
    }  # fmt: skip
    item = dataset[0]
    shapes = {key: tuple(value.shape) for key, value in item.items()}
    assert shapes == {
        "drawing": (3, 512, 512), "window": (6, 34), "head": (3, 512, 512), "mouth": (3, 512, 512),
        "head_lips": (1, 512, 512), "mouth_lips": (1, 512, 512),
    }  # fmt: skip
    assert item["drawing"].max() == 1 and item["head"].min() >= -1


def test_a_damaged_picture_is_left_out(capture, caplog):
    path = capture.folder / "frames" / "train_a" / "000001.webp"
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    dataset = CaptureDataset(capture, DrawingStyle(), 6)
    path.write_bytes(whole)
    assert len(dataset) == 2 and "000001.webp" in caplog.text


def test_a_capture_without_pictures_is_refused(tmp_path):
    empty = Capture.load(make_capture(tmp_path / "c", {"train_a": range(0)}))
    with pytest.raises(CaptureError, match="no rendered train frame"):
        CaptureDataset(empty, DrawingStyle(), 6)


def test_training_learns_logs_and_writes_a_bundle(capture, tmp_path):
    run = trainer(capture, tmp_path / "run", replace(CONFIG, steps=8))
    weights = run.train()
    with (tmp_path / "run" / "log.csv").open() as file:
        assert next(csv.reader(file))[:3] == ["step", "seconds", "rate"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"state.pt", "renderer.safetensors", "samples_000002.jpg"} <= names
    assert not any(name.endswith(".tmp") for name in names)
    training = {"frames": 3, "steps": 8, "batch": 1, "hours": 0.1, "device": "CPU"}
    export_bundle(capture, weights, RendererConfig(), tmp_path / "toon", training)
    identity = load_identity(tmp_path / "toon")
    assert set(identity.clips) == {"still", "gentle", "lively"}
    assert identity.config.consent["synthetic"] is True
    stored = load_file(weights)
    assert all(torch.equal(identity.renderer.state_dict()[k], v) for k, v in stored.items())


def test_a_stopped_run_goes_on_where_it_was(capture, tmp_path):
    whole = trainer(capture, tmp_path / "whole")
    whole.train()
    half = trainer(capture, tmp_path / "half", replace(CONFIG, steps=2))
    half.train()
    resumed = trainer(capture, tmp_path / "half")
    assert resumed.step == 2
    resumed.train()
    assert resumed.step == 4
    before, after = (torch.load(r.state_path, weights_only=True) for r in (half, whole))
    assert before["step"] == after["step"] == 4
    difference = [
        (before["model"][k] - after["model"][k]).abs().max() for k in before["model"]
    ]
    assert max(difference) < 0.02  # other order and noise, the same state


def test_a_run_of_another_network_or_too_large_a_batch_is_told(capture, tmp_path):
    trainer(capture, tmp_path / "run").save()
    with pytest.raises(AvatarError, match="trains another network"):
        RendererTrainer(capture, tmp_path / "run", CONFIG, RendererConfig.table_exact())
    with pytest.raises(AvatarError, match="batch of 9 is more than the 3 frames"):
        trainer(capture, tmp_path / "other", replace(CONFIG, batch=9))


def test_a_loss_that_is_no_number_keeps_what_was_saved(capture, tmp_path):
    run = trainer(capture, tmp_path / "run", replace(CONFIG, steps=2))
    run.train()
    saved = run.state_path.read_bytes()
    broken = trainer(capture, tmp_path / "run")
    broken.dataset.samples[:] = [
        replace(s, window=np.full_like(s.window, np.nan)) for s in broken.dataset.samples
    ]
    with pytest.raises(AvatarError, match="not a number at step 2"):
        broken.train()
    assert run.state_path.read_bytes() == saved


def test_rate_warms_up_holds_and_falls(capture, tmp_path):
    config = TrainingConfig(steps=1000, warmup=100, constant=0.4, learning_rate=1e-3)
    run = trainer(capture, tmp_path / "run", config)
    assert run.rate(0) == pytest.approx(1e-5)
    assert run.rate(200) == run.rate(400) == pytest.approx(1e-3)
    assert run.rate(700) == pytest.approx(0.5e-3)
    assert run.rate(1000) == pytest.approx(1e-5)


def test_losses_are_zero_for_the_truth_and_edges_cost():
    truth, weight = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    truth[..., 32:] = 1
    assert smooth_l1(truth, truth, weight) == gradient_loss(truth, truth, weight) == 0
    brighter = truth + 0.1
    assert gradient_loss(brighter, truth, weight) < 1e-6 < smooth_l1(brighter, truth, weight)
    blurred = torch.nn.functional.avg_pool2d(truth, 9, 1, 4, count_include_pad=False)
    assert gradient_loss(blurred, truth, weight) > 0.003
    elsewhere = weight.clone()
    elsewhere[..., 16:48] = 0
    assert gradient_loss(blurred, truth, elsewhere) < 1e-6
    assert smooth_l1(blurred, truth, elsewhere) < 1e-6


def test_the_lip_mask_covers_the_lips_of_both_pictures(capture):
    dataset = CaptureDataset(capture, DrawingStyle(), 6)
    item, lips = dataset[0], dataset.samples[0].lips
    x, y, w, h = capture.mouth_box
    for name, points in (("head", lips), ("mouth", (lips - (x, y)) * (512 / w, 512 / h))):
        mask = item[f"{name}_lips"][0]
        column, row = points.round().astype(int).T
        assert mask[row, column].min() > 0.5
        assert 0.005 < mask.mean() < 0.35 and mask[0].max() == 0


def test_weights_fit_the_network_strictly(capture, tmp_path):
    run = trainer(capture, tmp_path / "run")
    run.save()
    Renderer(RendererConfig()).load_state_dict(load_file(run.weights_path), strict=True)
