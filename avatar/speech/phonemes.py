"""Phones and the visemes that they look like, for ARPAbet (upper case) and IPA (anything else)."""

from collections.abc import Iterable
from dataclasses import dataclass

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
    """ARPAbet in upper case ("AA", "PAU") or IPA ("ɑː", "")."""


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


def segments(phones: Iterable[Phone]) -> list[Segment]:
    """Turn phones into mouth-shape segments, two for diphthongs and affricates.

    Raises:
        KeyError: for a symbol of neither alphabet.
    """
    result = []
    for phone in phones:
        shapes = visemes_of(phone.symbol)
        step = (phone.end - phone.start) / len(shapes)
        for i, shape in enumerate(shapes):
            start = phone.start + i * step
            voiced = is_voiced(phone.symbol)
            result.append(Segment(start, start + step, shape, voiced))
    return result


def visemes_of(symbol: str) -> tuple[str, ...]:
    """The one or two mouth shapes of a phone.

    Raises:
        KeyError: for a symbol of neither alphabet.
    """
    return ARPABET[symbol]


def is_voiced(symbol: str) -> bool:
    """Whether the vocal folds swing during the phone."""
    return symbol not in VOICELESS
