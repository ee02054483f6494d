"""The loop that all trainings share, and what may go wrong in it."""

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from trained_line import Line, schedule

from avatar.errors import AvatarError
from avatar.training import state as room
from avatar.training.records import Records
from avatar.training.schedule import Schedule
from avatar.training.trainer import MOST_BAD


def states(run: Path) -> list[str]:
    return sorted(path.name for path in run.iterdir() if "state" in path.name)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_learns_and_leaves_its_files(tmp_path: Path) -> None:
    line = Line(tmp_path / "run", schedule(400, learning_rate=0.02))
    assert line.train() == tmp_path / "run" / "line.safetensors"
    errors = [json.loads(row["losses"])["error"] for row in rows(tmp_path / "run")]
    assert len(errors) == 200 and errors[-1] < errors[0] / 10
    assert states(tmp_path / "run") == ["state_00000400"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"samples_000004.jpg", "tensorboard", "line.safetensors"} <= names


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    whole = Line(tmp_path / "whole", schedule(12)).train()
    Line(tmp_path / "half", schedule(6)).train()
    half = Line(tmp_path / "half", schedule(12))
    assert half.step == 6 and half.seconds > 0
    half.train()
    one, other = load_file(whole), load_file(half.weights_path)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert [row["step"] for row in rows(tmp_path / "half")] == ["2", "4", "6", "8", "10", "12"]


def test_a_run_that_is_done_changes_nothing(tmp_path: Path) -> None:
    Line(tmp_path, schedule(4)).train()
    state = tmp_path / "state_00000004" / "000.safetensors"
    before = state.stat().st_mtime_ns
    Line(tmp_path, schedule(4)).train()
    assert state.stat().st_mtime_ns == before


def test_a_batch_that_is_no_number_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, schedule(6))
    line.poisoned = frozenset({2, 3})
    line.train()
    assert "step 2 is left out" in caplog.text and line.step == 6
    assert all(p.isfinite().all() for p in load_file(line.weights_path).values())


def test_batches_that_stay_no_number_end_the_run_in_a_sentence(tmp_path: Path) -> None:
    line = Line(tmp_path, schedule(40))
    line.poisoned = frozenset(range(4, 40))
    with pytest.raises(AvatarError, match=f"not a number for {MOST_BAD} batches"):
        line.train()
    assert all(p.isfinite().all() for p in load_file(line.weights_path).values())
    assert Line(tmp_path, schedule(40)).train().exists(), "the run cannot go on"


