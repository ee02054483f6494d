"""A real Ray of this machine, with two workers."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from avatar.batch.cluster import Cluster, claim_cores
from avatar.batch.jobs import Job, Task
from avatar.batch.renderer import Renderer
from avatar.batch.run import SCRATCH, run_batch
from avatar.errors import RenderError


def kill_the_first_worker(
    scratch: Path, killed: list[int], cores: list[int], ended: threading.Event
) -> None:
    """As soon as it has begun the first job; tells which it was, and where it might run."""
    while not killed and not ended.wait(0.02):
        begun = scratch / "begun-1"
        if begun.exists() and (pids := begun.read_text().split()):
            killed.append(int(pids[0]))
            cores.extend(psutil.Process(killed[0]).cpu_affinity())
            os.kill(killed[0], signal.SIGKILL)


def test_two_workers_one_of_which_is_killed(tmp_path: Path) -> None:
    folder, jobs, killed, cores = tmp_path / "videos", tmp_path / "jobs.jsonl", [], []
    ended = threading.Event()
    lines = [{"text": "Oh.", "rate": 2, "out": f"{name}.mp4"} for name in "ab"]
    lines.append({"audio": "missing.wav", "out": "c.mp4"})
    jobs.write_text("\n".join(map(json.dumps, lines)))
    arguments = folder / SCRATCH, killed, cores, ended
    killer = threading.Thread(target=kill_the_first_worker, args=arguments)
    killer.start()
    try:
        outcomes = run_batch(jobs, folder, Cluster(workers=2))
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 1 and len(cores) == max(len(os.sched_getaffinity(0)) // 2, 1)
    assert [outcome.error for outcome in outcomes] == [
        None, None, "The sound file 'missing.wav' does not exist."
    ]  # fmt: skip
    files = {f"{name}.{kind}" for name in "ab" for kind in ("mp4", "receipt.json")}
    assert {path.name for path in folder.iterdir()} == files | {"results.jsonl"}
    jobs.write_text("\n".join(map(json.dumps, lines[:2])))
    assert run_batch(jobs, folder, Cluster()) == outcomes[:2]  # nothing to do: no Ray is started


def test_workers_of_one_machine_claim_cores_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept: list[set[int]] = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 6, 7}, raising=False)
    setter = lambda pid, cores: kept.append(set(cores))  # noqa: E731
    monkeypatch.setattr("os.sched_setaffinity", setter, raising=False)
    first, second = claim_cores(2), claim_cores(2)
    assert kept == [{0, 1}, {2, 6}]
    assert claim_cores(2) == [] and len(kept) == 2  # one is left: better all than that one
    del first
    third = claim_cores(2)
    assert kept[2:] == [{0, 1}] and len(second) == len(third) == 2


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
