import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avatar.baselines import store, train
from avatar.baselines.keypoint_training import SCHEDULE, MouthPointsTrainer
from avatar.baselines.store import SHIPPED, Baselines
from avatar.errors import AvatarError
from avatar.nets.oracle import OracleConfig, UNet
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.speech.visemes import SILENCE, windows
from avatar.training.dataset import take_features

QUICK = replace(SCHEDULE, steps=60, batch=32, warmup=5, save_every=30, sample_every=60)


def test_mouths_are_learnt_from_every_frame_of_the_train_takes(capture, tmp_path):
    trainer = MouthPointsTrainer(capture, tmp_path / "run", QUICK)
    takes = [take for take in capture.takes if not take.held_out]
    assert len(trainer) == sum(len(take.pose) for take in takes)
    take = takes[1]
    said = windows(take_features(take), 6, SILENCE)
    assert np.array_equal(trainer.windows[len(takes[0].pose) + 3], said[3])

    def error():
        with torch.no_grad():
            found = trainer.networks["mouth_points"](trainer.windows)
        return float((found - trainer.points).square().mean().sqrt())

    before = error()
    trainer.train()
    assert error() < 0.7 * before
    assert (tmp_path / "run" / "samples_000060.jpg").exists()
    assert MouthPointsTrainer(capture, tmp_path / "run", QUICK).step == 60


@pytest.fixture
def arms(tmp_path):
    """Arms of an ablation that was run before."""
    small = OracleConfig(widths=(4, 8), blocks=0)
    renderer = Renderer(RendererConfig.table_exact())
    for name, file, network, facts in (
        ("oracle_whole", "whole", UNet(3, small.widths, 0), {"oracle": small.to_dict()}),
        ("ours", "renderer", renderer, {"network": renderer.config.to_dict()}),
    ):
        folder = tmp_path / "arms" / name
        folder.mkdir(parents=True)
        save_file(network.state_dict(), folder / f"{file}.safetensors")
        seconds = 2 if name == "ours" else 1
        facts |= {"frames": 10, "steps": 5, "seconds": seconds}
        (folder / "arm.json").write_text(json.dumps(facts))
    return tmp_path / "arms"


def test_what_was_trained_before_is_used_and_the_keypoints_get_the_rest_of_the_time(
    capture, arms, tmp_path, monkeypatch
):
    monkeypatch.setattr(train, "run_arm", None)  # nothing to train anew
    monkeypatch.setattr(train, "LEAST_S", 0.0)
    out, state = tmp_path / "out", tmp_path / "run" / "oracle" / "head" / "state_00000002"
    state.mkdir(parents=True)
    (state / "state.json").write_text('{"seconds": 6.7}')
    train.train_baselines(capture, tmp_path / "run", arms, out)
    found = Baselines.load(out)
    assert found.subject == "a cartoon"
    assert found.facts["pix2pix"] == {"frames": 10, "steps": 5, "seconds": 1}
    assert found.facts["ours"]["oracle_seconds"] == 7
    assert found.facts["mouth_points"]["seconds"] == 1
    assert found.facts["mouth_points"]["steps"] > 10
    assert not any(p.requires_grad for p in found.ours.parameters())


def test_shipped_baselines_are_miras_and_cost_the_same():
    shipped = Baselines.load(SHIPPED)
    assert "Mira" in shipped.subject
    seconds = {name: facts["seconds"] for name, facts in shipped.facts.items()}
    assert seconds["pix2pix"] + seconds["mouth_points"] == pytest.approx(seconds["ours"], abs=2)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10e6
    assert sum(p.numel() for p in shipped.pix2pix.parameters()) == 2_925_888


def test_damaged_baselines_are_named(weights, tmp_path):
    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "pix2pix.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(AvatarError, match="pix2pix.safetensors is missing or damaged"):
        Baselines.load(tmp_path)
    path.unlink()
    with pytest.raises(AvatarError, match="avatar.baselines.train"):
        Baselines.load(tmp_path)


def test_baselines_of_different_captures_do_not_mix(weights, tmp_path, baselines):
    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    points = baselines.mouth_points
    config = points.config.to_dict()
    store.save(tmp_path, store.MOUTH_POINTS, points.state_dict(), "somebody else", config, {})
    with pytest.raises(AvatarError, match="different captures"):
        Baselines.load(tmp_path)
