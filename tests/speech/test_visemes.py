import json
from fractions import Fraction

import numpy as np
import pytest

from avatar.errors import AvatarError
from avatar.speech.phonemes import VISEMES, Phone
from avatar.speech.prosody import silence_gate
from avatar.speech.visemes import NAMES, SILENCE, VisemeTrack, viseme_track, windows

FPS = Fraction(25)


def tone(seconds: float, decibels: float = -20) -> np.ndarray:
    """A buzz at 120 Hz of that level in dBFS."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    wave = np.sign(np.sin(2 * np.pi * 120 * time)) * 10 ** (decibels / 20)
    return wave.astype(np.float32)


def phones(*pairs: tuple[str, float]) -> list[Phone]:
    result, time = [], 0.0
    for symbol, seconds in pairs:
        result.append(Phone(time, time + seconds, symbol))
        time += seconds
    return result


def test_names_are_the_contract():
    assert len(NAMES) == 34 and NAMES[0] == "sil" and NAMES[21] == "jaw_open"
    assert SILENCE[: len(VISEMES)].tolist() == [1] + [0] * 20


def test_silence_beyond_the_ends_is_the_silence_of_a_pause():
    track = viseme_track(phones(("PAU", 1.0)), np.zeros(16_000, np.float32), FPS)
    assert np.allclose(track.values, SILENCE, atol=1e-6)


def test_weights_sum_to_one_and_channels_stay_in_range():
    said = phones(("M", 0.08), ("AA", 0.2), ("P", 0.07), ("UW", 0.15), ("S", 0.1))
    track = viseme_track(said, tone(0.6), FPS)
    assert track.values.shape == (15, 34)
    assert np.allclose(track.values[:, : len(VISEMES)].sum(axis=1), 1, atol=1e-5)
    assert np.abs(track.values).max() <= 1


@pytest.mark.parametrize("offset", np.linspace(0, 0.04, 9))
def test_a_short_bilabial_closes_wherever_it_falls_between_frames(offset):
    said = phones(("AA", 0.2 + offset), ("B", 0.035), ("AA", 0.4 - offset))
    track = viseme_track(said, tone(0.635), FPS)
    assert track.values[:, NAMES.index("pbm")].max() > 0.75
    assert track.values[:, NAMES.index("lip_close")].max() > 0.75
    nearest = int((0.2 + offset + 0.0175) * 25)
    assert abs(int(track.values[:, NAMES.index("pbm")].argmax()) - nearest) <= 1


def test_rounding_is_anticipated_by_about_100_ms():
    said = phones(("T", 0.4), ("UW", 0.3))
    rounding = viseme_track(said, tone(0.7), FPS).values[:, NAMES.index("lip_round")]
    assert rounding[9] > 0.25  # 20 ms before the vowel
    assert rounding[6] < 0.05  # 140 ms before


def test_a_vowel_opens_and_silence_closes():
    said = phones(("AA", 0.4), ("PAU", 0.4))
    sound = np.concatenate([tone(0.4), np.zeros(6400, np.float32)])
    track = viseme_track(said, sound, FPS)
    jaw = track.values[:, NAMES.index("jaw_open")]
    assert jaw[4] > 0.8
    assert np.array_equal(track.values[-3:, 0], np.ones(3, np.float32))


@pytest.mark.parametrize("decibels", [-200, -60, -45])
def test_silence_and_room_noise_give_sil_whatever_the_phones_claim(decibels):
    noise = np.random.default_rng(0).normal(0, 10 ** (decibels / 20), 32_000).astype(np.float32)
    track = viseme_track(phones(("AA", 2.0)), noise, FPS)
    assert np.array_equal(track.values[:, : len(VISEMES)], np.tile(SILENCE[:21], (50, 1)))
    assert not track.values[:, NAMES.index("loudness")].any()


def test_a_pause_in_room_noise_gives_sil():
    noise = np.random.default_rng(0).normal(0, 10 ** (-45 / 20), 48_000).astype(np.float32)
    noise[:16_000] += tone(1.0)
    noise[32_000:] += tone(1.0)
    track = viseme_track(phones(("AA", 3.0)), noise, FPS)
    assert track.values[30:45, 0].min() > 0.99
    assert track.values[5:20, 0].max() < 0.1


def test_quiet_speech_opens_the_gate():
    level = np.array([-75.0] * 10 + [-42, -48, -40, -60, -43] * 4 + [-75.0] * 10)
    assert silence_gate(level, FPS)[12:28].min() == 1


def test_windows_see_three_back_and_two_ahead():
    values = np.random.default_rng(0).random((5, 34)).astype(np.float32)
    cut = windows(values)
    assert cut.shape == (5, 6, 34)
    assert np.array_equal(cut[2], np.concatenate([[SILENCE], values]))
    assert np.array_equal(cut[4][3], values[4]) and np.array_equal(cut[4][5], SILENCE)


@pytest.mark.parametrize("name", ["track.json", "track.csv"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_round_trip(tmp_path, name, fps):
    track = viseme_track(phones(("M", 0.1), ("AA", 0.3)), tone(0.4), fps)
    track.save(tmp_path / name)
    read = VisemeTrack.load(tmp_path / name)
    assert (read.names, read.fps) == (NAMES, fps)
    assert np.allclose(read.values, track.values, atol=1e-5)


def test_bad_tracks_are_told_in_a_sentence(tmp_path):
    path = tmp_path / "track.json"
    for text in ("", "[]", json.dumps({"names": ["a"], "fps": "25", "values": [["x"]]})):
        path.write_text(text)
        with pytest.raises(AvatarError, match="not a viseme track"):
            VisemeTrack.load(path)
    with pytest.raises(AvatarError, match="NaN"):
        VisemeTrack(NAMES, FPS, np.full((3, 34), np.nan, np.float32))


def test_strength():
    track = viseme_track(phones(("AA", 0.4)), tone(0.4), FPS)
    assert np.array_equal(track.scaled(0).values, np.tile(SILENCE, (10, 1)))
    assert np.allclose(track.scaled(1).values, track.values)
    assert track.scaled(1.5).values[5, 21] > track.values[5, 21]
    with pytest.raises(AvatarError, match="between 0 and 2"):
        track.scaled(3)


@pytest.mark.parametrize("milliseconds", [40, 60, 80, 160, 200])
def test_the_shortest_sounds_have_a_track(milliseconds):
    seconds = milliseconds / 1000
    track = viseme_track(phones(("AA", seconds)), tone(seconds), FPS)
    assert len(track) == -(-milliseconds // 40)
    assert track.values[0, NAMES.index("aa")] > 0.9
