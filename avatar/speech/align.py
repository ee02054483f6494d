"""Sound and its transcript to phones: forced alignment by pocketsphinx's bundled English model."""

import math
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..errors import TextError
from ..timing import SAMPLE_RATE
from .espeak import phones_of_word
from .phonemes import VISEMES, Phone
from .recognize import (
    DELAY,
    LONGEST_PIECE,
    STEP,
    is_pause,
    recognize,
    tiled,
    to_pcm,
    visemes_at,
)

NARROW, LEAST_IF_NARROW = {"beam": 1e-48, "pbeam": 1e-48, "wbeam": 7e-29}, 0.15
WIDE, LEAST_IF_WIDE = {"beam": 1e-200, "pbeam": 1e-200, "wbeam": 1e-200}, 0.3
"""Search beams, and the share of the heard speech in which a path found with them must show the
shape that recognition shows. Narrow beams lose most wrong texts, and some robots' voices; wide ones
lose nothing. Right texts reached 0.34 to 0.78 from two seconds on, and 0.19 in noise at 15 dB; of
wrong ones that pass ``LEAST_COVERED`` robots' reached 0.25, those of real clips of 2 to 4 s 0.34.
"""

LEAST_COVERED = 0.75
"""Share of the heard speech in which the path must speak too: of right texts 0.83 to 1; a wrong one
mostly crowds into a corner and calls the rest a pause."""

LEAST_SAID = 0.5
"""Share of the words that must be said if the sound stops before its transcript does."""

SIL = VISEMES.index("sil")

# How a word that the English dictionary lacks is spelt, from espeak's IPA. Longest key first.
_ARPABET_OF_IPA = {
    "tʃ": "CH", "dʒ": "JH", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY",
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "g": "G", "ɡ": "G", "f": "F", "v": "V",
    "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N",
    "ŋ": "NG", "l": "L", "ɫ": "L", "ɹ": "R", "r": "R", "w": "W", "j": "Y", "ɾ": "D", "x": "K",
    "ɑ": "AA", "a": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "ɒ": "AO",
    "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH",
    "i": "IY", "o": "OW", "u": "UW", "ʊ": "UH", "y": "UW",
}  # fmt: skip
_IPA_KEYS = re.compile("|".join(_ARPABET_OF_IPA))

_lock = threading.Lock()


def align(sound: np.ndarray, transcript: str) -> list[Phone]:
    """Find when each phone of a known text is said.

    Args:
        sound: (N,) float32 in [-1, 1], mono, 16 kHz.
        transcript: what is said, in English; punctuation is ignored, numbers and names may occur.

    Returns:
        ARPAbet phones that cover 0..N/16000 s without gaps, PAU for pauses.

    Raises:
        TextError: if the transcript has no words or is not what the sound says.
        SoundError: if the sound is shorter than 40 ms.
    """
    tokens = _tokens(transcript)
    if not tokens:
        raise TextError("The transcript has no words: write what is said, or leave it out.")
    heard = recognize(sound)
    if all(phone.symbol == "PAU" for phone in heard):
        raise TextError("The sound is silent: its transcript cannot be found in it.")
    with _lock:
        for beams, least in ((NARROW, LEAST_IF_NARROW), (WIDE, LEAST_IF_WIDE)):
            decoder = _decoder(**beams)
            words = [word for token in tokens for word in _known(decoder, token)]
            if not words:
                raise TextError("The transcript has no words that can be pronounced in English.")
            phones = _path(decoder, sound, words)
            if phones and _fits(phones, heard, least):
                return phones
        phones = _cut_path(decoder, sound, words, heard)
        if phones and _fits(phones, heard, LEAST_IF_WIDE):
            return phones
    raise TextError("The transcript does not match the sound: check its words, or leave it out.")


class Word(NamedTuple):
    """A word and when it is said."""

    start: float
    """Seconds."""
    end: float
    text: str
    """As the transcript has it, without the punctuation around it."""


