"""The MFCC that SyncNet was trained on: bit for bit those of ``python_speech_features`` 0.6.

librosa's differ in filters, scale, window and lifter, and SyncNet makes nothing of them.
"""

import numpy as np
from scipy.fftpack import dct

from ..timing import SAMPLE_RATE

WINDOW, STEP = SAMPLE_RATE // 40, SAMPLE_RATE // 100
"""Samples: 25 ms every 10 ms."""
FFT, FILTERS, COEFFICIENTS, LIFTER, EMPHASIS = 512, 26, 13, 22, 0.97
PIECE = 2000
"""Windows at a time, 20 s: a long sound's spectra would fill the memory."""
TINY = np.finfo(float).eps
"""Stands for an energy of zero, which has no logarithm."""


def mfcc(sound: np.ndarray) -> np.ndarray:
    """Coefficients at 100 Hz; the first of each window is its logarithmic energy.

    Args:
        sound: (N,) float32 in [-1, 1], mono, 16 kHz; it is rounded to 16 bit.

    Returns:
        (13, T) float64, T = 1 + ceil((N - 400) / 160), at least 1.
    """
    signal = np.clip(np.round(sound.astype(np.float64) * 32768), -32768, 32767)
    signal = np.append(signal[:1], signal[1:] - EMPHASIS * signal[:-1])
    count = 1 + max(-(-(len(signal) - WINDOW) // STEP), 0)
    signal = np.pad(signal, (0, max((count - 1) * STEP + WINDOW - len(signal), 0)))
    windows = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::STEP][:count]
    filters = _filters()
    pieces = [_coefficients(windows[i : i + PIECE], filters) for i in range(0, count, PIECE)]
    return np.concatenate(pieces).T


def _coefficients(windows: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Windows (n, 400) to (n, 13)."""
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2 / FFT
    energy, bands = power.sum(axis=1), power @ filters.T
    found = dct(np.log(np.where(bands == 0, TINY, bands)), type=2, axis=1, norm="ortho")
    found = found[:, :COEFFICIENTS]
    found *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    found[:, 0] = np.log(np.where(energy == 0, TINY, energy))
    return found


def _filters() -> np.ndarray:
    """(26, 257): triangles of equal width on the mel scale."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    bins = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    filters = np.zeros((FILTERS, FFT // 2 + 1))
    for row, low, middle, high in zip(filters, bins, bins[1:], bins[2:], strict=False):
        rising, falling = np.arange(low, middle), np.arange(middle, high)
        row[rising.astype(int)] = (rising - low) / (middle - low)
        row[falling.astype(int)] = (high - falling) / (high - middle)
    return filters
