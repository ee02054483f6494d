import argparse
import json

import pytest

from avatar import cli_common
from avatar.cli_common import ProgressFile, add_progress, progress_of


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    time = [100.0]
    monkeypatch.setattr(cli_common.time, "monotonic", lambda: time[0])
    return time


def test_the_file_says_how_far_and_how_long(tmp_path, clock):
    path = tmp_path / "p.json"
    progress = ProgressFile(path)
    progress("Reading", 40, 100)  # an earlier run had done 40
    assert json.loads(path.read_text()) == {
        "stage": "Reading", "done": 40, "total": 100, "seconds_left": None
    }  # fmt: skip
    clock[0] += 10
    progress("Reading", 60, 100)
    assert json.loads(path.read_text())["seconds_left"] == pytest.approx(20)
    progress("Writing", 0, 0)
    assert json.loads(path.read_text())["stage"] == "Writing"


def test_it_is_written_at_most_twice_a_second_but_for_ends(tmp_path, clock):
    path = tmp_path / "p.json"
    progress = ProgressFile(path)
    progress("Reading", 0, 9)
    clock[0] += 0.4
    progress("Reading", 5, 9)
    assert json.loads(path.read_text())["done"] == 0
    progress("Reading", 9, 9)
    assert json.loads(path.read_text())["done"] == 9
    assert list(tmp_path.iterdir()) == [path]


def test_bars_and_file_of_a_verb(tmp_path):
    parser = argparse.ArgumentParser()
    add_progress(parser)
    with progress_of(parser.parse_args([])) as progress:
        progress("Reading", 1, 2)
    path = tmp_path / "p.json"
    with progress_of(parser.parse_args(["--progress", str(path)])) as progress:
        progress("Reading", 1, 2)
    assert json.loads(path.read_text())["done"] == 1
