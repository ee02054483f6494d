"""The embedded voice: espeak-ng through its wheel, with the exact time of every phone."""

import ctypes
import math
import threading
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ..errors import TextError, VoiceError
from ..timing import SAMPLE_RATE
from .phonemes import Phone, is_mark
from .utterance import Utterance, Voice

ENGINE = "espeak-ng"
LICENCE = "GPL-3.0-or-later"
VARIANTS = {"f3": "woman", "f2": "woman 2", "f4": "woman 3", "m3": "man", "m7": "man 2"}
"""Speakers offered in every language; the first is the default."""
NORMAL_WORDS_PER_MINUTE = 175
CLOSURE = 0.08
"""Silences up to this many seconds inside speech are a stop's closure, not a pause."""

# Codes that people write, and that the engine does not list.
_ALIASES = {"en": "en-us", "fr": "fr-fr", "zh": "cmn", "pt-pt": "pt", "no": "nb"}
# Listed, but the wheel lacks their dictionary; the last is the engine's own test.
_BROKEN = ("fo", "kaa", "xex")

# From speak_lib.h and espeak_ng.h, 1.52.
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _DONT_EXIT = 2, 1, 2, 0x8000
_RATE, _PITCH = 1, 3
_UTF8, _END_PAUSE = 1, 0x1000
_LIST_TERMINATED, _PHONEME = 0, 7


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


class _ListedVoice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Library:
    """The C library. It is one set of globals, so whole calls are serialised by a lock.

    No caller's code ever runs while the lock is held: an abandoned generator leaves nothing behind.
    """

    def __init__(self) -> None:
        import espeakng_loader

        self._c = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lock = threading.Lock()
        self._blocks: list[np.ndarray] = []
        self._events: list[tuple[int, str]] = []
        self._c.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._c.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_ListedVoice))
        self.rate = self._c.espeak_Initialize(
            _SYNCHRONOUS,
            0,
            espeakng_loader.get_data_path().encode(),
            _PHONEME_EVENTS | _IPA | _DONT_EXIT,
        )
        if self.rate <= 0:
            raise OSError("espeak_Initialize failed")
        # Breath is noise, seeded with the time. What is said first in a process is now the same
        # each time; later sounds still vary by what was said before (no call resets the phase).
        self._c.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._callback = _Callback(self._collect)  # kept here: C holds no reference
        self._c.espeak_SetSynthCallback(self._callback)
        self.languages = self._listed()
        """English name and identifier of each language by its code, in the engine's order."""

    def _collect(self, samples: "ctypes._Pointer", count: int, events: "ctypes._Pointer") -> int:
        if count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while (event := events[index]).type != _LIST_TERMINATED:
            if event.type == _PHONEME:
                # Eight bytes hold the name, so a long one may end in half a letter.
                name = event.id.text.decode("utf-8", "ignore")
                self._events.append((event.sample, name))
            index += 1
        return 0

    def _listed(self) -> dict[str, tuple[str, str]]:
        result: dict[str, tuple[str, str]] = {}
        listed, index = self._c.espeak_ListVoices(None), 0
        while listed[index]:
            voice = listed[index].contents
            # The first byte is a priority. Mbrola voices need files that the wheel lacks.
            code, name = voice.languages[1:].decode().lower(), voice.name.decode().strip()
            if not voice.identifier.startswith(b"mb/") and code not in _BROKEN:
                result.setdefault(code, (name, voice.identifier.decode()))
            index += 1
        return result

    def synthesize(
        self, text: str, voice: str, words_per_minute: int, pitch: int
    ) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """(N,) int16 at ``self.rate``, and (sample, phone) at the start of each phone."""
        data = text.encode()
        language, _, variant = voice.partition("+")
        name = f"{self.languages[language][1]}+{variant}"  # some bare codes do not take a variant
        with self._lock:
            self._blocks, self._events = [np.zeros(0, np.int16)], []
            if self._c.espeak_SetVoiceByName(name.encode()) != 0:
                raise VoiceError(f"The embedded voice {voice} cannot be loaded: choose another.")
            self._c.espeak_SetParameter(_RATE, words_per_minute, 0)
            self._c.espeak_SetParameter(_PITCH, pitch, 0)
            flags = _UTF8 | _END_PAUSE
            if self._c.espeak_Synth(data, len(data) + 1, 0, 1, 0, flags, None, None) != 0:
                raise VoiceError("The embedded voice failed on this text: try another voice.")
            return np.concatenate(self._blocks), self._events


