"""A real Ray of this machine, with two workers."""

import json
import sys
import threading
from pathlib import Path

import psutil
import pytest

from avatar.batch.cluster import Cluster
from avatar.batch.jobs import Job, Task
from avatar.batch.renderer import Renderer
from avatar.batch.run import run_batch
from avatar.errors import RenderError


def kill_a_worker_at_work(killed: list[int], ended: threading.Event) -> None:
    """Once, as soon as one has its encoder running."""
    while not ended.wait(0.02):
        for process in psutil.process_iter(["name", "ppid"]):
            if "ffmpeg" in process.info["name"] and _is_ray(process.info["ppid"]):
                psutil.Process(process.info["ppid"]).kill()
                killed.append(process.info["ppid"])
                return


def _is_ray(pid: int) -> bool:
    try:
        return psutil.Process(pid).name().startswith("ray::")
    except psutil.Error:
        return False


def test_two_workers_one_of_which_is_killed(tmp_path: Path) -> None:
    folder, jobs, killed = tmp_path / "videos", tmp_path / "jobs.jsonl", []
    ended = threading.Event()
    lines = [{"text": "Oh.", "rate": 2, "out": f"{name}.mp4"} for name in "ab"]
    lines.append({"audio": "missing.wav", "out": "c.mp4"})
    jobs.write_text("\n".join(map(json.dumps, lines)))
    killer = threading.Thread(target=kill_a_worker_at_work, args=(killed, ended))
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
