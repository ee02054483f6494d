"""Projects, with a program in place of the command line that leaves what the verbs would."""

import json
import os
import sys
import time
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest

from avatar.errors import AvatarError, BundleError
from avatar.training.consent import Consent
from avatar.ui import job, room
from avatar.ui.project import Project
from avatar.ui.workshop import KEPT_S, OFF, Workshop, open_workshop

CONSENT = Consent("Zoë Q. Müller", "An avatar is made.", "2026-01-31", "zoe@example.org")
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
verb, arguments = sys.argv[1], sys.argv[2:]
after = lambda name: Path(arguments[arguments.index(name) + 1])
try:
    if verb == "prepare":
        films = [Path(a) for a in arguments if "/films/" in a]
        capture = films[0].parents[2] / "capture"
        if "slow" in films[0].name:
            after("--progress").write_text(
                '{"stage": "Reading", "done": 1, "total": 4, "seconds_left": 130}')
            time.sleep(600)
        (capture / "report").mkdir(parents=True)
        verdict = "refuse" if "short" in films[0].name else "usable"
        words = after("--transcript").read_text() if "--transcript" in arguments else ""
        (capture / "capture.json").write_text(json.dumps(
            {"verdict": verdict, "reasons": ["58 s are short."], "marks": [], "words": words}))
    elif verb == "train":
        run = after("--run")
        (run / "renderer").mkdir(parents=True)
        (run / "said.json").write_text(json.dumps(arguments))
        time.sleep(float(arguments[arguments.index("--minutes") + 1]))
    else:
        consent = json.loads(after("--consent").read_text())
        after("--out").mkdir()
        (after("--out") / "config.json").write_text(json.dumps(consent))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "PROGRAM", (sys.executable, "-c", PROGRAM))
    workshop = Workshop(tmp_path / "home")
    yield workshop
    workshop.close()


@pytest.fixture
def film(tmp_path):
    """A function that makes an upload of a name."""

    def film(name: str = "me.mp4") -> str:
        path = tmp_path / "uploads" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"film")
        return str(path)

    return film


def settled(workshop: Workshop, project: Project) -> dict:
    deadline = time.monotonic() + 120
    while (state := workshop.state(project)).get("doing") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return state


