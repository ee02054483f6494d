"""Wav2Lip's mel spectrogram, by its published recipe (its audio.py and hparams.py)."""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from ..nets.wav2lip import COLUMNS, MELS
from ..speech.kernels import load_librosa
from ..timing import SAMPLE_RATE

PREEMPHASIS = 0.97
SPAN, HOP = 800, 200
"""Samples that a column sees, and from one to the next: 80 columns a second."""
LOWEST_HZ, HIGHEST_HZ = 55, 7600
REFERENCE_DB, FLOOR_DB = 20, -100
HIGHEST = 4.0
"""Values lie in [-4, 4]."""


def mel_spectrogram(sound: np.ndarray) -> np.ndarray:
    """A sound (N,) float32 at 16 kHz to (80, 1 + N // 200) float32 in [-4, 4]; at least 16 columns,
    the missing ones silent."""
    librosa = load_librosa()
    sharp = np.append(sound[:1], sound[1:] - PREEMPHASIS * sound[:-1])
    # The librosa of that time mirrored a sound at its ends.
    spectrum = np.abs(
        librosa.stft(sharp, n_fft=SPAN, hop_length=HOP, win_length=SPAN, pad_mode="reflect")
    )
    level = 20 * np.log10(np.maximum(10 ** (FLOOR_DB / 20), _filters() @ spectrum)) - REFERENCE_DB
    share = (level - FLOOR_DB) / -FLOOR_DB
    values = np.clip(2 * HIGHEST * share - HIGHEST, -HIGHEST, HIGHEST)
    missing = max(COLUMNS - values.shape[1], 0)
    return np.pad(values, ((0, 0), (0, missing)), constant_values=-HIGHEST).astype(np.float32)


def mel_window(mel: np.ndarray, frame: int, fps: Fraction) -> np.ndarray:
    """What a frame is shown with: (80, columns) to (80, 16), the last ones at the end."""
    first = min(int(frame * SAMPLE_RATE / HOP / fps), mel.shape[1] - COLUMNS)
    return mel[:, first : first + COLUMNS]


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """(80, 401)."""
    return load_librosa().filters.mel(
        sr=SAMPLE_RATE, n_fft=SPAN, n_mels=MELS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ
    )
