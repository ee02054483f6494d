"""Batches with the real Mira, as people start them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from avatar.batch.jobs import Outcome, Task
from avatar.batch.renderer import Renderer
from avatar.batch.run import run_batch
from avatar.cli import main
from avatar.errors import AvatarError
from avatar.render.receipt import Receipt

ROOT = Path(__file__).resolve().parents[2]
LONG = {"text": "Somebody talks and talks, and comes to no end. " * 4, "out": "long.mp4"}


def written(path: Path, *jobs: Any) -> Path:
    lines = (job if isinstance(job, str) else json.dumps(job) for job in jobs)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def short(name: str, **more: Any) -> dict[str, Any]:
    return {"text": "Oh.", "rate": 2, "out": name, **more}


def rows(folder: Path) -> dict[int, dict[str, Any]]:
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["line"]: row for row in map(json.loads, lines)}


def here(tasks: Sequence[Task], renderer: Renderer) -> Generator[Outcome, None, None]:
    """An executor without processes."""
    yield from map(renderer, tasks)


def started(jobs: Path, folder: Path, *options: str) -> subprocess.Popen:
    program = (
        "import signal, sys; from avatar.cli import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # ignored in the background
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "speak", "--batch", str(jobs), "--out", str(folder)]
    return subprocess.Popen(
        [*command, *options], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def worker_at_work(batch: subprocess.Popen) -> psutil.Process:
    """A worker of a batch that has its encoder running: in the middle of a job."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert batch.poll() is None, batch.communicate()
        for child in psutil.Process(batch.pid).children():
            with suppress(psutil.NoSuchProcess):  # some are over in a moment, such as lscpu
                if any("ffmpeg" in grandchild.name() for grandchild in child.children()):
                    return child
        time.sleep(0.02)
    raise AssertionError("no worker has begun")


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_failures_and_a_killed_worker_do_not_stop_the_others(tmp_path: Path) -> None:
    folder, facts = tmp_path / "videos", tmp_path / "facts.json"
    jobs = written(
        tmp_path / "jobs.jsonl", short("a.mp4"), "{nonsense", short("b.mp4", text="One, two."),
        {"audio": "missing.wav", "out": "c.mp4"}, short("de/d.mp4"),
    )  # fmt: skip
    batch = started(jobs, folder, "--workers", "2", "--json", str(facts), "--clip", "still")
    killed = worker_at_work(batch)
    processes = psutil.Process(batch.pid).children(recursive=True)
    killed.kill()
    out, told = batch.communicate()
    assert batch.returncode == 1 and "3 of 5 videos are there" in out
    assert told.splitlines() == [
        "avatar: line 2: " + rows(folder)[2]["error"],
        "avatar: line 4, c.mp4: The sound file 'missing.wav' does not exist.",
    ]
    found = rows(folder)
    assert list(found) == [1, 2, 3, 4, 5] and "not JSON" in found[2]["error"]
    for line, name in ((1, "a"), (3, "b"), (5, "de/d")):
        video, receipt = folder / f"{name}.mp4", Receipt.load(folder / f"{name}.receipt.json")
        assert found[line]["ok"] and found[line]["took"] > 0 and receipt.passed
        assert found[line]["frames"] == receipt.frames == round(found[line]["seconds"] * 25)
        assert found[line]["bytes"] == video.stat().st_size
    assert json.loads(facts.read_text()) == {
        "folder": str(folder), "jobs": 5, "failed": 2, "kept": 0
    }  # fmt: skip
    assert {path.name for path in folder.iterdir()} == {
        "a.mp4", "a.receipt.json", "b.mp4", "b.receipt.json", "de", "results.jsonl"
    }  # fmt: skip
    eventually(lambda: not any(process.is_running() for process in processes))