def at_work(workshop: Workshop, project: Project, said: str) -> dict:
    deadline = time.monotonic() + 120
    while said not in str(state := workshop.state(project)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return state


def test_from_a_film_to_a_zip(workshop, film, tmp_path):
    upload = film()
    project = workshop.begin([upload], "Hello there.", CONSENT)
    assert not Path(upload).exists() and project.films[0].read_bytes() == b"film"
    state = settled(workshop, project)
    assert (state["stage"], state["verdict"], state["reasons"]) == (
        "prepared", "usable", ["58 s are short."]
    )  # fmt: skip
    assert project.capture["words"] == "Hello there."
    with pytest.raises(BundleError, match="not made yet"):
        project.archive(tmp_path)
    workshop.train(project, 1)
    state = settled(workshop, project)
    assert state["stage"] == "ready" and state["name"] == "zoe-q-muller"
    consent = json.loads((project.bundle / "config.json").read_text())
    assert consent == asdict(CONSENT)
    assert workshop.bundle(project.key) == project.bundle
    with zipfile.ZipFile(project.archive(tmp_path / "new")) as archive:
        assert archive.namelist() == ["zoe-q-muller/config.json"]


@pytest.mark.parametrize("left", [None, "{}", '{"who": "Zoë"}', "no json"])
def test_nothing_is_trained_without_consent(workshop, film, left):
    project = workshop.begin([film()], "", CONSENT)
    settled(workshop, project)
    project.consent_path.unlink()
    if left is not None:
        project.consent_path.write_text(left)
    with pytest.raises(AvatarError, match="consent record"):
        workshop.train(project, 1)
    assert not project.run_path.exists()


def test_refused_films_are_trained_on_only_if_that_is_wanted(workshop, film):
    project = workshop.begin([film("short.mp4")], "", CONSENT)
    assert settled(workshop, project)["verdict"] == "refuse"
    with pytest.raises(AvatarError, match="refused"):
        workshop.train(project, 1)
    workshop.train(project, 1, anyway=True)
    settled(workshop, project)
    assert "--force" in json.loads((project.run_path / "said.json").read_text())


def test_one_at_a_time(workshop, film):
    first = workshop.begin([film("slow.mp4")], "", CONSENT)
    assert at_work(workshop, first, "Reading")["stage"] == "preparing"
    upload = film()
    with pytest.raises(AvatarError, match="one at a time, for about 2 min more"):
        workshop.begin([upload], "", CONSENT)
    assert Path(upload).exists()
    workshop.stop(first)
    assert settled(workshop, first)["stage"] == "filmed"
    assert settled(workshop, workshop.begin([upload], "", CONSENT))["stage"] == "prepared"


def test_a_stopped_training_becomes_an_avatar(workshop, film):
    project = workshop.begin([film()], "", CONSENT)
    settled(workshop, project)
    workshop.train(project, 60)
    while not (project.run_path / "said.json").exists():
        time.sleep(0.05)
    workshop.stop(project)
    assert settled(workshop, project)["stage"] == "ready"


def test_whoever_forgets_leaves_nothing(workshop, film):
    project = workshop.begin([film("slow.mp4")], "", CONSENT)
    at_work(workshop, project, "Reading")
    workshop.forget(project)
    assert not list(workshop.home.iterdir())
    with pytest.raises(AvatarError, match="no such project"):
        workshop.project(project.key)


@pytest.mark.parametrize("key", ["", "../..", "x" * 32, "0" * 32, None])
def test_keys_of_nothing(workshop, key):
    with pytest.raises(AvatarError, match="no such project"):
        workshop.project(key)


@pytest.mark.parametrize(
    ("films", "words", "sentence"),
    [(0, "", "one to 10"), (11, "", "one to 10"), (2, "Hello.", "goes with one film")],
)
def test_what_cannot_be_begun(workshop, film, films, words, sentence):
    with pytest.raises(AvatarError, match=sentence):
        workshop.begin([film(f"{n}.mp4") for n in range(films)], words, CONSENT)


def test_an_upload_that_is_gone_is_asked_for_again(workshop, tmp_path):
    with pytest.raises(AvatarError, match="gone.mp4 is here no more"):
        workshop.begin([str(tmp_path / "gone.mp4")], "", CONSENT)
    assert not list(workshop.home.iterdir())


def test_old_projects_are_swept(workshop, film):
    old, new = (workshop.begin([film()], "", CONSENT), None)
    settled(workshop, old)
    new = workshop.begin([film("slow.mp4")], "", CONSENT)
    at_work(workshop, new, "Reading")
    for project in (old, new):
        os.utime(project.folder, (0, time.time() - KEPT_S - 60))
    (workshop.home / "somebody-else").mkdir()
    workshop.sweep()
    assert not old.folder.exists()
    assert new.folder.exists()  # somebody's work is going on
    assert (workshop.home / "somebody-else").exists()


def test_a_full_disk_is_told(workshop, film, monkeypatch):
    monkeypatch.setattr(room, "disk_gb", lambda folder: 0.2)
    with pytest.raises(AvatarError, match="disk"):
        workshop.begin([film()], "", CONSENT)


def test_a_closed_workshop_says_why(tmp_path, film):
    workshop = Workshop(tmp_path, "It is closed.")
    for act in (lambda: workshop.begin([film()], "", CONSENT), lambda: workshop.project("0" * 32)):
        with pytest.raises(AvatarError, match="^It is closed.$"):
            act()


def test_the_flag_shuts_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert open_workshop(training=False).obstacle == OFF


def test_room_depends_on_memory_and_place(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "memory_gb", lambda: 16.0)
    assert room.obstacle(tmp_path / "new") is None
    (tmp_path / "file").touch()
    assert "no folder" in room.obstacle(tmp_path / "file" / "x")
    monkeypatch.setattr(room, "memory_gb", lambda: 2.0)
    assert "2 GB of memory" in room.obstacle(tmp_path)
    monkeypatch.setenv("SPACE_ID", "somebody/avatar")
    assert "Space" in room.obstacle(room.home())


def test_a_container_limits_the_memory(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(room, "LIMITS", (str(limit),))
    whole = room.memory_gb()
    limit.write_text("max\n")
    assert room.memory_gb() == whole
    limit.write_text(str(2**29))
    assert room.memory_gb() == 0.5
