"""Neural voices: VITS models of the Hub through transformers, timed by their duration predictor."""

import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import TextError, VoiceError
from ..timing import SAMPLE_RATE
from . import espeak
from .kernels import load_librosa
from .phonemes import Phone
from .pretrained import REPO_ID, fetch
from .utterance import Utterance, Voice

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ENGINE = "vits"
MMS_LICENCE = "CC-BY-NC-4.0"
"""Of Meta's MMS voices: not for commercial use."""
SEED = 0
PAUSE = 0.12
"""Silences between words from this many seconds on are pauses; shorter ones belong to a word."""

_OFFERED = {"eng": "English", "spa": "Spanish", "fra": "French", "deu": "German"}
# ISO 639-3, as MMS names its languages, to the espeak-ng language that pronounces the words.
_PRONOUNCED_AS = {
    "eng": "en-us", "spa": "es", "fra": "fr-fr", "deu": "de", "ita": "it", "por": "pt-br",
    "pol": "pl", "rus": "ru", "hin": "hi", "kor": "ko", "nld": "nl", "swe": "sv", "tur": "tr",
    "ukr": "uk", "ron": "ro", "vie": "vi", "ell": "el", "hun": "hu", "fin": "fi", "cat": "ca",
    "ind": "id", "arb": "ar", "ara": "ar", "fas": "fa", "ben": "bn", "tam": "ta", "swh": "sw",
}  # fmt: skip


def voices() -> list[Voice]:
    """The voices that the page offers; any other VITS repo of the Hub works by its id."""
    return [find_voice(f"facebook/mms-tts-{iso}") for iso in _OFFERED]


def find_voice(repo: str) -> Voice:
    """The voice of a Hub repo id, without asking the Hub.

    Raises:
        VoiceError: if it is no repo id.
    """
    if not REPO_ID.fullmatch(repo):
        raise VoiceError(f"{repo!r} is no voice: write a Hub id such as facebook/mms-tts-eng.")
    iso = repo.rpartition("-")[2]
    name = f"{_OFFERED.get(iso, repo)}, neural"
    licence = f"see https://huggingface.co/{repo}"
    if repo.startswith("facebook/mms-tts-"):
        licence = MMS_LICENCE
    return Voice(repo, name, _PRONOUNCED_AS.get(iso, "en-us"), ENGINE, licence)


def speak(pieces: list[str], voice: Voice, rate: float, pitch: float) -> Iterator[Utterance]:
    """Speak each piece of text; the pieces and ranges are those of ``tts.speak``.

    Raises:
        VoiceError: at once, if the model cannot be fetched or is no VITS model with safe weights.
        TextError: after the last piece, if the voice could say none of them.
    """
    model = _loaded(voice.id)
    return _spoken(model, pieces, voice, rate, pitch)


def _spoken(
    model: "_Model", pieces: list[str], voice: Voice, rate: float, pitch: float
) -> Iterator[Utterance]:
    said = 0
    for text in pieces:
        characters, lengths, wave = model.synthesize(text, rate)
        if not characters:
            continue
        said += 1
        sound = _at_16_khz(wave, model.rate, pitch)
        ends = np.cumsum(lengths) / model.rate
        phones = _phones(characters, ends, voice.language, len(sound) / SAMPLE_RATE)
        yield Utterance(sound, phones, text)
    if not said:
        raise TextError(f"The voice {voice.name} has no letters of this text: choose another.")