def test_the_same_command_makes_what_is_missing_or_has_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder, rendered = tmp_path / "videos", []

    def run(*jobs: Any) -> list[int]:
        """The lines that were rendered."""
        rendered.clear()
        path = written(tmp_path / "jobs.jsonl", *jobs)
        run_batch(path, folder, here, tell=lambda outcome, *_: rendered.append(outcome.line))
        return rendered

    assert run(short("a.mp4"), short("b.mp4"), short("c.mp4", clip="none")) == [1, 2, 3]
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.mp4")}
    assert len(times) == 2 and "There is no clip 'none'" in rows(folder)[3]["error"]
    assert run(short("b.mp4"), short("a.mp4"), short("c.mp4", clip="none")) == [3]
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert [row["out"] for row in rows(folder).values()] == ["b.mp4", "a.mp4", "c.mp4"]
    (folder / "b.receipt.json").unlink()
    assert run(short("a.mp4", rate=1.9), short("b.mp4")) == [1, 2]
    assert all(path.stat().st_mtime_ns > time for path, time in times.items())
    assert main(["speak", "--batch", str(tmp_path / "jobs.jsonl"), "--out", str(folder)]) == 0
    assert "2 of 2 videos are there, 2 of them from before" in capsys.readouterr().out


def test_ctrl_c_leaves_nothing_unfinished_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    jobs = written(tmp_path / "jobs.jsonl", short("a.mp4"), LONG)
    batch = started(jobs, folder)
    eventually(lambda: batch.poll() is not None or (folder / "a.receipt.json").exists())
    worker_at_work(batch)
    processes = psutil.Process(batch.pid).children(recursive=True)
    assert len(processes) >= 2
    batch.send_signal(signal.SIGINT)
    out, told = batch.communicate()
    assert (batch.returncode, out, told) == (130, "", "avatar: interrupted\n")
    eventually(lambda: not any(process.is_running() for process in processes))
    names = {"a.mp4", "a.receipt.json", "results.jsonl"}
    assert {path.name for path in folder.iterdir()} == names
    told = []
    written(jobs, short("a.mp4"), short("b.mp4"))
    run_batch(jobs, folder, here, tell=lambda *facts: told.append(facts))
    assert [(outcome.line, done, total) for outcome, done, total in told] == [(2, 2, 2)]


def test_workers_end_with_a_batch_that_is_killed_and_the_next_one_clears_up(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "videos"
    jobs = written(tmp_path / "jobs.jsonl", LONG)
    batch = started(jobs, folder)
    worker_at_work(batch)
    processes = psutil.Process(batch.pid).children(recursive=True)
    with pytest.raises(AvatarError, match="Another batch is at work"):
        run_batch(jobs, folder, here)
    batch.kill()
    batch.communicate()
    eventually(lambda: not any(process.is_running() for process in processes))
    run_batch(written(jobs, short("a.mp4")), folder, here)
    assert {path.name for path in folder.iterdir()} == {"a.mp4", "a.receipt.json", "results.jsonl"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers", "0"], "--workers should be 1 or more"),
        (["--visemes", "v.csv"], "--visemes is for a single video"),
        (["--transcript", "Oh."], "--transcript is for a single video"),
        (["--dub", "film.mp4"], "--dub is for a single video"),
        (["--out", "jobs.jsonl"], "jobs.jsonl is a file, not a folder."),
    ],
)
def test_what_no_batch_can_do_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "jobs.jsonl", short("a.mp4"))
    assert main(["speak", "--batch", "jobs.jsonl", *options]) == 1
    told = capsys.readouterr().err
    assert told.startswith("avatar: ") and told.count("\n") == 1 and sentence in told
    assert os.listdir(tmp_path) == ["jobs.jsonl"]


def test_a_job_replaces_nothing_that_it_reads(tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"my only film")
    jobs = tmp_path / "jobs.jsonl"
    for job in ({"audio": str(mine), "out": "mine.mp4"}, short("mine.mp4", clip=str(mine))):
        outcomes = run_batch(written(jobs, job), tmp_path, here)
        assert [outcome.error for outcome in outcomes] == [
            f"{mine} is read and would be replaced: choose another name."
        ]
    assert mine.read_bytes() == b"my only film"
    own = written(tmp_path / "results.jsonl", short("a.mp4"))
    with pytest.raises(AvatarError, match="results.jsonl is read and would be replaced"):
        run_batch(own, tmp_path, here)
    with pytest.raises(AvatarError, match="jobs.jsonl is a file, not a folder"):
        run_batch(jobs, jobs, here)
