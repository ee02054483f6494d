"""Phones and the visemes that they look like, for ARPAbet (upper case) and IPA (anything else)."""

import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_LOGGER = logging.getLogger(__name__)

VISEMES = (
    "sil", "aa", "ae", "ah", "ao", "eh", "er", "ih", "iy", "ow", "uw",
    "w", "r", "l", "pbm", "fv", "th", "tdn", "sz", "sh", "kg",
)  # fmt: skip
"""The 21 mouth shapes; the order is a contract with every trained network."""


@dataclass(frozen=True)
class Phone:
    """One phone of an utterance."""

    start: float
    """Start in seconds."""
    end: float
    """End in seconds, after ``start``."""
    symbol: str
    """ARPAbet in upper case ("AA") or IPA ("ɑː"); a pause is "PAU" in both."""


@dataclass(frozen=True)
class Segment:
    """A stretch of time with one mouth shape."""

    start: float
    end: float
    viseme: str
    """One of ``VISEMES``."""
    voiced: bool


# A phone is one shape, or two in turn (diphthongs, affricates).
ARPABET: dict[str, tuple[str, ...]] = {
    "PAU": ("sil",), "SIL": ("sil",), "AA": ("aa",), "AE": ("ae",), "AH": ("ah",), "AX": ("ah",),
    "AO": ("ao",), "AW": ("aa", "uw"), "AY": ("aa", "ih"), "B": ("pbm",), "CH": ("tdn", "sh"),
    "D": ("tdn",), "DH": ("th",), "EH": ("eh",), "ER": ("er",), "EY": ("eh", "iy"), "F": ("fv",),
    "G": ("kg",), "HH": ("ah",), "IH": ("ih",), "IY": ("iy",), "JH": ("tdn", "sh"), "K": ("kg",),
    "L": ("l",), "M": ("pbm",), "N": ("tdn",), "NG": ("kg",), "OW": ("ow", "uw"),
    "OY": ("ao", "iy"), "P": ("pbm",), "R": ("r",), "S": ("sz",), "SH": ("sh",), "T": ("tdn",),
    "TH": ("th",), "UH": ("uw",), "UW": ("uw",), "V": ("fv",), "W": ("w",), "Y": ("iy",),
    "Z": ("sz",), "ZH": ("sh",),
}  # fmt: skip

VOICELESS = frozenset(("PAU", "SIL", "CH", "F", "HH", "K", "P", "S", "SH", "T", "TH"))

# The letters of IPA by mouth shape. Keys of several letters win over shorter ones.
_IPA_BY_SHAPE = {
    ("aa",): "a ɑ ɶ",
    ("ae",): "æ",
    ("ah",): "ʌ ə ɐ ɘ ɜ ɤ h ɦ ħ ʔ ʕ ʜ ʢ ʡ ?",
    ("ao",): "ɔ ɒ",
    ("eh",): "ɛ e ᴇ ε",
    ("er",): "ɜː ɚ ɝ ər əɹ",
    ("ih",): "ɪ ɨ ɯ ᵻ ɿ ʅ",
    ("iy",): "i j ç ʝ",
    ("ow",): "o ɵ ø œ ɞ",
    ("uw",): "u ʊ ʉ y ʏ ᵿ ɯᵝ",
    ("w",): "w ʍ ɥ ɸ Φ",
    ("r",): "ɹ ɻ",
    ("l",): "l ɫ ɬ ɭ ɮ ʎ ʟ ɺ ǁ",
    ("pbm",): "p b m ɓ ʙ β ʘ",
    ("fv",): "f v ʋ ɱ ⱱ",
    ("th",): "θ ð",
    ("tdn",): "t d n ʈ ɖ ɳ ɲ r ɾ ɽ ɗ ᶑ ǀ ǃ ǂ",
    ("sz",): "s z",
    ("sh",): "ʃ ʒ ʂ ʐ ɕ ʑ ɧ",
    ("tdn", "sh"): "c ɟ ʄ ʧ ʤ ʨ ʥ",
    ("tdn", "sz"): "ʦ ʣ",
    ("kg",): "k g ɡ ŋ q ɢ ɴ x ɣ χ ʁ ʀ ɰ ɠ ʛ ng nɡ",
}
IPA: dict[str, tuple[str, ...]] = {
    unicodedata.normalize("NFC", letters): shapes
    for shapes, keys in _IPA_BY_SHAPE.items()
    for letters in keys.split()
}
_LONGEST_KEY = max(map(len, IPA))
_VOICELESS_IPA = frozenset("ptkcqʔ?ʡfɸΦʦʧʨθsʃʂɕçxχħhʜʍʈɬɧʘǀǃǂǁ")
_DEVOICED = "\N{COMBINING RING BELOW}", "\N{COMBINING RING ABOVE}"
# What colours a sound without moving the lips: language switches, stress, length, tone, ties,
# raised and combining letters, an aspirating h, and the marks that espeak leaves in a few names.
_NOT_A_SHAPE = re.compile(
    r"\([a-z-]*\)|[ˈˌˑ˥-˩\d.^\"'`#*;:!~+_[-]|[ʰʱʲʷˠˤⁿˡʼ˞ʴʵʶᵊᶿᵐᵑʳᵗᵈ]|(?<=[ptkqcsʃɕʂ._])h|\s"
)


