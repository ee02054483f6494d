"""A real Ray of this machine, with two workers."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from avatar.batch.cluster import Cluster
from avatar.batch.jobs import Job, Task
from avatar.batch.renderer import Renderer
from avatar.batch.run import SCRATCH, run_batch
from avatar.errors import RenderError


def kill_the_first_worker(scratch: Path, killed: list[int], ended: threading.Event) -> None:
    """As soon as it has begun the first job."""
    while not killed and not ended.wait(0.02):
        begun = scratch / "begun-1"
        if begun.exists() and (pids := begun.read_text().split()):
            os.kill(int(pids[0]), signal.SIGKILL)
            killed.append(int(pids[0]))


def test_two_workers_one_of_which_is_killed(tmp_path: Path) -> None:
    folder, jobs, killed = tmp_path / "videos", tmp_path / "jobs.jsonl", []
    ended = threading.Event()
    lines = [{"text": "Oh.", "rate": 2, "out": f"{name}.mp4"} for name in "ab"]
    lines.append({"audio": "missing.wav", "out": "c.mp4"})
    jobs.write_text("\n".join(map(json.dumps, lines)))
    killer = threading.Thread(target=kill_the_first_worker, args=(folder / SCRATCH, killed, ended))
    killer.start()
    try:
        outcomes = run_batch(jobs, folder, Cluster(workers=2))
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 1
    assert [outcome.error for outcome in outcomes] == [
        None, None, "The sound file 'missing.wav' does not exist."
    ]  # fmt: skip
    files = {f"{name}.{kind}" for name in "ab" for kind in ("mp4", "receipt.json")}
    assert {path.name for path in folder.iterdir()} == files | {"results.jsonl"}
    jobs.write_text("\n".join(map(json.dumps, lines[:2])))
    assert run_batch(jobs, folder, Cluster()) == outcomes[:2]  # nothing to do: no Ray is started


@pytest.mark.parametrize(
    ("missing", "address", "sentence"),
    [
        (True, "local", "pip install -r requirements-batch.txt"),
        (False, "127.0.0.1:1", "There is no Ray cluster at '127.0.0.1:1'"),
    ],
)
def test_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: bool, address: str, sentence: str
) -> None:
    if missing:
        monkeypatch.setitem(sys.modules, "ray", None)
    tasks = [Task(1, Job("a.mp4", "Hi."), "")]
    with pytest.raises(RenderError, match=sentence):
        next(Cluster(address)(tasks, Renderer(tmp_path, tmp_path)))
