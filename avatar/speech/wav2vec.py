"""Sound to features by wav2vec 2.0, the paper's other route (App. C, Fig. 11; gap G32).

A frame's features are the network's last hidden layer, interpolated from its 50 a second to the
middle of the frame. The network hears 1 s beyond each end of the pieces that a long sound is cut
into. Two things depend on more than the moment: where its feature extractor asks for it, the sound
is levelled once, by all that is speech in it, so that pauses change nothing; and the group norm of
the base models takes each piece's own mean. Where nobody speaks the features are those of digital
silence, as viseme tracks are at rest there, however loud the room's noise.
"""

import threading
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BundleError, SoundError
from ..timing import SAMPLE_RATE, frame_count
from .audio import SHORTEST
from .pretrained import fetch
from .prosody import frame_levels, silence_gate
from .recognize import LEVEL_FPS, STEP, pieces

if TYPE_CHECKING:
    from transformers import Wav2Vec2Model

CONTEXT = 1.0
"""Seconds that the network hears before and after a piece, without their features being used."""
UNTRAINED = {"masked_spec_embed"}
"""What checkpoints may lack: it stands for masked sound in training only."""


def hidden_states(sound: np.ndarray, fps: Fraction, repo: str, revision: str) -> np.ndarray:
    """Features of a sound.

    Args:
        sound: (N,) float32 in [-1, 1], mono, 16 kHz.
        fps: frames per second.
        repo: "org/name" of the model on the Hub.
        revision: its branch, tag or commit.

    Returns:
        (T, k) float32, k the model's hidden size and T = ceil(N * fps / 16000).

    Raises:
        SoundError: if the sound is shorter than 40 ms.
        BundleError: if the model cannot be fetched, or is no wav2vec 2.0 with safe weights.
    """
    if len(sound) < SHORTEST:
        raise SoundError("The sound is shorter than 40 ms.")
    network = _loaded(repo, revision)
    gate = silence_gate(frame_levels(sound, fps), fps)[:, None]
    centres = (np.arange(frame_count(len(sound), fps)) + 0.5) / float(fps)
    level = frame_levels(sound, LEVEL_FPS)
    scale = _levelling(sound, level) if network.levelled else (0.0, 1.0)
    values = np.tile(network.silence, (len(centres), 1))
    for first, last in pieces(level):
        end = last * STEP if last < len(level) else np.inf
        rows = slice(*np.searchsorted(centres, (first * STEP, end)))
        if gate[rows].any():
            values[rows] = network.at(centres[rows], sound, first * STEP, end, scale)
    return (network.silence + gate * (values - network.silence)).astype(np.float32)


def silence(repo: str, revision: str) -> np.ndarray:
    """Features of digital silence, (k,) float32; errors as ``hidden_states``."""
    return _loaded(repo, revision).silence


def _levelling(sound: np.ndarray, level: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the samples in which somebody may speak."""
    speaking = np.repeat(silence_gate(level, LEVEL_FPS) > 0.5, SAMPLE_RATE // 100)[: len(sound)]
    heard = sound[speaking] if speaking.any() else sound
    return float(heard.mean()), float(np.sqrt(heard.var() + 1e-7))


class _Network:
    """A loaded model; safe to use from several threads."""

    def __init__(self, model: "Wav2Vec2Model", levelled: bool):
        self.levelled = levelled
        """Whether it wants sounds of mean 0 and variance 1."""
        self._model = model.eval()
        self._hop = int(np.prod(model.config.conv_stride))
        steps = np.cumprod([1, *model.config.conv_stride[:-1]])
        self._field = 1 + int(np.dot(np.array(model.config.conv_kernel) - 1, steps))
        still = self._hidden(np.zeros(2 * SAMPLE_RATE, np.float32))
        self.silence = still[len(still) // 2]

    def at(
        self, times: np.ndarray, sound: np.ndarray, start: float, end: float,
        scale: tuple[float, float],
    ) -> np.ndarray:  # fmt: skip
        """Features at some times (T,) of the piece start..end, all in seconds; (T, k)."""
        first = max(round((start - CONTEXT) * SAMPLE_RATE), 0) // self._hop * self._hop  # one grid
        last = len(sound) if end == np.inf else round((end + CONTEXT) * SAMPLE_RATE)
        mean, deviation = scale
        hidden = self._hidden((sound[first:last] - np.float32(mean)) / np.float32(deviation))
        # Row j sees the samples j * hop .. j * hop + field - 1: its time is their middle.
        rows = (times * SAMPLE_RATE - first - (self._field - 1) / 2) / self._hop
        rows = np.clip(rows, 0, len(hidden) - 1)
        before = np.minimum(rows.astype(int), len(hidden) - 2)
        share = (rows - before)[:, None]
        return (1 - share) * hidden[before] + share * hidden[before + 1]

    def _hidden(self, samples: np.ndarray) -> np.ndarray:
        """The last layer's states, (n, k) float32, n at least 2."""
        import torch

        short = self._field + self._hop - len(samples)
        padded = np.pad(samples, (0, max(short, 0)))
        with torch.inference_mode():
            return self._model(torch.from_numpy(padded)[None]).last_hidden_state[0].numpy()


_loading = threading.Lock()


def _loaded(repo: str, revision: str) -> _Network:
    """The model of a repo, loaded once however many threads ask for it first."""
    with _loading:
        return _load(repo, revision)


@lru_cache(maxsize=1)
def _load(repo: str, revision: str) -> _Network:
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    try:
        folder = fetch(repo, revision)
    except (LookupError, ConnectionError) as error:
        raise BundleError(
            f"This identity listens through {repo}, which {error}: "
            "take another identity, or try again later."
        ) from error
    try:
        extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
        model, info = Wav2Vec2Model.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # whatever a stranger's repo makes transformers raise
        raise BundleError(f"{repo} is no wav2vec 2.0 that can be loaded.") from error
    if set(info["missing_keys"]) - UNTRAINED or info["mismatched_keys"]:
        raise BundleError(f"The wav2vec 2.0 of {repo} is incomplete: weights are missing.")
    if extractor.sampling_rate != SAMPLE_RATE:
        raise BundleError(f"The wav2vec 2.0 of {repo} is not for sound at 16 kHz.")
    return _Network(model, extractor.do_normalize)
