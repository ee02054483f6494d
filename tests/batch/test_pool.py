import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from avatar.batch.jobs import Job, Outcome, Task
from avatar.batch.pool import Pool, _share


@dataclass
class Toy:
    """A renderer that does what a job's text says, and leaves a line each time it begins."""

    folder: Path

    def __call__(self, task: Task) -> Outcome:
        begun = self.folder / task.job.out
        with begun.open("a") as file:
            file.write(f"{os.getpid()}\n")
        what, once = task.job.text.removesuffix(" once"), task.job.text.endswith(" once")
        what = "work" if once and len(tries(begun)) > 1 else what
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            time.sleep({"sleep": 600, "nap": 2}.get(what, 0.02))
        finally:
            begun.with_suffix(".ended").touch()
        return Outcome(task.line, task.job.out)


def tries(begun: Path) -> list[int]:
    """The processes that have begun a job."""
    return [int(pid) for pid in begun.read_text().split()] if begun.exists() else []


def tasks(*texts: str) -> list[Task]:
    return [Task(n, Job(f"{n}.mp4", text), "") for n, text in enumerate(texts, start=1)]


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_whose_worker_dies_is_done_by_another_and_given_up_the_second_time(
    tmp_path: Path,
) -> None:
    jobs = tasks("Hi.", "die", "die once", "Hi.", "Hi.")
    outcomes = {o.line: o.error for o in Pool(2)(jobs, Toy(tmp_path))}
    assert sorted(outcomes) == [1, 2, 3, 4, 5]
    assert [line for line, error in outcomes.items() if error] == [2]
    assert "ended from outside 2 times" in outcomes[2]
    begun = {line: tries(tmp_path / f"{line}.mp4") for line in outcomes}
    assert {line: len(pids) for line, pids in begun.items()} == {1: 1, 2: 2, 3: 2, 4: 1, 5: 1}
    assert len(set(begun[2])) == len(set(begun[3])) == 2
    assert not any(psutil.pid_exists(pid) for pids in begun.values() for pid in pids)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_ended_from_outside_does_not_disturb_the_others(
    tmp_path: Path, how: signal.Signals
) -> None:
    def end_the_first() -> None:
        eventually(lambda: tries(tmp_path / "1.mp4") and tries(tmp_path / "2.mp4"))
        os.kill(tries(tmp_path / "1.mp4")[0], how)

    killer = threading.Thread(target=end_the_first)
    killer.start()
    with closing(Pool(2)(tasks("sleep once", "nap"), Toy(tmp_path))) as rendered:
        outcomes = {outcome.line: outcome.error for outcome in rendered}
    killer.join()
    assert outcomes == {1: None, 2: None}
    assert [len(tries(tmp_path / name)) for name in ("1.mp4", "2.mp4")] == [2, 1]


def test_closing_breaks_off_what_is_being_done(tmp_path: Path) -> None:
    rendered = Pool(2)(tasks("sleep", "Hi."), Toy(tmp_path))
    assert next(rendered).line == 2
    eventually(lambda: tries(tmp_path / "1.mp4") != [])
    rendered.close()
    assert (tmp_path / "1.ended").exists()
    assert not psutil.pid_exists(tries(tmp_path / "1.mp4")[0])


@pytest.mark.parametrize(("cores", "count"), [(8, 3), (2, 2), (2, 1), (2, 5), (1, 2)])
def test_cores_are_shared(cores: int, count: int) -> None:
    own = list(range(10, 10 + cores))
    shares = [_share(own, index, count) for index in range(count)]
    assert all(shares) and {core for share in shares for core in share} == set(own)
    assert sum(map(len, shares)) == max(cores, count)
