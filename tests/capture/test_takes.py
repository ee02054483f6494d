from fractions import Fraction

import numpy as np
import pytest
from films import MIRA, film

from avatar.capture.source import open_video
from avatar.capture.takes import Plan, film_levels, plan_takes, write_sounds
from avatar.speech.audio import load_sound
from avatar.speech.prosody import frame_levels
from avatar.timing import frame_count


def test_the_last_tenth_is_held_out_and_no_take_is_long():
    speaking = np.ones(25 * 200)
    speaking[1400:1410] = 0
    plans = plan_takes([speaking, np.ones(100)], Fraction(25))
    assert [plan.name for plan in plans] == [
        "train_000", "train_001", "train_002", "train_003", "test_0", "train_004", "test_1",
    ]  # fmt: skip
    assert all(plan.frames <= 60 * 25 for plan in plans if plan.name.startswith("train"))
    first = plans[:5]
    assert [p.start for p in first] == [0, *(p.stop for p in first[:-1])] and first[-1].stop == 5000
    assert first[-1].frames == 500 and plans[-1].frames == 10


def test_takes_are_cut_where_it_is_quiet():
    speaking = np.ones(25 * 100)
    speaking[1050:1060] = 0  # an eighth of a minute before the middle of what is kept
    plans = plan_takes([speaking], Fraction(25))
    assert 1050 <= plans[0].stop <= 1060


def test_silence_is_listening():
    assert [p.listening for p in plan_takes([np.zeros(100)], Fraction(25))] == [True, False]


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_levels_are_those_of_the_whole_sound(fps: Fraction):
    sound = load_sound(MIRA)
    source = open_video(MIRA)
    source = type(source)(**{**vars(source), "fps": fps})
    frames = frame_count(len(sound), fps) - 1
    levels = film_levels(source, frames)["levels"]
    assert np.allclose(levels, frame_levels(sound, fps)[:frames], atol=0.01)


def test_sounds_are_as_long_as_their_frames(tmp_path):
    source = open_video(film(tmp_path / "short.mp4", "-af", "atrim=end=5", "-shortest", "-t", "8"))
    plans = [Plan("train_000", 0, 0, 50), Plan("test_0", 0, 50, 100)]
    write_sounds(source, plans, tmp_path)
    parts = [load_sound(tmp_path / f"{plan.name}.wav") for plan in plans]
    assert [len(part) for part in parts] == [64_000, 64_000]
    assert np.abs(parts[0] - load_sound(MIRA)[:64_000]).mean() < 0.01
    assert not parts[1][-32_000:].any()
