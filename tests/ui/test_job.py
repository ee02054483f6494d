"""Jobs, with a program in place of the command line that does what it is told."""

import os
import signal
import subprocess
import sys
import time

import pytest

from avatar.ui import job
from avatar.ui.job import Job
from avatar.ui.worker import environment

PROGRAM = """
import json, os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
verb, *words, _, progress = sys.argv[1:]
def tell(done):
    with open(progress, "w") as file:
        json.dump({"stage": verb, "done": done, "total": 9, "seconds_left": 1.5}, file)
if verb == "fail":
    print("some noise\\navatar: This is no film.", file=sys.stderr)
    sys.exit(1)
elif verb == "crash":
    raise ZeroDivisionError("inside")
elif verb == "die":
    os.kill(os.getpid(), 9)
elif verb == "work":
    try:
        for done in range(12_000):
            tell(done)
            time.sleep(0.05)
    except KeyboardInterrupt:
        open(words[0], "w").write("kept")
        sys.exit(130)
elif verb == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tell(0)
    time.sleep(600)
elif verb == "draft":
    import tempfile
    open(words[0], "w").write(tempfile.gettempdir())
else:
    open(words[0], "w").write("done")
"""


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setattr(job, "PROGRAM", (sys.executable, "-c", PROGRAM))


def await_progress(work: Job) -> None:
    while work.running and not work.progress()[0]:
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_verbs_follow_each_other(tmp_path):
    work = Job(tmp_path, ["one", str(tmp_path / "a")], ["two", str(tmp_path / "b")])
    work.wait(120)
    assert not work.running and work.error is None and work.verb == "two"
    assert (tmp_path / "a").is_file() and (tmp_path / "b").is_file()


def test_progress_is_read_while_it_works(tmp_path):
    work = Job(tmp_path, ["work", str(tmp_path / "a")])
    await_progress(work)
    stage, done, total, left = work.progress()
    assert (stage, total, left) == ("work", 9, 1.5) and done >= 0
    work.close()


def test_a_stopped_verb_keeps_its_work_and_the_next_one_begins(tmp_path):
    work = Job(tmp_path, ["work", str(tmp_path / "a")], ["two", str(tmp_path / "b")])
    await_progress(work)
    work.stop()
    work.wait(120)
    assert work.stopped and work.error is None
    assert (tmp_path / "a").read_text() == "kept" and (tmp_path / "b").is_file()


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [("fail", "^This is no film.$"), ("crash", "^Sorry"), ("die", "want of memory")],
)
def test_what_fails_is_one_sentence_and_ends_the_job(tmp_path, verb, sentence, caplog):
    work = Job(tmp_path, [verb], ["two", str(tmp_path / "b")])
    work.wait(120)
    with pytest.raises(type(work.error), match=sentence):
        raise work.error
    assert not (tmp_path / "b").exists()
    assert ("ZeroDivisionError" in caplog.text) == (verb == "crash")


def test_a_verb_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "GRACE_S", 0.3)
    work = Job(tmp_path, ["deaf"])
    await_progress(work)
    work.stop()
    work.wait(120)
    assert not work.running and work.error is None


def test_closing_ends_all_of_it_at_once(tmp_path):
    work = Job(tmp_path, ["deaf"], ["two", str(tmp_path / "b")])
    await_progress(work)
    pid, start = work._process.pid, time.monotonic()
    work.close()
    assert time.monotonic() - start < 60 and gone(pid)
    assert not work.running and not (tmp_path / "b").exists()


def test_closing_with_grace_keeps_the_work(tmp_path):
    work = Job(tmp_path, ["work", str(tmp_path / "a")])
    await_progress(work)
    work.close(grace_s=10)
    assert (tmp_path / "a").read_text() == "kept"


WORKING = """
import time
from avatar import cli
from avatar.ui import verb
cli.main = lambda arguments: print("at work", flush=True) or time.sleep(600)
verb.main()
"""
SERVER = """
import sys, time
from pathlib import Path
from avatar.ui import job
job.PROGRAM = (sys.executable, "-c", sys.argv[1])
work = job.Job(Path(sys.argv[2]), ["train"])
while "at work" not in (work.folder / "job.log").read_text():
    time.sleep(0.05)
print(work._process.pid, flush=True)
time.sleep(600)
"""


def test_a_job_ends_with_a_server_that_is_killed(tmp_path):
    (tmp_path / "job.log").touch()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, WORKING, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    pid = int(server.stdout.readline())
    assert not gone(pid)
    server.send_signal(signal.SIGKILL)
    server.wait()
    deadline = time.monotonic() + 60
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert gone(pid)


def test_temporary_files_go_where_they_can_be_removed(tmp_path):
    before = dict(os.environ)
    work = Job(tmp_path, ["draft", str(tmp_path / "a")], scratch=tmp_path / "scratch")
    work.wait(120)
    assert (tmp_path / "a").read_text() == str(tmp_path / "scratch") and dict(os.environ) == before