_loading = threading.Lock()


@lru_cache(maxsize=1)
def _loaded() -> _Library:
    try:
        return _Library()
    except (ImportError, OSError, AttributeError) as error:
        raise VoiceError(
            "The embedded voice cannot be loaded: install it with `pip install espeakng-loader`."
        ) from error


def _library() -> _Library:
    """The library, loaded once however many threads ask for it first."""
    with _loading:
        return _loaded()


def voices() -> list[Voice]:
    """Each language of the engine with each of ``VARIANTS``.

    Raises:
        VoiceError: if the library cannot be loaded.
    """
    return list(_voices().values())


@lru_cache(maxsize=1)
def _voices() -> dict[str, Voice]:
    return {
        f"{code}+{variant}": Voice(f"{code}+{variant}", f"{name}, {who}", code, ENGINE, LICENCE)
        for code, (name, _) in _library().languages.items()
        for variant, who in VARIANTS.items()
    }


def find_voice(name: str) -> Voice:
    """The voice of an id ("de+m3") or the first of a language ("de").

    Raises:
        VoiceError: if there is none.
    """
    language, _, variant = name.strip().lower().replace("_", "-").partition("+")
    language = _ALIASES.get(language, language)
    voice = _voices().get(f"{language}+{variant or next(iter(VARIANTS))}")
    if voice is None:
        raise VoiceError(f"There is no voice {name!r}: choose one from the list, such as en-us+f3.")
    return voice


def speak(pieces: list[str], voice: Voice, rate: float, pitch: float) -> Iterator[Utterance]:
    """Speak each piece of text; the pieces and ranges are those of ``tts.speak``.

    Raises:
        TextError: after the last piece, if the voice could say none of them.
    """
    said = 0
    for text in pieces:
        sound, phones = _say(text, voice.id, rate, pitch)
        if any(phone.symbol != "PAU" for phone in phones):
            said += 1
            yield Utterance(sound, phones, text)
    if not said:
        raise TextError(f"The voice {voice.name} can say nothing of this text: choose another.")


@lru_cache(maxsize=4096)
def phones_of_word(word: str, language: str) -> tuple[Phone, ...]:
    """The phones of a word, timed from its own start; none for what the language cannot say."""
    _, phones = _say(word, find_voice(language).id, rate=1.0, pitch=1.0)
    return tuple(phone for phone in phones if phone.symbol != "PAU")


def _say(text: str, voice: str, rate: float, pitch: float) -> tuple[np.ndarray, list[Phone]]:
    import soxr  # what librosa resamples with, three seconds sooner

    library = _library()
    height = round(50 + 50 * math.log2(pitch))
    samples, events = library.synthesize(
        text, voice, round(rate * NORMAL_WORDS_PER_MINUTE), min(max(height, 0), 99)
    )
    if len(samples) == 0:
        return np.zeros(0, np.float32), []
    phones = _phones(events, len(samples), library.rate)
    sound = soxr.resample(samples.astype(np.float32) / 32768, library.rate, SAMPLE_RATE)
    if phones:  # to the sample: resampling rounds the length up
        phones[-1] = Phone(phones[-1].start, len(sound) / SAMPLE_RATE, phones[-1].symbol)
    return np.clip(sound, -1, 1), phones


def _phones(events: list[tuple[int, str]], samples: int, rate: int) -> list[Phone]:
    """Phones that cover 0..samples without gaps, pauses as PAU."""
    starts: list[tuple[int, str]] = [(0, "PAU")]
    mark = None  # where a mark began: its time belongs to the phone that follows
    for sample, name in events:
        if is_mark(name):
            mark = sample if mark is None else mark
        else:
            starts.append((sample if mark is None else mark, name or "PAU"))
            mark = None
    ends = [start for start, _ in starts[1:]] + [samples]
    spans = [(a, b, name) for (a, name), b in zip(starts, ends, strict=True) if b > a]
    result: list[Phone] = []
    begin = None  # where the silence before the next phone began
    for i, (start, end, name) in enumerate(spans):
        begin = start if begin is None else begin
        followed = spans[i + 1][2] if i + 1 < len(spans) else None
        if name == "PAU" and (followed == "PAU" or followed and end - begin < CLOSURE * rate):
            continue
        result.append(Phone(begin / rate, end / rate, name))
        begin = None
    return result
