"""Text at the door: what is said, what is left out, how it is cut, what is refused."""

import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.errors import TextError, VoiceError
from avatar.speech.phonemes import Phone
from avatar.speech.tts import Utterance, speak, voices
from avatar.speech.utterance import LEAD_S, PIECE_CHARS, clean, split


def phones(text: str) -> list[str]:
    return [p.symbol for u in speak(text) for p in u.phones]


@pytest.mark.parametrize("text", ["", "  \n ", None, 3, "...", "?!—", "😀🎉", "\x00\x07", "\ud800"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(TextError, match=r"^The.*\.$"):
        speak(text)


def test_limit_is_checked_at_the_call() -> None:
    with pytest.raises(TextError, match="11 characters, but at most 10"):
        speak("Hello there", max_chars=10)
    assert len(list(speak("Hello ther", max_chars=10))) == 1


@pytest.mark.parametrize("name", ["rate", "pitch"])
@pytest.mark.parametrize("value", [0.49, 2.01, -1, 0, float("nan"), float("inf")])
def test_out_of_range(name: str, value: float) -> None:
    with pytest.raises(VoiceError, match=f"^The {name} must be between 0.5 and 2"):
        speak("Hello", **{name: value})


def test_a_voice_that_begins_at_once_has_silence_before_it() -> None:
    for said in speak("Ah, open wide. Apples are red."):
        pause, vowel, *_ = said.phones
        assert (pause.symbol, pause.end) == ("PAU", LEAD_S) and vowel.symbol != "PAU"
        lead = round(LEAD_S * 16_000)
        assert not said.sound[:lead].any() and abs(said.sound[lead : lead + 400]).max() > 0.05


def test_silence_that_is_there_counts() -> None:
    sound = np.ones(16_000, np.float32)
    for there, added in ((0.3, 0), (LEAD_S, 0), (0.05, 1_120)):
        said = Utterance(sound, [Phone(0.0, there, "PAU"), Phone(there, 1.0, "AA")], "Ah.")
        led = said.led()
        assert len(led.sound) == 16_000 + added and (led.sound[added:] == 1).all()
        assert [p.symbol for p in led.phones] == ["PAU", "AA"] and led.phones[0].start == 0
        assert led.phones[0].end == led.phones[1].start == pytest.approx(there + added / 16_000)
        assert led.phones[1].end == len(led.sound) / 16_000


def test_unknown_voice() -> None:
    with pytest.raises(VoiceError, match="no voice 'xx'"):
        speak("Hello", "xx")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Hi 😀 there 👍🏽!", "Hi there !"),
        ("a\x01b\x07c", "a b c"),
        ("one\r\n\r\n two\tthree", "one\ntwo three"),
        ("so\u00adft\u200b \ufeffhyphen", "soft hyphen"),
        ("20 °C, 5 € & © 2026", "20 °C, 5 € & © 2026"),
        ("न्\u200dय", "न्\u200dय"),
        ("bro\ud800ken", "bro ken"),
        ("👩‍👩‍👧 family 1️⃣", "\u200d \u200d family 1"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_markup_is_text() -> None:
    plain = phones("hello world")
    assert phones('<speak><break time="9s"/>hello world</speak>') != plain
    pause = [u for u in speak('hello <break time="9s"/> world')]
    assert sum(len(u.sound) for u in pause) < 9 * 16000
    assert phones("[[p'eI]]") != phones("pay")  # espeak's phoneme input
    assert phones("\x01+99Shello world") != [] and phones("hello\x01 world") == plain


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith came. J. R. Tolkien too.", ["Dr. Smith came.", "J. R. Tolkien too."]),
        ("It is 3.14, e.g. today. Yes.", ["It is 3.14, e.g. today.", "Yes."]),
        ('"Go!" he said. "Why?" Silence.', ['"Go!" he said.', '"Why?"', "Silence."]),
        ("Wait… what? No.", ["Wait… what?", "No."]),
        ("Title\nBody", ["Title", "Body"]),
        ("你好。我是中国人！再见", ["你好。", "我是中国人！", "再见"]),
        ("नमस्ते। कैसे हैं?", ["नमस्ते।", "कैसे हैं?"]),
        ("... Hm. ?", ["Hm."]),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert split(text) == pieces


def test_long_sentences_are_cut_at_clauses_then_words() -> None:
    clauses = "and then the cat sat down, " * 40
    assert all(piece.endswith(",") for piece in split(clauses)[:-1])
    words = split("word " * 400)
    assert all(len(piece) <= PIECE_CHARS and piece.endswith("word") for piece in words)
    assert [len(piece) for piece in split("x" * 500)] == [240, 240, 20]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab, .!?\n我。-–'\"é1"), max_size=400))
def test_cutting_loses_nothing(text: str) -> None:
    try:
        cleaned = clean(text)
    except TextError:
        return
    pieces = split(cleaned, limit=20)
    assert all(len(piece) <= 20 for piece in pieces)
    kept = [c for c in "".join(pieces) if c.isalnum()]
    assert kept == [c for c in cleaned if c.isalnum()]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_speaks_or_is_refused(text: str) -> None:
    try:
        utterances = list(speak(text))
    except TextError:
        return
    assert utterances and all(isinstance(u, Utterance) and len(u.sound) for u in utterances)


def test_long_text_streams() -> None:
    next(speak("Warm up."))
    text = "The sun rose slowly over the quiet hills of the north. " * 2000
    began = time.perf_counter()
    utterances = speak(text)
    first = next(utterances)
    until_first = time.perf_counter() - began
    assert first.text == "The sun rose slowly over the quiet hills of the north."
    assert next(utterances).phones[0].start == 0
    for _ in islice(utterances, 200):
        pass
    assert until_first < (time.perf_counter() - began) / 2


def test_sentences_are_apart() -> None:
    for utterance in speak("One. Two."):
        last = utterance.phones[-1]
        assert last.symbol == "PAU" and 0.15 < last.end - last.start < 0.6


def test_voices_are_of_both_engines() -> None:
    assert {voice.engine for voice in voices()} == {"espeak-ng", "vits"}
    german = next(voice for voice in voices() if voice.language == "de")
    assert len(list(speak("Guten Tag.", german))) == 1
