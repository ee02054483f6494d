"""Text to speech: every voice behind one small interface, each utterance with its phone times."""

from collections.abc import Iterator

from ..errors import TextError, VoiceError
from . import espeak, neural
from .utterance import Utterance, Voice, clean, split

__all__ = ["Utterance", "Voice", "find_voice", "speak", "voices"]

DEFAULT_VOICE = "en-us"


def voices() -> list[Voice]:
    """Every voice that is offered: the embedded ones, then the neural ones of the Hub.

    Raises:
        VoiceError: if the embedded engine cannot be loaded.
    """
    return espeak.voices() + neural.voices()


def find_voice(name: str) -> Voice:
    """The voice of an id, of a language ("en-us", "de": its first voice) or of a Hub repo id.

    Raises:
        VoiceError: if there is none.
    """
    return neural.find_voice(name) if "/" in name else espeak.find_voice(name)


def speak(
    text: str,
    voice: str | Voice = DEFAULT_VOICE,
    rate: float = 1.0,
    pitch: float = 1.0,
    max_chars: int | None = None,
) -> Iterator[Utterance]:
    """Speak a text, one utterance a sentence, each made when it is asked for.

    Each begins with ``utterance.LEAD_S`` of silence at least, so that the mouth can open.

    Arguments are checked at the call, before the first utterance.

    Args:
        text: plain text of any length; markup is read aloud as text, emoji are left out.
        voice: a ``Voice``, its id, a language, or the id of a VITS model on the Hub ("org/name").
        rate: speed in 0.5..2, 1 is normal.
        pitch: height of the voice in 0.5..2, 1 is normal.
        max_chars: the longest text that is accepted; None for any length.

    Raises:
        TextError: if the text is empty, without words or too long.
        VoiceError: if the voice is unknown or cannot be loaded, or rate or pitch are out of range.
    """
    if not isinstance(text, str) or not text.strip():
        raise TextError("There is no text to speak: write a sentence first.")
    for name, value in (("rate", rate), ("pitch", pitch)):
        if not 0.5 <= value <= 2:
            raise VoiceError(f"The {name} must be between 0.5 and 2, but it is {value:g}.")
    pieces = split(clean(text, max_chars))
    chosen = voice if isinstance(voice, Voice) else find_voice(voice)
    engine = neural if chosen.engine == neural.ENGINE else espeak
    return (said.led() for said in engine.speak(pieces, chosen, rate, pitch))
