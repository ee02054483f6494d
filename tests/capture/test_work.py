import os
import time
from pathlib import Path

import numpy as np
import pytest

from avatar.capture.work import Piece, workers
from avatar.errors import CaptureError


def square(number: int, log: Path) -> dict[str, np.ndarray]:
    with log.open("a") as file:
        file.write(f"{number}\n")
    return {"square": np.array(number**2)}


def fail(log: Path) -> dict[str, np.ndarray]:
    raise CaptureError("it is broken")


def die() -> dict[str, np.ndarray]:
    os._exit(9)


def pieces(folder: Path, count: int = 4) -> list[Piece]:
    return [Piece(folder / f"{n}.npz", square, (n, folder / "log"), n + 1) for n in range(count)]


@pytest.mark.parametrize("processes", [1, 2])
def test_each_piece_is_done_once(tmp_path, processes: int):
    told = []
    with workers(processes) as crew:
        crew.do(pieces(tmp_path, 2), lambda done, total: told.append((done, total)))
        crew.do(pieces(tmp_path), lambda done, total: told.append((done, total)))
    assert sorted((tmp_path / "log").read_text().split()) == ["0", "1", "2", "3"]
    assert told[0] == (0, 3) and told[2] == (3, 3) and told[3] == (3, 10) and told[-1] == (10, 10)
    assert [int(piece.load()["square"]) for piece in pieces(tmp_path)] == [0, 1, 4, 9]


@pytest.mark.parametrize("processes", [1, 2])
def test_errors_come_through_and_leave_no_file(tmp_path, processes: int):
    with pytest.raises(CaptureError, match="it is broken"), workers(processes) as crew:
        crew.do([Piece(tmp_path / "x.npz", fail, (tmp_path,), 1)], lambda done, total: None)
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_killed(tmp_path):
    with pytest.raises(CaptureError, match="fewer --processes"), workers(2) as crew:
        crew.do([Piece(tmp_path / "x.npz", die, (), 1)], lambda done, total: None)


def test_an_interruption_finishes_what_is_begun_and_leaves_the_rest(tmp_path):
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workers(2) as crew:
        crew.do([Piece(tmp_path / f"{n}.npz", rest, (), 1) for n in range(40)], stop)
    assert 1 <= len(list(tmp_path.iterdir())) < 20


def rest() -> dict[str, np.ndarray]:
    time.sleep(0.1)
    return {}


def test_a_damaged_piece_is_named(tmp_path):
    (tmp_path / "0.npz").write_bytes(b"half")
    with pytest.raises(CaptureError, match="0.npz is damaged"):
        pieces(tmp_path)[0].load()
