import json
from dataclasses import replace

import pytest
from tiny_wav2vec import K, save_tiny_wav2vec

from avatar.errors import AvatarError
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.speech.features import Wav2Vec2
from avatar.training import ablation
from avatar.training.ablation import ARMS, run_arm
from avatar.training.augment import Augmentation
from avatar.training.dataset import load_capture
from avatar.training.synthetic import SyntheticSamples, make_synthetic


@pytest.fixture(scope="module")
def run(capture, tmp_path_factory):
    """A method's run whose oracle is random: arms need its synthetic pictures."""
    folder = tmp_path_factory.mktemp("run")
    oracle = Oracle(OracleConfig(widths=(8, 8), blocks=0)).eval()
    make_synthetic(capture, oracle, folder / "synthetic", 3, Augmentation(pairs_per_frame=1))
    return folder


@pytest.mark.parametrize("name", ["classical", "ours", "window_2", "oracle_whole"])
def test_an_arm_is_trained_and_says_how(name, capture, run, tmp_path, no_hub):
    folder = run_arm(name, capture, run, tmp_path, steps=2)
    facts = json.loads((folder / "arm.json").read_text())
    assert facts["arm"] == name and facts["steps"] == 2 and facts["frames"] == 3
    assert facts["question"] == ARMS[name].question
    assert len(list(folder.glob("*.safetensors"))) == 1
    if name == "window_2":
        assert facts["network"]["window"] == 2
    if name == "classical":
        assert facts["training"]["classical"] and facts["training"]["synthetic_ratio"] == 0


def test_what_cannot_be_trained_is_told(capture, tmp_path, no_hub):
    with pytest.raises(AvatarError, match="no arm 'best'; there are: none, classical, ours"):
        run_arm("best", capture, tmp_path, tmp_path)
    with pytest.raises(AvatarError, match=r"pairs\.safetensors is missing"):
        run_arm("ours", capture, tmp_path, tmp_path / "out", steps=1)


def test_wav2vec_is_listened_to(capture, run, tmp_path, fake_hub, monkeypatch):
    fake_hub.repos["org/tiny"] = save_tiny_wav2vec(tmp_path / "model")
    features = Wav2Vec2("org/tiny", "main", K)
    real = load_capture(capture, 6, features)
    mashed = SyntheticSamples(capture, run / "synthetic", 6, features)[0]
    assert real[0].window.shape == mashed.window.shape == (6, K)
    arm = replace(ARMS["wav2vec"], network={"k": K}, features=features)
    monkeypatch.setitem(ablation.ARMS, "wav2vec", arm)
    folder = run_arm("wav2vec", capture, run, tmp_path / "out", steps=1)
    facts = json.loads((folder / "arm.json").read_text())
    assert facts["network"]["k"] == K and facts["features"]["model"] == "org/tiny"