def word_times(sound: np.ndarray, transcript: str) -> list[Word]:
    """Find roughly when each word of a long text is said, in little memory.

    Whether the sound says it at all is not looked at: ``align`` does, with a part of it.

    Args:
        sound: (N,) float32 in [-1, 1], mono, 16 kHz.
        transcript: what is said, in English.

    Raises:
        TextError: if the transcript has no words, or they cannot be found in the sound.
    """
    with _lock:
        for beams in (NARROW, WIDE):
            decoder = _decoder(**beams)
            pairs = [(token, word) for token in _tokens(transcript)
                     for word in _known(decoder, token)]  # fmt: skip
            if not pairs:
                raise TextError("The transcript has no words: write what is said, or leave it out.")
            try:
                found = _align_words(decoder, sound, [word for _, word in pairs])
            except _NoPathError:
                continue
            said = [segment for segment in found if not is_pause(segment[2])]
            if len(said) == len(pairs):
                return [
                    Word(first * STEP, (last + 1) * STEP, token)
                    for (first, last, _), (token, _) in zip(said, pairs, strict=True)
                ]
    raise TextError("The transcript does not match the sound: check its words, or leave it out.")


def _path(decoder, sound: np.ndarray, words: list[str]) -> list[Phone] | None:
    """The best way to say the words, or None if the search finds none."""
    try:
        starts = [
            (offset + start, symbol)
            for offset, piece, its_words in _pieces(decoder, sound, words)
            for start, symbol in _align_piece(decoder, piece, its_words)
        ]
    except _NoPathError:
        return None
    return tiled(starts, len(sound) / SAMPLE_RATE)


def _cut_path(
    decoder, sound: np.ndarray, words: list[str], heard: list[Phone]
) -> list[Phone] | None:
    """The best path of a recording that stops before its text does, maybe inside a word."""
    said = _words_said(decoder, sound, words)
    counts = [n for n in (said - 1, said, said + 1) if 0 < n <= len(words)]
    paths = filter(None, (_path(decoder, sound, words[:n]) for n in counts))
    return max(paths, key=lambda path: _agreement(path, heard), default=None)


def _words_said(decoder, sound: np.ndarray, words: list[str]) -> int:
    """How many of the words are said before the sound ends; 0 if that cannot be told."""
    last = len(words)
    chain = [(i, i + 1, 1.0, word) for i, word in enumerate(words)]
    # A way out any earlier would tempt the search to call most of the sound a pause.
    exits = [(i, last, 1.0) for i in range(math.ceil(LEAST_SAID * last), last)]
    decoder.add_fsg("chain", decoder.create_fsg("chain", 0, last, chain + exits))
    decoder.activate_search("chain")
    try:
        _run(decoder, sound)
    except _NoPathError:
        return 0
    fillers = ("(", "<", "[", "+")
    return sum(not segment.word.startswith(fillers) for segment in decoder.seg() or ())


class _NoPathError(Exception):
    """The words cannot be found in the sound within the beams."""


@lru_cache(maxsize=2)
def _decoder(**beams: float):
    import pocketsphinx

    # The search through the lattice splits silences in a way that the phone pass cannot follow.
    return pocketsphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL", **beams)


def _tokens(transcript: str) -> list[str]:
    """Words as written, without the punctuation around them."""
    plain = re.sub(r"[—–…/_\-]", " ", transcript.replace("’", "'"))
    tokens = (token.strip("\"'`.,;:!?()[]{}<>«»“”„‘¿¡*#|\\") for token in plain.split())
    return [token for token in tokens if any(char.isalnum() for char in token)]


