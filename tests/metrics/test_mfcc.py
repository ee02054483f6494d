import numpy as np
import pytest

from avatar.metrics.mfcc import mfcc

REFERENCE = {
    0: [11.836638774, 21.388079015, 14.144387726, 9.068678658, 5.038586967, 0.092525175,
        -4.448259094, -10.3774775, -13.935044915, -16.708536531, -19.033928377, -18.195478195,
        -17.528103584],
    40: [16.685567427, 24.486812126, 15.744776884, 9.339707006, 2.180136623, -5.912107381,
         -12.766514025, -18.935232876, -22.007335505, -22.428758337, -19.424380966,
         -14.935184281, -9.808815022],
    1999: [21.985439265, -21.169299817, -22.449487642, 18.850803039, -13.29193868,
           -33.733182142, 19.084293898, -8.129358942, -35.698323092, 11.800187752,
           -1.139395698, -27.789698306, 10.849539741],
    2000: [21.964005438, -11.251271295, -25.869314595, 29.90852604, -7.824759187,
           -28.314396768, 27.058050416, -1.990570285, -29.503139103, 18.420552109,
           3.016955534, -25.176099261, 10.464663784],
    2099: [21.536311452, -16.774151638, -15.178258156, 17.79780658, -10.932859713,
           -23.353469838, 24.971612604, -10.687392831, -28.090199511, 19.027404388,
           -8.23985216, -23.562136212, 18.396928316],
}  # fmt: skip
"""Windows of ``tones()`` by ``python_speech_features.mfcc(samples, 16000)``, version 0.6."""


def tones() -> np.ndarray:
    """21 s of a rising tone that comes and goes, from 0.5 s on with noise: 16-bit samples."""
    t = np.arange(21 * 16000 + 137)
    tone = 6000 * np.sin(2 * np.pi * (180 + 0.004 * t) * t / 16000) * np.sin(np.pi * t / 9000)
    noise = (t * 7919 % 4001 - 2000) * (t % 32000 > 8000)
    return np.round(tone + noise).astype(np.int16)


def test_numbers_are_those_of_python_speech_features() -> None:
    found = mfcc(np.float32(tones() / 32768))
    assert found.shape == (13, 2100)
    np.testing.assert_allclose(found[:, list(REFERENCE)].T, list(REFERENCE.values()), atol=2e-9)


@pytest.mark.parametrize(("samples", "columns"), [(1, 1), (400, 1), (401, 2), (560, 2), (561, 3)])
def test_the_last_window_is_filled_up(samples: int, columns: int) -> None:
    assert mfcc(np.zeros(samples, np.float32)).shape == (13, columns)


def test_silence_is_finite() -> None:
    """Its energies are replaced by the least number, as the reference does."""
    found = mfcc(np.zeros(16000, np.float32))
    least = np.log(np.finfo(float).eps)
    assert found[0] == pytest.approx(least)
    assert np.abs(found[1:]).max() < 1e-9


def test_loud_sound_is_clipped_like_16_bit() -> None:
    loud = np.float32(np.sin(np.arange(4000)) * 3)
    np.testing.assert_array_equal(mfcc(loud), mfcc(loud.clip(-1, 32767 / 32768)))
