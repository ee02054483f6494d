"""The timing law: frame i of a video shows the sound of [i/fps, (i+1)/fps), in exact integers."""

from fractions import Fraction

SAMPLE_RATE = 16_000
"""Samples per second of every sound inside the package (mono float32 in [-1, 1])."""


def frame_count(samples: int, fps: Fraction) -> int:
    """Number of frames that cover ``samples`` at 16 kHz: ceil(samples * fps / 16000), no floats."""
    return -(-samples * fps.numerator // (SAMPLE_RATE * fps.denominator))


def frame_start(frame: int, fps: Fraction) -> int:
    """First of the samples at 16 kHz that belong to a frame; the next frame's start ends it."""
    return frame * SAMPLE_RATE * fps.denominator // fps.numerator


def parse_fps(value: str | int | float) -> Fraction:
    """Read a frame rate such as ``25``, ``"30000/1001"`` or ``29.97`` (taken as 30000/1001).

    Raises:
        ValueError: if the rate is not in 1..240 frames per second.
    """
    try:
        text = str(value)
        if "e" in text.lower():  # 1e999999999 would be worked out digit by digit
            raise ValueError
        fps = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"expected a frame rate, got {str(value)[:40]!r}") from None
    ntsc = Fraction(round(fps) * 1000, 1001)
    if fps.denominator != 1 and abs(fps - ntsc) < Fraction(1, 200):
        fps = ntsc
    if not 1 <= fps <= 240:
        raise ValueError(f"expected a frame rate between 1 and 240, got {value}")
    return fps
