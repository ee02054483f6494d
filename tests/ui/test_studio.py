"""The tab "Your avatar": its handlers with the real verbs, and what it shows."""

import time
import zipfile
from pathlib import Path

import gradio as gr
import pytest

from avatar.identity import load_identity
from avatar.ui import workshop as workshops
from avatar.ui.backstage import Backstage
from avatar.ui.page import build, launch_options
from avatar.ui.studio import Handlers
from avatar.ui.studio_view import may_prepare, report, status, steps
from avatar.ui.workshop import Workshop

CONSENT = {"who": "Mira <b>", "agreed": "All of it.", "contact": "mira@example.org"}


@pytest.fixture
def handlers(backstage) -> Handlers:
    return Handlers(backstage)


def settled(handlers: Handlers, key: str, seconds: float = 600) -> dict:
    deadline = time.monotonic() + seconds
    while "doing" in (state := handlers.progress(key)):
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    return state


def test_from_a_film_to_an_avatar_that_speaks(handlers, mira_film, tmp_path, monkeypatch):
    monkeypatch.setattr(workshops, "MINUTES", (0.01, 240))
    state = handlers.prepare([mira_film("me.mp4")], "", **CONSENT, consent=True)
    key = state["project"]
    assert state["stage"] == "preparing" and len(key) == 32
    state = settled(handlers, key)
    assert state["stage"] == "prepared", state
    assert state["verdict"] == "refuse" and any("film" in reason for reason in state["reasons"])
    with pytest.raises(gr.Error, match="refused"):
        handlers.train(key)
    with pytest.raises(gr.Error, match="not made yet"):
        handlers.package(key)
    with pytest.raises(gr.Error, match="not made yet"):
        next(handlers.try_out(key))
    assert handlers.train(key, 0.02, anyway=True)["stage"] == "training"
    state = settled(handlers, key)
    assert state["stage"] == "ready" and "problem" not in state, state
    *_, (video, _, told) = handlers.try_out(key, "Yes.")
    assert Path(video).read_bytes()[4:8] == b"ftyp" and "real time" in told
    with zipfile.ZipFile(handlers.package(key)) as archive:
        archive.extractall(tmp_path)
    person = load_identity(tmp_path / state["name"])
    assert person.config.consent["who"] == "Mira <b>"
    assert person.config.consent["date"] == time.strftime("%Y-%m-%d")
    handlers.forget(key)
    with pytest.raises(gr.Error, match="no such project"):
        handlers.progress(key)
    with pytest.raises(gr.Error, match="no such project"):
        next(handlers.try_out(key))


def test_a_file_that_is_no_film_is_one_sentence(handlers, tmp_path):
    path = tmp_path / "holiday.mp4"
    path.write_bytes(b"These are no pictures.\n" * 100)
    key = handlers.prepare([str(path)], "", **CONSENT, consent=True)["project"]
    state = settled(handlers, key)
    assert state["stage"] == "filmed" and "holiday.mp4" in state["problem"]
    assert "<b>" in status(state) and "Traceback" not in status(state)
    handlers.forget(key)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"consent": False}, "Without consent"),
        ({"who": ""}, "nothing under 'who'"),
        ({"agreed": None}, "nothing under 'agreed'"),
        ({"contact": " "}, "nothing under 'contact'"),
        ({"who": "x" * 2001}, "too long under 'who'"),
        ({"films": None}, "one to 10 films"),
        ({"films": ["/nowhere/me.mp4"]}, "add it again"),
    ],
)
def test_what_cannot_be_prepared_is_one_sentence(handlers, arguments, sentence):
    given = {"films": ["/nowhere/me.mp4"], **CONSENT, "consent": True} | arguments
    with pytest.raises(gr.Error, match=sentence) as caught:
        handlers.prepare(**given)
    assert not caught.value.print_exception
    assert not list(handlers.workshop.home.iterdir())


@pytest.mark.parametrize("act", ["progress", "train", "stop", "package", "forget", "resume"])
@pytest.mark.parametrize("key", ["", "../../etc", "0" * 32])
def test_keys_of_nothing_are_one_sentence(handlers, act, key):
    with pytest.raises(gr.Error, match="no such project"):
        getattr(handlers, act)(key)


def test_the_button_opens_when_all_is_filled_and_ticked():
    full = (["a.mp4"], "Mira", "All of it.", "mira@example.org", True)
    assert may_prepare(*full)["interactive"]
    for n, missing in enumerate((None, "", " ", "", False)):
        assert not may_prepare(*full[:n], missing, *full[n + 1 :])["interactive"]


def test_how_far_the_work_is():
    state = {"stage": "training", "stopping": False, "doing": "", "done": 0, "total": 0}
    assert "Getting ready to train" in status(state | {"seconds_left": None})
    state |= {"doing": "renderer <i>", "done": 30, "total": 60}
    assert "Renderer &lt;i&gt;" in status(state | {"seconds_left": None})
    assert "50 %, about 45 s left" in status(state | {"seconds_left": 45.2})
    assert "about 3 min left" in status(state | {"seconds_left": 200})
    assert "Stopping" in status(state | {"seconds_left": 9, "stopping": True})


def test_the_verdict_and_its_reasons():
    marks = [{"start_s": 1.0, "end_s": 2.5, "take": "train_0", "why": "a hand"}]
    told = report({"verdict": "usable", "reasons": ["It is <dark>."], "marks": marks})
    assert "usable" in told and "It is &lt;dark&gt;." in told and "1.5 s" in told


def test_one_step_is_the_present_one():
    for stage in ("new", "filmed", "preparing", "prepared", "training", "packaging", "ready"):
        assert steps(stage).count("aria-current") == 1


def test_a_host_without_room_says_so_and_takes_small_files_alone(tmp_path):
    backstage = Backstage(workshop=Workshop(tmp_path, "There is no <room> here."))
    config = build(backstage).get_config_file()
    public = {d["api_name"] for d in config["dependencies"] if d["api_visibility"] == "public"}
    assert "speak" in public and not public & {"prepare", "train", "package", "try"}
    texts = [str(c["props"].get("value")) for c in config["components"]]
    assert any("There is no &lt;room&gt; here." in text for text in texts)
    assert launch_options(backstage)["max_file_size"] == "200mb"
