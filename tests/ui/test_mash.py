"""The handlers of the Mash tab, called as plain functions."""

import json
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from avatar.face.drawing import draw_with_mouth
from avatar.render.mashing import example
from avatar.render.receipt import Receipt, receipt_path
from avatar.ui.mash import Handlers
from avatar.ui.proof import Prover


@pytest.fixture
def handlers(backstage) -> Handlers:
    return Handlers(backstage)


@pytest.fixture
def prover(backstage) -> Prover:
    return Prover(backstage)


def test_a_frame_is_shown_as_picture_and_drawing(handlers):
    picture, drawing = handlers.frame("lively", 40.0)
    mira = handlers.backstage.identity()
    parts = (getattr(mira.clip("lively"), key)[40] for key in ("keypoints", "irises", "contour"))
    assert np.array_equal(drawing, draw_with_mouth(*parts, mira.config.style))
    assert picture.shape == (512, 512, 3) and picture.std() > 20
    moved, _ = handlers.frame("lively", 60)
    assert np.abs(moved.astype(int) - picture).max() > 30


def test_a_mash_gives_drawings_pictures_and_the_distance(handlers):
    mouth, head = example(handlers.backstage.identity())
    chosen = mouth.clip.name, mouth.index, head.clip.name, head.index
    *drawings, oracle, rendered, magnified, info, status = handlers.mash(*chosen)
    assert [d.shape for d in drawings] == [(512, 512)] * 3
    for picture in (oracle, rendered, magnified):
        assert picture.shape == (512, 512, 3) and picture.std() > 20
    assert info["pose_distance_degrees"] == pytest.approx(8, abs=2) and json.dumps(info)
    assert f"{info['pose_distance_degrees']:.1f}°" in status
    assert len(handlers.first_mash(*chosen, 1.0, "")) == 8


def test_one_sentence_over_four_motions_is_one_video(prover):
    first, *_, last = prover.prove("Oh.")
    assert first[:2] == (None, None) and "voice" in first[3]
    video, figures, preview, status = last
    assert Path(video).read_bytes()[4:8] == b"ftyp" and Path(preview).exists()
    assert 0 <= figures["spread_px"] < 8 and figures["silence_opening_px"] > 0
    assert json.dumps(figures) and "open in silence" in status
    assert Receipt.load(receipt_path(video)).line in status and figures["receipt"]["passed"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda h: h.frame("dance", 0), "no clip"),
        (lambda h: h.frame("still", -1), "frames 0 to"),
        (lambda h: h.mash("still", 0, "still", 1e6), "frames 0 to"),
        (lambda h: h.mash("still", 0, "still", 1, 9.0), "strength"),
        (lambda h: h.mash("still", 0, "still", 1, 1.0, "../x"), "no identity"),
        (lambda h: list(Prover(h.backstage).prove("  ")), "nothing to say"),
        (lambda h: list(Prover(h.backstage).prove("?!")), "no words"),
        (lambda h: list(Prover(h.backstage).prove("a" * 201)), "201 characters"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(
    handlers, jobs_left, call, sentence
):
    before = jobs_left()
    with pytest.raises(gr.Error, match=sentence) as caught:
        call(handlers)
    assert not caught.value.print_exception and jobs_left() == before


def test_an_abandoned_proof_leaves_nothing(prover, jobs_left):
    before = jobs_left()
    job = prover.prove("This is a rather long sentence, which nobody waits for.")
    while "Rendering" not in next(job)[3]:
        pass
    job.close()
    assert jobs_left() == before


def test_without_an_oracle_the_tab_says_what_is_missing(handlers, monkeypatch, tmp_path):
    avatar = handlers.backstage.avatar()
    bare = replace(avatar.identity, folder=tmp_path)
    monkeypatch.setattr(handlers.backstage, "identity", lambda name="": bare)
    monkeypatch.setattr(avatar, "identity", bare)
    assert all("update" in str(part) for part in handlers.first_mash("still", 0, "still", 1, ""))
    with pytest.raises(gr.Error, match=r"no oracle \(oracle\.safetensors.*avatar train"):
        handlers.mash("still", 0, "still", 1)
    assert handlers.frame("still", 0)[0].shape == (512, 512, 3)