class _Model:
    """A loaded VITS model; one thread at a time speaks with it."""

    def __init__(self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> None:
        self.rate: int = model.config.sampling_rate
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._hop = int(np.prod(model.config.upsample_rates))
        self._lock = threading.Lock()
        self._log_durations: list = []
        model.duration_predictor.register_forward_hook(
            lambda _module, _inputs, output: self._log_durations.append(output)
        )

    def synthesize(self, text: str, rate: float) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Characters (blanks are ""), their lengths in samples, and (N,) float32, N their sum."""
        import torch

        ids = self._tokenizer(text, return_tensors="pt")["input_ids"].long()
        characters = self._tokenizer.convert_ids_to_tokens(ids[0].tolist())
        if self._tokenizer.add_blank:  # by place, as the blank's token is a letter's too in MMS
            characters[::2] = [""] * len(characters[::2])
        if not any(character.isalnum() for character in characters):
            return [], np.zeros(0, np.int64), np.zeros(0, np.float32)
        speed = self._model.config.speaking_rate * rate
        with self._lock, torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(SEED)
            self._log_durations.clear()
            wave = self._model(ids, speaking_rate=speed).waveform[0]
            # As VitsModel.forward computes them, so that they sum to the length of the wave.
            frames = torch.ceil(torch.exp(self._log_durations[0]) * (1.0 / speed)).flatten()
        return characters, frames.long().numpy() * self._hop, wave.float().numpy()


_loading = threading.Lock()


def _loaded(repo: str) -> _Model:
    """The model of a repo, loaded once however many threads ask for it first."""
    with _loading:
        return _load(repo)


@lru_cache(maxsize=2)
def _load(repo: str) -> _Model:
    from transformers import AutoTokenizer, VitsModel

    try:
        folder = fetch(repo)
    except LookupError as error:
        raise VoiceError(f"The voice {repo} {error}: choose another.") from error
    except ConnectionError as error:
        raise VoiceError(
            f"The voice {repo} {error}: use the embedded voice, such as en-us, or try again later."
        ) from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model, info = VitsModel.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # whatever a stranger's repo makes transformers raise
        raise VoiceError(f"The voice {repo} is no VITS model that can be loaded.") from error
    if info["missing_keys"] or info["mismatched_keys"]:
        raise VoiceError(f"The voice {repo} is incomplete: weights are missing.")
    if getattr(tokenizer, "phonemize", False):
        raise VoiceError(f"The voice {repo} wants phonemes, not letters: choose an MMS voice.")
    return _Model(model, tokenizer)


def _at_16_khz(wave: np.ndarray, rate: int, pitch: float) -> np.ndarray:
    """(N,) float32 in [-1, 1] at 16 kHz, shifted in pitch without changing its length."""
    import soxr

    if rate != SAMPLE_RATE:
        wave = soxr.resample(wave, rate, SAMPLE_RATE)
    if pitch != 1:
        librosa = load_librosa()  # takes seconds, and most speech keeps its pitch
        wave = librosa.effects.pitch_shift(wave, sr=SAMPLE_RATE, n_steps=12 * np.log2(pitch))
    return np.clip(np.nan_to_num(wave), -1, 1).astype(np.float32)


class _Word(NamedTuple):
    text: str
    start: float
    end: float


def _phones(characters: list[str], ends: np.ndarray, language: str, seconds: float) -> list[Phone]:
    """Phones that cover 0..seconds: those of each word, stretched over the word's exact time."""
    result: list[Phone] = []
    covered = 0.0
    words = _words(characters, ends)
    for i, word in enumerate(words):
        if word.start - covered >= PAUSE:
            result.append(Phone(covered, word.start, "PAU"))
            covered = word.start
        following = words[i + 1].start if i + 1 < len(words) else seconds
        end = word.end if following - word.end >= PAUSE else following
        result += _stretched(word.text, language, covered, end)
        covered = end
    if covered < seconds:
        result.append(Phone(covered, seconds, "PAU"))
    return result


def _words(characters: list[str], ends: np.ndarray) -> list[_Word]:
    """Runs of letters, each timed from the start of its first to the end of its last."""
    starts = np.concatenate([[0.0], ends[:-1]])
    words: list[_Word] = []
    inside = False
    for character, start, end in zip(characters, starts.tolist(), ends.tolist(), strict=True):
        if character == "":  # a blank between two letters
            continue
        letter = character in "'’-" or unicodedata.category(character[0])[0] in "LNM"
        if letter and inside:
            words[-1] = _Word(words[-1].text + character, words[-1].start, end)
        elif letter:
            words.append(_Word(character, start, end))
        inside = letter
    return words


def _stretched(word: str, language: str, start: float, end: float) -> list[Phone]:
    """The phones of a word as espeak-ng pronounces it, in its proportions, over start..end."""
    spoken = espeak.phones_of_word(word, language) or (Phone(0, 1, "ə"),)
    bounds = np.cumsum([0.0, *(phone.end - phone.start for phone in spoken)])
    bounds = start + bounds * ((end - start) / bounds[-1])
    bounds[-1] = end  # exactly, so that neighbours meet
    return [
        Phone(a, b, phone.symbol)
        for (a, b), phone in zip(pairwise(bounds.tolist()), spoken, strict=True)
    ]
