"""A lite renderer is taught by the command, goes on where it stopped, and comes into the bundle."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avatar.cli import main
from avatar.errors import AvatarError
from avatar.identity import load_identity, read_bundle
from avatar.nets.renderer import Renderer
from avatar.training import distill as module
from avatar.training.schedule import Schedule

BUNDLE = Path(__file__).parents[2] / "checkpoints/mira"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of Mira without a lite renderer."""
    without = shutil.ignore_patterns("lite.safetensors", "oracle.safetensors")
    return Path(shutil.copytree(BUNDLE, tmp_path / "mira", ignore=without))


def test_the_command_teaches_and_goes_on(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def distilled(steps: int) -> dict:
        schedule = Schedule(steps, batch=1, learning_rate=1e-3, warmup=1, constant=1, log_every=1,
                            sample_every=4)  # fmt: skip
        monkeypatch.setattr(module, "SCHEDULE", schedule)
        facts, run = tmp_path / "facts.json", tmp_path / "run"
        assert main(["distill", str(bundle), "--run", str(run), "--json", str(facts)]) == 0
        return json.loads(facts.read_text())

    first = distilled(2)
    again = distilled(12)
    assert (first["steps"], again["steps"]) == (2, 12)
    assert 5 < first["psnr"] < again["psnr"] < 40 and 5 < again["mouth_psnr"] < 40
    assert (tmp_path / "run/samples_000004.jpg").is_file()
    lite = read_bundle(bundle).lite()
    anew = module.Distiller(read_bundle(bundle), tmp_path / "anew", Schedule(1))
    assert anew.teacher.name == "openvino"  # not what it taught before
    other = replace(read_bundle(bundle), renderer=Renderer(lite.config))
    with pytest.raises(AvatarError, match="trains something else"):
        module.Distiller(other, tmp_path / "run", module.SCHEDULE)
    with pytest.raises(AvatarError, match="copy of the Hub's"):
        module.distill(replace(other, revision="0" * 40), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert lite is not None and Path(again["path"]) == bundle / "lite.safetensors"
    kept = tmp_path / "cli.mp4"
    assert main(["speak", "--text", "Oh.", "--identity", str(bundle), "--engine", "lite",
                 "--out", str(kept)]) == 0  # fmt: skip
    assert kept.stat().st_size > 1000


def test_heads_are_those_of_clips_and_of_the_training() -> None:
    mira = load_identity("mira")
    heads = module.heads(mira)
    assert len(heads) == sum(map(len, mira.clips.values())) + len(mira.seen())
    assert all(part.shape[-1] == 2 for part in heads[-1])
    assert len(module.heads(replace(mira, folder=Path("nowhere")))) < len(heads)


def test_what_is_said_moves_the_mouth_more_and_less() -> None:
    mira = load_identity("mira")
    said = module.said(mira)
    assert said.shape[1:] == (6, 34) and len(said) > 3000
    assert torch.isfinite(torch.from_numpy(said)).all()


def test_one_decoder_cannot_teach(tmp_path: Path) -> None:
    mira = load_identity("mira")
    network = replace(mira.config.network, mouth_decoder=False)
    one = replace(mira, config=replace(mira.config, network=network))
    with pytest.raises(AvatarError, match="with a mouth decoder alone"):
        module.distill(one, tmp_path / "run")