def _known(decoder, token: str) -> list[str]:
    """The token as a word of the decoder's dictionary, added if need be; [] if unpronounceable."""
    word = token.lower()
    if decoder.lookup_word(word) is None:
        ipa = "".join(phone.symbol for phone in phones_of_word(token, "en-us"))
        arpabet = [_ARPABET_OF_IPA[key] for key in _IPA_KEYS.findall(ipa)]
        word = re.sub(r"[()]", "", word)  # brackets number a word's other pronunciations
        if not arpabet:
            return []
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, " ".join(arpabet))
    return [word]


def _pieces(
    decoder, sound: np.ndarray, words: list[str]
) -> Iterator[tuple[float, np.ndarray, list[str]]]:
    """Cut a long sound between words, at a pause if one comes in time: (offset, sound, words).

    Aligning words takes little memory, aligning phones takes memory by the square of the length.
    """
    if len(sound) <= LONGEST_PIECE * SAMPLE_RATE:
        yield 0.0, sound, words
        return
    first, its_words = 0, []
    for start, end, word in _align_words(decoder, sound, words):
        length = (start - first) * STEP
        if its_words and length > (LONGEST_PIECE / 3 if is_pause(word) else LONGEST_PIECE):
            cut = (start + end) // 2 if is_pause(word) else start
            yield first * STEP, sound[_sample(first) : _sample(cut)], its_words
            first, its_words = cut, []
        if not is_pause(word):
            its_words.append(word)
    if its_words:
        yield first * STEP, sound[_sample(first) :], its_words


def _sample(frame: int) -> int:
    return frame * SAMPLE_RATE // 100


def _align_words(decoder, sound: np.ndarray, words: list[str]) -> list[tuple[int, int, str]]:
    """(first frame, last frame, word) of each word and pause."""
    decoder.set_align_text(" ".join(words))
    _run(decoder, sound)
    if not decoder.hyp():
        raise _NoPathError
    return [(s.start_frame, s.end_frame, re.sub(r"\(\d+\)$", "", s.word)) for s in decoder.seg()]


def _align_piece(decoder, sound: np.ndarray, words: list[str]) -> list[tuple[float, str]]:
    """(start in seconds, ARPAbet) of each phone."""
    _align_words(decoder, sound, words)
    decoder.set_alignment()
    _run(decoder, sound)
    phones = [phone for word in decoder.get_alignment() for phone in word]
    return [
        (phone.start * STEP + DELAY, "PAU" if is_pause(phone.name) else phone.name)
        for phone in phones
    ]


def _run(decoder, sound: np.ndarray) -> None:
    """Feed a whole sound to the decoder's present search."""
    decoder.reinit_feat()  # forgets the last speaker's mean: one sound, one answer
    decoder.start_utt()
    try:
        decoder.process_raw(to_pcm(sound), full_utt=True)
        decoder.end_utt()
    except RuntimeError as error:  # the decoder's way to say that no path fits
        raise _NoPathError from error


def _fits(aligned: list[Phone], heard: list[Phone], least: float) -> bool:
    """Whether the text speaks where speech is heard, and shows enough of the shapes heard there."""
    return _coverage(aligned, heard) >= LEAST_COVERED and _agreement(aligned, heard) >= least


def _coverage(aligned: list[Phone], heard: list[Phone]) -> float:
    """Share of the heard speech in which the aligned text speaks too."""
    said, _ = _shapes_in_speech(aligned, heard)
    return float(np.mean(said != SIL))


def _agreement(aligned: list[Phone], heard: list[Phone]) -> float:
    """Share of the heard speech in which both show the same shape."""
    said, shapes = _shapes_in_speech(aligned, heard)
    return float(np.mean(said == shapes))


def _shapes_in_speech(aligned: list[Phone], heard: list[Phone]) -> tuple[np.ndarray, np.ndarray]:
    """Shapes of both wherever speech is heard, 100 a second; two (M,) int."""
    times = np.arange(0, heard[-1].end, STEP)
    shapes = visemes_at(heard, times)
    speech = shapes != SIL
    return visemes_at(aligned, times)[speech], shapes[speech]
