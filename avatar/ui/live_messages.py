"""The messages of the live endpoint, which ``socket`` describes: read with suspicion, written."""

import json
import struct
from typing import Any

import cv2
import numpy as np

from ..errors import SoundError
from ..face.drawing import SIZE
from ..render.scheduler import Frame
from ..render.session import LiveSession
from ..speech.recognize import to_pcm
from ..timing import SAMPLE_RATE

HEADER = struct.Struct("<IBxxxII")
"""Of a frame: its number; 1 while she speaks, 0 while she listens; bytes of JPEG and of sound."""
QUALITY = 85
"""Of the JPEGs, of 100."""
MAX_BYTES = 2**21
"""The largest message: a little over a minute of sound."""
GOING_AWAY, REFUSED, TOO_LARGE, NO_PLACE = 1001, 1008, 1009, 1013
"""Codes of a connection's end, as RFC 6455 and IANA's list have them."""


class Farewell(Exception):
    """Ends a connection, with a sentence for people and a code."""

    def __init__(self, sentence: str, code: int = REFUSED):
        super().__init__(sentence)
        self.code = code


def parsed(data: str | bytes) -> dict[str, Any] | bytes:
    """A message that came: sound, or an object that has a type.

    Raises:
        Farewell: for anything else.
    """
    if len(data) > MAX_BYTES:
        raise Farewell(f"The message is larger than {MAX_BYTES >> 20} MiB.", TOO_LARGE)
    if isinstance(data, bytes):
        return data
    try:
        message = json.loads(data, parse_int=float)  # which has no number too large for it
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Farewell('A text message should be a JSON object with a "type".')
    return message


def values_of(message: dict[str, Any], **defaults: str | float) -> list[Any]:
    """Values of a message in the order of their defaults, which say of what kind they are.

    Raises:
        Farewell: if one is of another kind.
    """
    values = []
    for name, default in defaults.items():
        value = message.get(name, default)
        kinds = (str,) if isinstance(default, str) else (int, float)
        if type(value) not in kinds:
            raise Farewell(f"{name} should be a {'text' if kinds == (str,) else 'number'}.")
        values.append(value)
    return values


def sound_of(data: bytes) -> np.ndarray:
    """PCM as a sound, (n,) float32 at 16 kHz.

    Raises:
        SoundError: if it has half a sample.
    """
    if len(data) % 2:
        raise SoundError("The sound has half a sample: send 16-bit PCM, mono, at 16 kHz.")
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def encoded_frame(frame: Frame) -> bytes:
    """A frame as it is sent."""
    jpeg = b""
    if frame.picture is not None:
        options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        jpeg = cv2.imencode(".jpg", frame.picture[..., ::-1], options)[1].tobytes()
    sound = to_pcm(frame.shot.sound)
    head = HEADER.pack(frame.shot.index, frame.shot.speaking, len(jpeg), len(sound))
    return head + jpeg + sound


def ready(session: LiveSession) -> dict[str, Any]:
    """What a client is told of what it will get."""
    return {
        "type": "ready", "identity": session.identity.name, "fps": float(session.fps),
        "width": SIZE, "height": SIZE, "rate": SAMPLE_RATE, "synthetic": True,
    }  # fmt: skip