def test_a_full_disk_keeps_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, schedule(12))
    calls = []

    def full(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > 1:  # the state of step 4 has found room
            raise OSError(28, "No space left on device")
        real(*arguments)

    real = room.save_file
    monkeypatch.setattr(room, "save_file", full)
    with pytest.raises(AvatarError, match=r"No space left.* step 4 stands: make room"):
        line.train()
    monkeypatch.undo()
    assert states(tmp_path) == ["state_00000004"]
    again = Line(tmp_path, schedule(12))
    assert again.step == 4
    again.train()


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    Line(tmp_path, schedule(4)).train()
    (tmp_path / "state_00000004" / "000.safetensors").write_bytes(b"\x00" * 9)
    with pytest.raises(AvatarError, match="state_00000004 is damaged"):
        Line(tmp_path, schedule(4))


def test_a_run_of_another_network_is_refused(tmp_path: Path) -> None:
    Line(tmp_path, schedule(4)).train()
    with pytest.raises(AvatarError, match="trains something else"):
        Line(tmp_path, schedule(4), width=5)


@pytest.mark.parametrize("left", ["", "step,sec", "step,seconds\n1,2\n99999,3\n4", "\x00\x00"])
def test_a_log_cut_short_does_not_matter(tmp_path: Path, left: str) -> None:
    tmp_path.joinpath("log.csv").write_text(left)
    Line(tmp_path, schedule(4)).train()
    steps = [row.partition(",")[0] for row in tmp_path.joinpath("log.csv").read_text().split()]
    assert [step for step in steps if step.isdecimal()][-2:] == ["2", "4"]
    assert "99999" not in steps and "step" in steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_first(tmp_path: Path, number: signal.Signals) -> None:
    line = Line(tmp_path, schedule(10_000, save_every=9_999))
    before = signal.getsignal(number)
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    with pytest.raises(KeyboardInterrupt):
        line.train()
    assert 0 < line.step < 9_999 and states(tmp_path) == [f"state_{line.step:08d}"]
    assert signal.getsignal(number) == before
    assert Line(tmp_path, schedule(10_000)).step == line.step


KILLED = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from trained_line import Line, schedule
from avatar.training import state as room

real, calls = room.{function}, []
def killing(*arguments):
    calls.append(arguments)
    if len(calls) == {call}:
        os.kill(os.getpid(), 9)
    return real(*arguments)
room.{function} = killing
Line(Path({run!r}), schedule(12)).train()
"""


@pytest.mark.parametrize(
    ("function", "call", "step"), [("save_file", 2, 4), ("saved_states", 3, 8), ("save_file", 3, 8)]
)
def test_a_process_killed_while_it_saves_loses_nothing(
    tmp_path: Path, function: str, call: int, step: int
) -> None:
    """Killed while the state of step 8 is written, before the one before is deleted, and while
    that of step 12 is written."""
    paths = [str(Path(__file__).parents[n]) for n in (2, 1)]
    script = KILLED.format(paths=paths, function=function, call=call, run=str(tmp_path))
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr
    line = Line(tmp_path, schedule(12))
    assert line.step == step
    assert not list(tmp_path.glob(".state.*"))
    line.train()
    whole = Line(tmp_path / "whole", schedule(12)).train()
    one, other = load_file(whole), load_file(line.weights_path)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_picture_that_cannot_be_read_ends_the_run_and_keeps_its_steps(tmp_path: Path) -> None:
    class Holed(Line):
        def batch(self, step: int) -> dict[str, Tensor]:
            if step == 7:
                raise AvatarError("picture 7 is damaged")
            return super().batch(step)

    line = Holed(tmp_path, schedule(12))
    with pytest.raises(AvatarError, match="picture 7 is damaged"):
        line.train()
    assert states(tmp_path) == ["state_00000007"]
    assert Line(tmp_path, schedule(12)).train().exists()


def test_a_log_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Records, "add", full)
    with pytest.raises(AvatarError, match="No space left.*none was saved yet"):
        Line(tmp_path, schedule(12)).train()


def test_a_training_that_is_given_time_ends_with_it_and_goes_on_with_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(Line, "clock", lambda self: next(ticks) / 50)
    shares: list[float] = []
    line = Line(tmp_path, schedule(4))
    line.train(shares.append, limit=0.5)
    assert line.step > 4, "ended with its steps"
    assert line.seconds == pytest.approx(0.5)
    assert shares == sorted(shares) and 0 < shares[0] < 0.5 and shares[-1] == 1
    assert len(list(tmp_path.glob("samples_*.jpg"))) >= 4
    first, rate = line.step, line.learning_rate("line")
    again = Line(tmp_path, schedule(4))
    again.train(limit=0.4)
    assert again.step == first, "its time is over"
    again.train(limit=1.0)
    assert again.step > first and rate < again.schedule.learning_rate / 10


def test_the_average_follows_a_short_training(tmp_path: Path) -> None:
    """With the decay of a long one it would still be where it began."""
    line = Line(tmp_path, schedule(60, learning_rate=0.05, ema=0.999))
    began = [p.clone() for p in line.average.module.parameters()]
    line.train()
    parts = zip(began, line.average.module.parameters(), line.networks["line"].parameters(),
                strict=True)  # fmt: skip
    behind = [(after - now).norm() / (after - old).norm() for old, now, after in parts]
    assert max(behind) < 0.4


def test_the_rate_of_a_short_training_rises_at_once() -> None:
    long, short = Schedule(10_000, warmup=200), Schedule(50, warmup=200)
    assert long.share(0, 0) == short.share(0, 0) == pytest.approx(1 / 200)
    assert long.share(100, 100 / 10_000) == pytest.approx(101 / 200)
    assert short.share(2, 2 / 50) == 1 and short.share(49, 49 / 50) < 0.1
