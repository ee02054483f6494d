from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.timing import frame_count, parse_fps

RATES = [Fraction(25), Fraction(24), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001)]


@given(st.integers(1, 16_000 * 4 * 3600), st.sampled_from(RATES))
def test_frames_cover_the_sound_and_no_frame_is_spare(samples, fps):
    frames = frame_count(samples, fps)
    seconds = Fraction(samples, 16_000)
    assert (frames - 1) / fps < seconds <= frames / fps


@pytest.mark.parametrize(
    "text, fps",
    [("25", 25), ("30000/1001", Fraction(30000, 1001)), (29.97, Fraction(30000, 1001)),
     ("23.976", Fraction(24000, 1001)), (12.5, Fraction(25, 2)), (30, 30)],
)  # fmt: skip
def test_rates_are_read_exactly(text, fps):
    assert parse_fps(text) == fps


@pytest.mark.parametrize("text", ["0", "-25", "1000", "fast", "25/0", "", "1e999999999"])
def test_impossible_rates(text):
    with pytest.raises(ValueError):
        parse_fps(text)
