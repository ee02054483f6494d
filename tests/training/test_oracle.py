from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from avatar.errors import AvatarError
from avatar.face.drawing import DrawingStyle
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.nets.pixels import unit
from avatar.training.dataset import load_capture, oracle_drawings
from avatar.training.losses import LossWeights
from avatar.training.oracle import OracleTrainer, OracleTraining, load_oracle, train_oracle
from avatar.training.pictures import PictureSchedule

SMALL = OracleConfig(widths=(8, 8), blocks=1)
SCHEDULE = PictureSchedule(4, warmup=1, log_every=2, sample_every=4, save_every=2, adversary=0.5)
TRAINING = OracleTraining(SCHEDULE, LossWeights(width=4))


def test_both_networks_are_trained_in_turn_and_loaded(capture, tmp_path, no_hub):
    samples = load_capture(capture, 1)
    mouth, head = (t.weights_path for t in train_oracle(samples, tmp_path, TRAINING, SMALL))
    oracle = load_oracle(tmp_path, SMALL)
    for part, path in (("mouth", mouth), ("head", head)):
        stored, loaded = load_file(path), getattr(oracle, part).state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in stored.items())
    drawn = oracle_drawings(samples[0], capture.mouth_box, DrawingStyle())
    pictures = oracle(*(unit(drawn[key])[None] for key in ("drawing", "mouth_drawing")))
    assert all(p.shape == (1, 3, 512, 512) and p.abs().max() <= 1 for p in pictures)


def test_the_mouth_comes_first(capture, tmp_path, no_hub):
    with pytest.raises(AvatarError, match="trained after its mouth"):
        OracleTrainer("head", load_capture(capture, 1), tmp_path, TRAINING, SMALL)
    with pytest.raises(AvatarError, match=r"not trained yet: mouth\.safetensors"):
        load_oracle(tmp_path, SMALL)


def test_the_head_network_sees_the_mouth_picture_and_does_not_change_it(capture, tmp_path, no_hub):
    mouth = train_oracle(load_capture(capture, 1), tmp_path, TRAINING, SMALL)[0].weights_path
    before = mouth.read_bytes()
    more = replace(TRAINING, schedule=replace(SCHEDULE, steps=6))
    trainer = OracleTrainer("head", load_capture(capture, 1), tmp_path / "head", more, SMALL, mouth)
    assert trainer.step == 4
    trainer.train()
    stored = load_file(mouth)
    assert all(torch.equal(trainer.oracle.mouth.state_dict()[k], v) for k, v in stored.items())
    assert mouth.read_bytes() == before


def test_the_mouth_is_pasted_at_its_box():
    oracle = Oracle(replace(SMALL, mouth_box=(100, 200, 128, 128)))
    drawing, mouth = torch.zeros(1, 1, 512, 512), torch.full((1, 3, 512, 512), 0.25)
    canvas = oracle.composite(drawing, mouth)
    inside = canvas[..., 200:328, 100:228]
    assert torch.allclose(inside, torch.tensor(0.25))
    assert (canvas == -1).sum() == canvas.numel() - inside.numel()


def test_config_survives_json_and_refuses_nonsense():
    assert OracleConfig.from_dict(SMALL.to_dict()) == SMALL
    for wrong in ({"depth": 3}, {"widths": [0, 8]}, {"widths": [8]}, {"blocks": 99},
                  {"mouth_box": [400, 400, 192, 192]}):  # fmt: skip
        with pytest.raises(ValueError, match="unknown|expected"):
            OracleConfig.from_dict(wrong)
