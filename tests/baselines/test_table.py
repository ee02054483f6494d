import csv
import io
import json

import numpy as np
import pytest
import torch
from fake_engine import PlainEngine

from avatar import cli_table
from avatar.baselines import speed
from avatar.baselines import table as module
from avatar.baselines.held import held
from avatar.baselines.store import Baselines
from avatar.baselines.table import make_table
from avatar.baselines.table_text import PAPER, as_csv, as_dict, as_markdown, contact_sheet
from avatar.capture.source import open_video
from avatar.errors import AvatarError, CaptureError
from avatar.identity import Identity, IdentityConfig
from avatar.metrics import subject as subject_module
from avatar.nets.renderer import Renderer, RendererConfig


class Lines(PlainEngine):
    """An engine that shows the drawing, lighter the more is said."""

    name, batch = "lines", 4

    def __call__(self, drawings, windows):
        light = 60 * windows[:, 3, 1:].sum(axis=1)
        return (drawings[..., None] // 2 + light[:, None, None, None]).clip(0, 255).repeat(
            3, axis=3
        ).astype(np.uint8)  # fmt: skip


@pytest.fixture(scope="module")
def identity():
    renderer = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    return Identity(IdentityConfig("nobody", network=renderer.config), renderer, {}, None)


@pytest.fixture(scope="module")
def quick():
    """Our renderers' engine is quick, and so is the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject_module, "make_engine", lambda *_: Lines())
        patch.setattr(speed, "PATIENCE_S", 0.01)
        patch.setattr(speed, "ROUNDS", 1)
        patch.setattr(torch.cuda, "is_available", lambda: False)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory, quick, identity, capture, baselines):
    out = tmp_path_factory.mktemp("table")
    return make_table(identity, capture, "test_a", baselines, out), out


NAMES = [
    "truth", "nobody (ours)", "ours, budget of NVP + Pix2Pix", "NVP + Pix2Pix", "nearest viseme",
    "frozen mouth", "Wav2Lip", "ours, shuffled", "ours, shifted +5", "ours, frozen",
]  # fmt: skip


def test_every_row_is_there_or_says_why_not(made):
    table, out = made
    rows = {row.name: row for row in table.rows}
    assert sorted(rows) == sorted(NAMES)
    assert [row.kind for row in table.rows] == [
        "truth", "ours", "ours", *["baseline"] * 4, *["control"] * 3
    ]  # fmt: skip
    missing = rows.pop("Wav2Lip")
    assert missing.missing.startswith("n/a: weights not found") and missing.scores is None
    assert len({row.film for row in rows.values()}) == len(rows)
    assert all((out / row.film).stat().st_size > 1000 for row in rows.values())
    film = open_video(out / rows["nearest viseme"].film)
    assert (film.frames, film.fps, film.has_sound) == (table.frames, 25, True)
    del rows["truth"]
    assert all(row.scores.frames == 5 for row in rows.values())
    assert {name for name, row in rows.items() if row.fps} == {*NAMES[1:6]}
    by_network = {name for name, row in rows.items() if row.network_fps}
    assert by_network == {NAMES[i] for i in (1, 2, 3)}
    assert rows["NVP + Pix2Pix"].engine == "openvino"  # of ours, which is not PyTorch


def test_rows_differ_by_their_words_alone(made):
    scores = {row.name: row.scores for row in made[0].rows if row.scores}
    assert scores["nobody (ours)"].psnr != scores["ours, frozen"].psnr
    assert scores["nobody (ours)"].psnr != scores["ours, shuffled"].psnr
    assert scores["nobody (ours)"] == scores["ours, budget of NVP + Pix2Pix"]  # the same lines
    assert scores["nearest viseme"].psnr > scores["nobody (ours)"].psnr + 5


def test_it_can_be_read_by_people_and_programs(made):
    table, _ = made
    text = as_markdown(table, "a toaster")
    head, _, paper = text.partition("## The paper's own Table 1")
    assert all(f"| {name} |" in head for name in NAMES) and "a toaster" in head
    assert "Not to be compared" in paper and "| Ours | 110 | 0.94 | 35.71 | 7.41 | 12.81 |" in paper
    assert "| TalkingFace | 63 | n/a | n/a | 6.45 | n/a |" in paper
    assert "mouth sync" in head and "LSE" not in head.partition("\n- ")[0]
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["row"] for row in rows] == [row.name for row in table.rows]
    for row, values in zip(table.rows, rows, strict=True):
        assert values["psnr"] == (str(row.scores.psnr) if row.scores else "")
    values = json.loads(json.dumps(as_dict(table), allow_nan=False))
    assert len(values["rows"]) == len(NAMES) and len(values["paper"]["rows"]) == len(PAPER)


def test_the_sheet_shows_the_truth_first(made, capture):
    table, _ = made
    sheet = contact_sheet(table)
    shown = len(table.shown["truth"])
    assert 2 <= shown <= 4
    assert sheet.shape == (256 * len(table.shown), 512 * shown, 3)
    assert list(table.shown)[0] == "truth" and "ours, frozen" in table.shown
    pictures = [capture.take("test_a").head_over_background(frame) for frame in range(0, 10, 2)]
    for true in table.shown["truth"]:
        assert any((true == picture).all() for picture in pictures)


def test_wav2lip_has_a_row_where_there_are_weights(
    quick, identity, capture, baselines, tmp_path, echo, monkeypatch
):
    monkeypatch.setattr(module, "_methods", lambda *_: iter(()))
    table = make_table(identity, capture, "test_a", baselines, tmp_path, wav2lip=str(echo))
    row = table.rows[1]
    assert row.name == "Wav2Lip" and row.scores.psnr > 10 and row.network_fps > 0
    assert "true film" in row.sees
    table = make_table(identity, capture, "test_a", baselines, tmp_path, wav2lip="gone.pth")
    assert "gone.pth" in table.rows[1].missing


def test_what_cannot_be_compared_is_refused(identity, capture, baselines, tmp_path):
    with pytest.raises(AvatarError, match="trained on"):
        make_table(identity, capture, "train_a", baselines, tmp_path)
    with pytest.raises(CaptureError, match="has no take"):
        make_table(identity, capture, "test_z", baselines, tmp_path)
    parts = vars(baselines) | {"subject": "somebody else"}
    with pytest.raises(AvatarError, match="somebody else.*--baselines"):
        make_table(identity, capture, "test_a", Baselines(**parts), tmp_path)


def test_a_held_film_shows_each_picture_until_the_next():
    assert list(held([2, 4, 9], 8, str)) == ["2", "2", "2", "2", "4", "4", "4", "4"]
    assert list(held([0], 3, str)) == ["0"] * 3


def test_the_verb_writes_it_all(quick, identity, capture, weights, tmp_path, monkeypatch, made):
    import argparse

    monkeypatch.setattr("avatar.identity.load_identity", lambda *_: identity)
    monkeypatch.setattr(module, "make_table", lambda *_, **__: made[0])
    parser = argparse.ArgumentParser()
    cli_table.add_verbs(parser.add_subparsers())
    arguments = ["table", str(capture.folder), "--baselines", str(weights), "--out", str(tmp_path)]
    options = parser.parse_args(arguments)
    assert options.run(options)["take"] == "test_a"
    assert "# Table 1 anew: nobody on test_a" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.csv").exists() and (tmp_path / "table.png").stat().st_size > 1000
