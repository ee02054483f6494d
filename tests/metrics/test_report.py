import json
import sys
from dataclasses import asdict
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from fake_capture import make_capture
from fake_engine import QuickEngine
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from avatar.capture.layout import Capture
from avatar.cli import main
from avatar.errors import AvatarError
from avatar.identity import Identity, load_identity
from avatar.metrics import arms as arms_module
from avatar.metrics import evaluate, measure, perceptual, subject
from avatar.metrics.arms import find_arms
from avatar.metrics.chart import histogram, line_chart
from avatar.metrics.oracle import hierarchy, score_oracle, shrunk_mouth
from avatar.metrics.report_text import as_markdown, table
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.training.ablation import ARMS

NARROW = OracleConfig(widths=(4, 4), blocks=0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    takes = {"test_a": range(0, 12, 3), "train_0": range(3)}
    return Capture.load(make_capture(tmp_path_factory.mktemp("captures") / "cartoon", takes))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two arms of renderers, one of them unfinished, the oracle of Fig. 3, and a table of pairs."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    config = RendererConfig.table_exact()
    weights = {"none": ("renderer", Renderer(config), {"network": config.to_dict()})}
    weights["oracle_whole"] = ("whole", Oracle(NARROW).head, {"oracle": NARROW.to_dict()})
    for name, (kept, network, facts) in weights.items():
        arm = folder / "ablation" / name
        arm.mkdir(parents=True)
        save_file(network.state_dict(), arm / f"{kept}.safetensors")
        (arm / "arm.json").write_text(json.dumps(facts | {"steps": 7, "seconds": 90, "seed": 0}))
    (folder / "ablation" / "ours").mkdir()
    (folder / "ablation" / "ours" / "state_00000010").mkdir()
    table = folder / "method" / "synthetic" / "pairs.safetensors"
    table.parent.mkdir(parents=True)
    distance = np.linspace(0, 20, 41, dtype=np.float32)
    save_arrays({"distance": distance}, table, {"facts": json.dumps({"pairs_per_frame": 10})})
    return folder


@pytest.fixture(scope="module")
def out(capture, runs, tmp_path_factory):
    """A report of pictures that cost nothing."""
    out = tmp_path_factory.mktemp("new") / "deep" / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "make_engine", lambda *_: QuickEngine())
        patch.setattr(measure, "COUNT", 2)
        patch.setattr(Identity, "has_oracle", False)  # a hundred times the time of all the rest
        arguments = ["report", "mira", str(capture.folder), "--runs", str(runs)]
        assert main([*arguments, "--out", str(out)]) == 0
    return out


def test_a_report_from_the_command_line(out):
    names = {path.name for path in out.iterdir()}
    pictures = {"contact.png", "silence.png", "silence_opening.png", "pose_distance.png"}
    assert names == {"report.md", "report.json"} | pictures
    data = json.loads((out / "report.json").read_text())
    measured = data["measurement"]
    assert measured["silence_opening_px"] == measured["silence"][0]["rendered"]["mean_px"]
    assert measured["leak_head_px"] == measured["leaks"]["head"]["mean_px"]
    assert set(data["arms"]) == {"none", "oracle_whole"} and set(data["oracles"]) == {"head alone"}
    assert (data["synthetic"]["pairs"], data["synthetic"]["mean_degrees"]) == (41, 10)
    text = (out / "report.md").read_text()
    for name in pictures:
        assert f"![{name[:-4]}]({name})" in text
        assert cv2.imread(str(out / name)).std() > 1
    # The identity and the one arm of Fig. 8 that was trained.
    assert cv2.imread(str(out / "silence.png")).shape == (4 * 256, 6 * 256, 3)
    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()}
    assert "| 7 (too few) | 0.03 |" in rows["none"] and "ablate CAPTURE none --run" in rows["none"]
    for name in set(ARMS) - {"none", "oracle_whole"}:
        assert "| not run |" in rows[name]
    assert "| not run |" in rows["mouth first, then head"] and "n/a: weights not found" in text


def test_a_report_without_trainings_says_what_was_not_run(out):
    data = json.loads((out / "report.json").read_text())
    text = as_markdown(data | {"arms": {}, "oracles": {}, "synthetic": {}}, [])
    assert "## Synthetic data\n\nnot run: " in text
    assert text.count("| not run |") == len(ARMS) - 1 + 2


