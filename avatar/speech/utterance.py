"""What every voice shares: the voice, the utterance, and text cleaned and cut into sentences."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from ..errors import TextError
from ..timing import SAMPLE_RATE
from .phonemes import Phone

PIECE_CHARS = 240
"""The longest stretch of text that is spoken in one utterance, so that the first comes quickly."""

LEAD_S = 0.12
"""Seconds of silence that come before the first phone, in which the mouth can open."""


@dataclass(frozen=True)
class Voice:
    """Someone who can speak."""

    id: str
    """What ``speak`` takes: "en-us+f3" (embedded), "facebook/mms-tts-eng" (from the Hub)."""
    name: str
    """For people: "English (America), woman"."""
    language: str
    """Code of the language as espeak-ng writes it: "en-us"."""
    engine: str
    """"espeak-ng" or "vits"."""
    licence: str
    """SPDX name of the licence, or where to read it."""


@dataclass(frozen=True)
class Utterance:
    """A sentence, or a part of a long one, as sound."""

    sound: np.ndarray
    """(N,) float32 in [-1, 1], mono, 16 kHz."""
    phones: list[Phone]
    """Cover the sound without gaps; times in seconds from its first sample."""
    text: str

    def led(self) -> "Utterance":
        """The same behind ``LEAD_S`` of silence, or behind as much of it as is lacking.

        Voices begin with their first sample, and a mouth that was shut would spring open.
        """
        pausing = self.phones[0].symbol == "PAU"
        lead = round((LEAD_S - pausing * self.phones[0].end) * SAMPLE_RATE)
        if lead <= 0:
            return self
        sound = np.pad(self.sound, (lead, 0))
        starts = [phone.start + lead / SAMPLE_RATE for phone in self.phones]
        ends = [*starts[1:], len(sound) / SAMPLE_RATE]
        spans = zip(starts, ends, self.phones, strict=True)
        phones = [Phone(start, end, phone.symbol) for start, end, phone in spans]
        silence = Phone(0.0, ends[0] if pausing else starts[0], "PAU")
        return Utterance(sound, [silence, *phones[pausing:]], self.text)


# Full stops after these, or after a single capital letter, end no sentence.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|(?i:mr|mrs|ms|dr|prof|st|sr|jr|sra|dra|mme|mlle|hr|fr|dott|no|nr|vs"
    r"|e\.g|i\.e|z\.b|u\.a|d\.h|etc|approx|fig|vol|inc|ltd|co))\.$"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…।॥؟])[\"'”’»)\]]*\s+|(?<=[。！？])\s*")
_CLAUSE_END = re.compile(r"(?<=[,;:،；：])\s+|(?<=[，、；：])|\s+[–—-]\s+")


def clean(text: str, max_chars: int | None = None) -> str:
    """Text without what cannot be said: control characters, emoji, broken code points.

    Line breaks stay, other white space becomes single spaces. Markup is text like any other.

    Raises:
        TextError: if nothing can be said, or there are more than ``max_chars`` characters.
    """
    if max_chars is not None and len(text) > max_chars:
        raise TextError(
            f"The text has {len(text)} characters, but at most {max_chars} can be spoken at once: "
            "shorten it or split it."
        )
    sayable = "".join(map(_sayable, unicodedata.normalize("NFC", text)))
    lines = (" ".join(line.split()) for line in sayable.splitlines())
    result = "\n".join(line for line in lines if line)
    if not any(unicodedata.category(c)[0] in "LN" for c in result):
        raise TextError("The text has no words to say: write at least one letter or number.")
    return result


def _sayable(char: str) -> str:
    """The character, a space, or nothing."""
    if char in "\n\r\u2028\u2029":
        return "\n"
    if char in "\u200c\u200d":  # joiners, which Persian and Indic spelling needs
        return char
    category = unicodedata.category(char)
    if category in ("Cf", "Me") or "\ufe00" <= char <= "\ufe0f":
        return ""
    pictorial = char >= "\u2190" and category == "So" or "\U0001f3fb" <= char <= "\U0001f3ff"
    return " " if pictorial or category in ("Cc", "Cs", "Co", "Cn") else char


def split(text: str, limit: int = PIECE_CHARS) -> list[str]:
    """Cut cleaned text at sentences; one beyond ``limit`` characters at clauses, then at words."""
    pieces = []
    for line in text.splitlines():
        for sentence in _sentences(line):
            pieces += _packed(sentence, limit)
    return [piece for piece in pieces if any(c.isalnum() for c in piece)]


def _sentences(line: str) -> list[str]:
    """The sentences of one line."""
    result, start = [], 0
    for end in _SENTENCE_END.finditer(line):
        sentence = line[start : end.end()].strip()
        goes_on = line[end.end() : end.end() + 1].islower() or _ABBREVIATION.search(sentence)
        if sentence and not goes_on:
            result.append(sentence)
            start = end.end()
    return [*result, line[start:].strip()]


def _packed(sentence: str, limit: int) -> list[str]:
    """The sentence in parts of at most ``limit`` characters, cut at clauses or else at words."""
    parts: list[str] = []
    while len(sentence) > limit:
        head = sentence[:limit]
        ends = [m.end() for m in _CLAUSE_END.finditer(head)] or [head.rfind(" ")]
        cut = ends[-1] if ends[-1] > 0 else limit
        parts.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*parts, sentence]
