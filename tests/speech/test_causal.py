import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.errors import SoundError
from avatar.speech.audio import load_sound
from avatar.speech.causal import LONGEST_S, LOOK_AHEAD, CausalVisemes, LivePhones, causal_track
from avatar.speech.recognize import recognize
from avatar.speech.visemes import NAMES, SILENCE, VISEMES, viseme_track
from avatar.timing import frame_count, frame_start

FPS, SLOW = Fraction(25), Fraction(5)
RATES = [FPS, SLOW, Fraction(30000, 1001), Fraction(60)]
SIL = NAMES.index("sil")


@pytest.fixture(scope="module")
def hello() -> np.ndarray:
    return load_sound(Path(__file__).parents[2] / "examples" / "hello.wav")


def noise(seconds: float, decibels: float) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(0, 10 ** (decibels / 20), round(seconds * 16_000)).astype(np.float32)


def in_chunks(visemes: CausalVisemes, sound: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The rows of a sound that comes in pieces of these sizes, over and over."""
    rows, start, turn = [], 0, 0
    while start < len(sound):
        size = sizes[turn % len(sizes)]
        rows.append(visemes.push(sound[start : start + size]))
        start, turn = start + size, turn + 1
    return np.concatenate([*rows, visemes.end()])


@pytest.fixture(scope="module")
def whole(hello: np.ndarray) -> dict[Fraction, np.ndarray]:
    """The rows of most of a second of speech, made in one go."""
    return {fps: causal_track(hello[:14_000], fps).values for fps in RATES}


@settings(max_examples=10, deadline=None)
@given(
    fps=st.sampled_from(RATES),
    sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=8).filter(lambda s: sum(s) > 500),
)
def test_rows_do_not_depend_on_how_the_sound_is_cut(
    hello: np.ndarray, whole: dict[Fraction, np.ndarray], fps: Fraction, sizes: list[int]
) -> None:
    assert np.array_equal(in_chunks(CausalVisemes(fps), hello[:14_000], sizes), whole[fps])


def test_sample_by_sample(hello: np.ndarray) -> None:
    sound = hello[8000:14_000]
    rows = in_chunks(CausalVisemes(FPS), sound, [1])
    assert np.array_equal(rows, causal_track(sound, FPS).values)


@pytest.mark.parametrize("fps", RATES)
def test_a_row_is_out_when_the_sound_three_frames_on_is_complete(
    hello: np.ndarray, fps: Fraction
) -> None:
    visemes, samples, rows = CausalVisemes(fps), 0, 0
    first = frame_start(LOOK_AHEAD + 1, fps)
    for size in (0, first - 1, 1, 1, 699, 5000, 640, 1, 10_000):
        rows += len(visemes.push(hello[samples : samples + size]))
        samples += size
        complete = sum(frame_start(frame, fps) <= samples for frame in range(1, 200))
        assert rows == max(complete - LOOK_AHEAD, 0)
    assert rows > 1


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("samples", [0, 1, 640, 641, 1920, 2560, 4000, 16_000])
def test_there_is_a_row_for_each_frame(hello: np.ndarray, fps: Fraction, samples: int) -> None:
    track = causal_track(hello[6000 : 6000 + samples], fps)
    assert track.values.shape == (frame_count(samples, fps), len(NAMES))
    assert np.allclose(track.values[:, : len(VISEMES)].sum(axis=1), 1, atol=1e-5)
    assert np.abs(track.values).max(initial=0) <= 1


def test_an_utterance_gets_the_rows_it_would_get_alone(
    hello: np.ndarray, whole: dict[Fraction, np.ndarray]
) -> None:
    visemes = CausalVisemes(FPS)
    visemes.push(hello[30_000:])
    visemes.reset()
    for _ in range(2):
        again = np.concatenate([visemes.push(hello[:14_000]), visemes.end()])
        assert np.array_equal(again, whole[FPS])
    assert len(visemes.end()) == 0


@pytest.mark.parametrize(
    "bad",
    [
        np.array([0.1, np.nan], np.float32),
        np.array([np.inf], np.float32),
        np.zeros((100, 2), np.float32),
        np.zeros(100, np.int16),
        np.array(["a"]),
    ],
)
def test_bad_sound_loses_nothing(
    hello: np.ndarray, whole: dict[Fraction, np.ndarray], bad: np.ndarray
) -> None:
    visemes = CausalVisemes(FPS)
    rows = [visemes.push(hello[:10_000])]
    with pytest.raises(SoundError, match="finite"):
        visemes.push(bad)
    rows += [visemes.push(hello[10_000:14_000]), visemes.end()]
    assert np.array_equal(np.concatenate(rows), whole[FPS])


@pytest.mark.parametrize("decibels", [-200, -60, -45])
def test_silence_and_room_noise_are_silence(decibels: float) -> None:
    sound = np.concatenate([np.zeros(16_000, np.float32), noise(4, decibels)])
    assert np.array_equal(causal_track(sound, FPS).values, np.tile(SILENCE, (125, 1)))


def test_a_pause_closes_the_mouth(hello: np.ndarray) -> None:
    sound = np.concatenate([hello, np.zeros(32_000, np.float32), hello]) + noise(
        len(hello) / 8000 + 2, -55
    )
    track = causal_track(sound, FPS).values
    first = frame_count(len(hello), FPS)
    assert np.array_equal(track[first + 5 : first + 45], np.tile(SILENCE, (40, 1)))
    assert track[: first - 5, SIL].min() < 0.1 and track[first + 55 :, SIL].min() < 0.1


def test_it_hears_much_of_what_the_offline_recogniser_hears(hello: np.ndarray) -> None:
    causal = causal_track(hello, FPS).values
    offline = viseme_track(recognize(hello), hello, FPS).values
    shapes = [rows[:, : len(VISEMES)].argmax(axis=1) for rows in (causal, offline)]
    assert np.mean(shapes[0] == shapes[1]) > 0.4  # each is right in two of three; chance is 0.06
    for name, least in {"jaw_open": 0.6, "voicing": 0.8, "loudness": 0.95, "pitch": 0.8}.items():
        channel = NAMES.index(name)
        assert np.corrcoef(causal[:, channel], offline[:, channel])[0, 1] > least, name


def test_speech_without_a_pause_is_cut_and_goes_on(hello: np.ndarray) -> None:
    phones, sound = LivePhones(SLOW), np.tile(hello[4000:20_000], int(LONGEST_S) + 3)
    for block in sound.reshape(-1, 3200):
        phones.hear(block, loud=True)
    found = phones.since(0)
    assert found[0].start > LONGEST_S - 1
    assert found[-1].end == len(sound) / 16_000
    assert {phone.symbol for phone in found} != {"PAU"}


def test_memory_does_not_grow(hello: np.ndarray) -> None:
    visemes = CausalVisemes(SLOW)
    for _ in range(4):  # until what it remembers is full
        visemes.push(hello)
    tracemalloc.start()
    visemes.push(hello)
    before = tracemalloc.get_traced_memory()[0]
    visemes.push(hello)
    visemes.push(hello)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000  # the sound alone is half a million bytes
