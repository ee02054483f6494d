from fractions import Fraction

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import get_window, lfilter

from avatar.baselines.mel import mel_spectrogram, mel_window


def published(sound: np.ndarray) -> np.ndarray:
    """The recipe of Wav2Lip's audio.py with hparams.py, without librosa's transform."""
    import librosa

    sharp = lfilter([1, -0.97], [1], sound.astype(np.float64))
    around = np.pad(sharp, 400, mode="reflect")
    frames = sliding_window_view(around, 800)[::200] * get_window("hann", 800)
    power = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    level = 20 * np.log10(np.maximum(1e-5, power @ np.abs(np.fft.rfft(frames)).T)) - 20
    return np.clip(8 * (level + 100) / 100 - 4, -4, 4)


def test_it_is_the_published_one():
    random = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    sound = 0.3 * np.sin(2 * np.pi * 200 * time * (1 + time)) + 0.01 * random.normal(size=16_000)
    mel = mel_spectrogram(sound.astype(np.float32))
    assert mel.shape == (80, 81) and mel.dtype == np.float32
    assert mel == pytest.approx(published(sound), abs=2e-3)
    assert np.ptp(mel) > 3


def test_silence_is_the_floor():
    assert (mel_spectrogram(np.zeros(8000, np.float32)) == -4).all()


def test_a_short_sound_is_filled_up_with_silence():
    mel = mel_spectrogram(np.full(1000, 0.1, np.float32))
    assert mel.shape == (80, 16) and (mel[:, 6:] == -4).all()


@pytest.mark.parametrize(
    "frame,fps,first", [(0, 25, 0), (1, 25, 3), (5, 25, 16), (30, 25, 84), (10, "30000/1001", 26)]
)
def test_windows_begin_with_their_frames(frame, fps, first):
    mel = np.tile(np.arange(100), (80, 1))
    # 80 columns a second; at the end the last ones.
    assert mel_window(mel, frame, Fraction(fps))[0].tolist() == list(range(first, first + 16))
