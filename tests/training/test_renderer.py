from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from avatar.errors import AvatarError
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.training.dataset import load_capture
from avatar.training.losses import LossWeights
from avatar.training.pictures import PictureSchedule
from avatar.training.renderer import RendererTrainer, RendererTraining

SCHEDULE = PictureSchedule(
    4, warmup=1, log_every=2, sample_every=4, save_every=2, adversary=0.5, alone=0
)
TRAINING = RendererTraining(SCHEDULE, LossWeights(width=4), synthetic_ratio=0.0)


@pytest.fixture(scope="module")
def real(capture):
    return load_capture(capture, 6)


@pytest.fixture(autouse=True)
def offline(no_hub):
    """No VGG here."""


def trainer(real, run: Path, training=TRAINING, config=RendererConfig(), **more):  # noqa: B008
    return RendererTrainer(real, (), run, training, config, **more)


def test_training_learns_and_writes_weights_that_fit(real, tmp_path):
    run = trainer(real, tmp_path / "run")
    before = {key: value.clone() for key, value in run.networks["renderer"].state_dict().items()}
    Renderer().load_state_dict(load_file(run.train()), strict=True)
    after = run.networks["renderer"].state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"renderer.safetensors", "samples_000004.jpg", "log.csv", "state_00000004"} <= names


def test_a_stopped_run_ends_where_an_unbroken_one_does(real, tmp_path):
    whole = trainer(real, tmp_path / "whole")
    whole.train()
    broken = trainer(real, tmp_path / "broken")
    batches = (broken.batch(step) for step in range(2))
    broken._batches = lambda: ({k: v.to(broken.device) for k, v in b.items()} for b in batches)
    broken.train()
    resumed = trainer(real, tmp_path / "broken")
    assert resumed.step == 2
    resumed.train()
    for network in ("renderer", "head_discriminator", "mouth_discriminator"):
        pairs = zip(*(r.networks[network].parameters() for r in (whole, resumed)), strict=True)
        assert max((a - b).abs().max() for a, b in pairs) < 1e-5


@pytest.mark.parametrize(
    "change",
    [
        {"mouth_latent": "full"},
        {"audio_mix": "wide"},
        {"mouth_decoder": False},
        {"residual_blocks": False, "context_blocks": 0},
    ],
)
def test_every_arm_of_the_network_trains(real, tmp_path, change):
    schedule = replace(SCHEDULE, steps=2)
    run = trainer(real, tmp_path, replace(TRAINING, schedule=schedule), RendererConfig(**change))
    run.train()
    assert run.step == 2 and run.weights_path.exists()


def test_samples_are_mixed_by_the_ratio(real, tmp_path):
    marked = [replace(sample, window=np.full_like(sample.window, 7)) for sample in real]
    training = replace(TRAINING, synthetic_ratio=0.8)
    run = RendererTrainer(real, marked, tmp_path, training, RendererConfig())
    drawn = [run.batch(step)["window"][0, 0, 0].item() > 5 for step in range(60)]
    assert 0.65 < np.mean(drawn) < 0.95
    assert all(torch.equal(run.batch(3)[k], v) for k, v in run.batch(3).items())


def test_too_few_synthetic_samples_are_told(real, tmp_path, caplog):
    trainer(real, tmp_path / "a")
    assert "0 % of the samples are synthetic" in caplog.text
    with pytest.raises(AvatarError, match="no synthetic samples"):
        trainer(real, tmp_path / "b", replace(TRAINING, synthetic_ratio=0.8))


def test_another_network_is_told(real, tmp_path):
    trainer(real, tmp_path).save()
    with pytest.raises(AvatarError, match="trains something else"):
        trainer(real, tmp_path, config=RendererConfig.table_exact())


def test_a_start_from_given_weights(real, tmp_path):
    first = trainer(real, tmp_path / "a")
    first.save()
    second = trainer(real, tmp_path / "b", start=load_file(first.weights_path))
    weights = first.average.module.state_dict()
    assert all(
        torch.equal(weights[key], value)
        for key, value in second.networks["renderer"].state_dict().items()
    )


def test_a_batch_that_is_no_number_changes_nothing(real, tmp_path, caplog):
    run = trainer(real, tmp_path / "run", replace(TRAINING, schedule=replace(SCHEDULE, steps=5)))
    run.real = [replace(real[0], window=np.full_like(real[0].window, np.nan)), *real[1:]]
    run.train()
    assert run.step == 5 and 0 < caplog.text.count("is left out") < 5
    assert all(torch.isfinite(p).all() for p in run.networks["renderer"].parameters())


def test_rate_warms_up_holds_falls_and_slows_with_the_adversary(real, tmp_path):
    schedule = PictureSchedule(1000, warmup=10, adversary=0.4, constant=0.6, alone=0)
    run = trainer(real, tmp_path, replace(TRAINING, schedule=schedule))
    rates = []
    for run.step in (0, 200, 399, 400, 600, 800, 1000):
        rates.append(run.learning_rate("renderer"))
    assert rates == pytest.approx([1e-4, 1e-3, 1e-3, 2e-4, 2e-4, 1e-4, 2e-6])
