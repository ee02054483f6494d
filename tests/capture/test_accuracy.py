from pathlib import Path

import numpy as np
import pytest

from avatar.capture.accuracy import main, measure
from avatar.capture.layout import Capture


def test_what_was_found_before_is_found_again(prepared: Path, capsys):
    """The capture's points are those of the film, found in a row; these are found one by one."""
    accuracy = measure([Capture.load(prepared).take("test_0")])
    assert (accuracy.frames, accuracy.missed) == (10, 0)
    assert set(accuracy.points) == {"brows", "eyes", "irises", "nose", "mouth", "jaw"}
    assert all(mean < 3 and mean <= p95 for mean, p95 in accuracy.points.values())
    assert accuracy.opening_error < 2 and accuracy.turn_error < 2
    assert main([str(prepared)]) == 0
    assert "| mouth |" in capsys.readouterr().out


def test_points_that_are_meant_elsewhere_are_told_from_errors(prepared: Path):
    take = Capture.load(prepared).take("test_0")
    before = measure([take])
    take.arrays["landmarks2d"][:, 48:68] += np.float32((30, 40))
    moved = measure([take])
    assert moved.points["mouth"][0] == pytest.approx(50, abs=4)
    assert moved.still["mouth"] == pytest.approx(before.still["mouth"], abs=0.1)
    assert moved.points["eyes"] == before.points["eyes"]


def test_no_capture(tmp_path: Path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("avatar: ")