def segments(phones: Iterable[Phone]) -> list[Segment]:
    """Turn phones into mouth-shape segments that share each phone's time equally."""
    result = []
    for phone in phones:
        shapes = visemes_of(phone.symbol)
        step = (phone.end - phone.start) / len(shapes)
        for i, shape in enumerate(shapes):
            start = phone.start + i * step
            voiced = is_voiced(phone.symbol)
            result.append(Segment(start, start + step, shape, voiced))
    return result


@lru_cache(maxsize=4096)
def visemes_of(symbol: str) -> tuple[str, ...]:
    """The mouth shapes of a phone in turn: one, two (diphthong, affricate) or three (triphthong).

    A symbol of neither alphabet gets the shapes of those of its letters that are known, or of the
    plain letters below its accents and hooks, or a neutral mouth, and one warning in the log.
    """
    try:
        return strict_visemes_of(symbol)
    except KeyError:
        guess = _joined(_guess(letter) for letter in symbol) or ("ah",)
        _LOGGER.warning("unknown phone %r: drawn as %s", symbol, "+".join(guess))
        return guess


def strict_visemes_of(symbol: str) -> tuple[str, ...]:
    """The mouth shapes of a phone of ARPAbet or IPA.

    Raises:
        KeyError: for a symbol of neither alphabet.
    """
    if symbol in ARPABET:
        return ARPABET[symbol]
    if not symbol:
        return ("sil",)
    shapes = _joined(IPA[letters] for letters in _letters(symbol))
    if not shapes:
        raise KeyError(symbol)
    return shapes


def is_voiced(symbol: str) -> bool:
    """Whether the vocal folds swing during the phone, or during any part of it."""
    if symbol in ARPABET or not symbol:
        return symbol not in VOICELESS and bool(symbol)
    if any(mark in unicodedata.normalize("NFD", symbol) for mark in _DEVOICED):
        return False
    return any(letter not in _VOICELESS_IPA for letter in _plain(symbol).replace("ː", ""))


def is_mark(symbol: str) -> bool:
    """Whether the symbol is no sound of its own: a language switch, a tone, a stress mark."""
    return symbol != "" and not _plain(symbol).strip("ː")


def _letters(symbol: str) -> list[str]:
    """Split an IPA symbol into keys of ``IPA``, longest first; unknown letters stay alone."""
    plain, keys = _plain(symbol), []
    while plain:
        lengths = range(min(_LONGEST_KEY, len(plain)), 0, -1)
        key = next((plain[:n] for n in lengths if plain[:n] in IPA), plain[0])
        plain = plain[len(key) :]
        if key != "ː":
            keys.append(key)
    return keys


def _plain(symbol: str) -> str:
    """The letters that shape the mouth, and length marks (they tell ɜː from ɜ)."""
    text = unicodedata.normalize("NFC", symbol)
    text = "".join(c if c in IPA else unicodedata.normalize("NFD", c) for c in text)
    text = "".join(c for c in text if not unicodedata.combining(c))
    return _NOT_A_SHAPE.sub("", text)


def _guess(letter: str) -> tuple[str, ...]:
    """The shapes of a letter, or of the Latin letter that its Unicode name mentions, or none."""
    if letter in IPA:
        return IPA[letter]
    named = re.search(r"LETTER (?:\w+ )*?([A-Z])\b", unicodedata.name(letter, ""))
    return IPA.get(named[1].lower(), ()) if named else ()


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All shapes in turn, without immediate repetitions."""
    shapes = [shape for part in parts for shape in part]
    return tuple(s for i, s in enumerate(shapes) if i == 0 or s != shapes[i - 1])