def test_perceptual_distances_are_shown_where_they_are_known(out):
    data = json.loads((out / "report.json").read_text())
    for row in data["images"].values():
        row |= {"lpips": 0.12345, "mouth_lpips": 0.2}
    assert "whole frame 0.1235, mouth box 0.2000" in as_markdown(data, [])


def test_arms_are_ready_to_render(runs, monkeypatch):
    seen = []
    monkeypatch.setattr(
        arms_module.Subject, "of", lambda identity: seen.append(identity) or "subject"
    )
    arm = find_arms(runs / "ablation")["none"]
    assert arm.renders and arm.subject({"still": "a clip"}) == "subject"
    assert seen[0].clips == {"still": "a clip"}
    assert seen[0].renderer.config == RendererConfig.table_exact()
    assert not seen[0].renderer.training


def test_damaged_arms_are_named(runs, tmp_path):
    arm = tmp_path / "none"
    arm.mkdir()
    (arm / "renderer.safetensors").write_bytes(b"cut short")
    (arm / "arm.json").write_text(json.dumps({"network": RendererConfig().to_dict()}))
    with pytest.raises(AvatarError, match="none is damaged: delete it and train it again"):
        find_arms(tmp_path)["none"].subject({})
    (arm / "arm.json").write_text("{")
    with pytest.raises(AvatarError, match="arm.json is damaged"):
        find_arms(tmp_path)
    assert find_arms(tmp_path / "nowhere") == {}


def test_oracles_beside_the_truth(capture):
    torch.manual_seed(0)
    oracle = Oracle(NARROW).eval()
    for draw in (hierarchy(oracle), shrunk_mouth(oracle)):
        score = score_oracle(draw, capture)
        assert score.frames == 4 and 0 < score.mouth_psnr < 30 and score.sharpness > 0
    frames = iter(capture.take("test_a").rendered)

    def truth(*_):
        picture = capture.take("test_a").head_over_background(next(frames))
        return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1

    score = score_oracle(truth, capture)
    assert score.mouth_psnr == float("inf") and score.sharpness == pytest.approx(1)


def test_perceptual_distance_where_its_weights_are_at_hand(capture, tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "make_engine", lambda *_: QuickEngine())
    perceptual.perceptual_distance.cache_clear()
    assert perceptual.perceptual_distance() is None
    perceptual.perceptual_distance.cache_clear()

    class Lpips(torch.nn.Module):
        def __init__(self, net, verbose):
            super().__init__()
            assert net == "alex"

        def forward(self, a, b):
            assert a.shape[:2] == (1, 3) and -1 <= a.min() and a.max() <= 1
            return (a - b).abs().mean()[None]

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Lpips, __spec__="here"))
    monkeypatch.setattr(perceptual, "find_spec", lambda name: name == "lpips")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / perceptual.TRUNK).touch()
    row = asdict(evaluate.evaluate(load_identity("mira"), capture, "test_a"))
    perceptual.perceptual_distance.cache_clear()
    assert 0 < row["lpips"] < 2 and row["mouth_lpips"] != row["lpips"]


def test_charts_show_what_they_are_given():
    low, high = (line_chart({"a": [v] * 9}, "t", "x", "y") for v in (1, 1))
    assert low.shape == (360, 960, 3) and np.array_equal(low, high)
    two = line_chart({"a": [0, 10, 0], "b": [5, 5, 5]}, "t", "x", "y")
    assert not np.array_equal(two, line_chart({"a": [0, 10, 0]}, "t", "x", "y"))
    counts = histogram([1, 1, 1, 9], "t", "x", bins=10)
    high = (counts == (31, 119, 180)).all(axis=2).sum(axis=0)
    first, last = high[150:220], high[-90:-30]  # 1 and 9 of 10
    assert np.median(first) == pytest.approx(3 * np.median(last), abs=4) and np.median(last) > 50
    assert not high[400:700].any()


def test_table_cells():
    text = table(("a", "b"), [(1.23456, None), (float("inf"), "x")])
    assert text.splitlines() == ["| a | b |", "| --- | --- |", "| 1.235 | n/a |", "| inf | x |"]
