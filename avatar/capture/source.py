"""A film from any phone or camera as upright frames of one constant rate, read as they are needed.

moviepy's parser says what ffmpeg finds in the file; frames stream straight from the bundled ffmpeg,
which turns them as the film's rotation flag says and evens out a variable frame rate.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import CaptureError, SoundError
from ..files import unreadable
from ..media import input_arguments, running_ffmpeg
from ..speech.audio import load_sound
from ..timing import SAMPLE_RATE, parse_fps

RATES = (
    *(Fraction(rate, 1001) for rate in (24_000, 30_000, 48_000, 60_000)),
    *map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120)),
)
"""What films are shot at. Phones slow down in the dark and waver: the nearest one is taken."""
FASTEST = 31
"""Frames a second beyond which every second frame is left out: lips do not need them."""
SLOWEST = 20
"""Films with fewer frames a second keep their own rate: others would be made of copies."""
LARGEST = 8192
"""Widest or highest picture that is read, in px."""
SEEK_FRAMES = 8
"""How much earlier than wanted reading begins, for the frame that is shown there."""

# Phones film in HDR (HLG or PQ); read as if it were not, faces come out grey.
_HDR = "zscale=t=linear:npl=203,tonemap=mobius:desat=0,zscale=p=bt709:t=bt709:m=bt709:r=tv,"
# Some cameras' pixels are not square, and encoders want even numbers of them.
_SQUARE = "scale=trunc(iw*sar/2+0.5)*2:trunc(ih/2+0.5)*2,setsar=1"


@dataclass(frozen=True)
class VideoSource:
    """What a film is; ``open_video`` makes one."""

    path: Path
    width: int
    """Pixels, as it is to be looked at: turned, and with square pixels."""
    height: int
    fps: Fraction
    """At which ``read`` yields, whatever the film's own rhythm."""
    frames: int
    """How many ``read`` yields; the file's own word for its length, so it may be a few off."""
    has_sound: bool
    hdr: bool = False
    """Whether its colours are to be mapped to those of an ordinary screen."""
    begins: float = 0.0
    """Seconds on the file's own clock at which it starts; recorders rarely count from zero."""

    @property
    def seconds(self) -> float:
        """Length."""
        return float(self.frames / self.fps)

    def at(self, fps: Fraction) -> "VideoSource":
        """The same film at another rate: each moment shows the frame that is nearest in time."""
        return replace(self, fps=fps, frames=max(round(self.frames / self.fps * fps), 1))

    def read(
        self,
        start: int = 0,
        stop: int | None = None,
        height: int | None = None,
        square: tuple[int, int, int] | None = None,
    ) -> Iterator[np.ndarray]:
        """Frames ``start`` to ``stop`` as they are decoded; the same ones wherever one starts.

        Args:
            start: first frame; frame i is what is shown at i / fps.
            stop: frame to end before; None: to the film's end.
            height: rows to scale down to, for a quick look; films that have fewer stay as they are.
            square: x, y, side in even px of the whole frame, to yield this part of it alone.

        Yields:
            (h, w, 3) uint8 RGB.

        Raises:
            CaptureError: if the file can no longer be read.
        """
        h = min(height or self.height, self.height)
        w = self.width if h == self.height else 2 * round(self.width * h / self.height / 2)
        part = ""
        if square is not None:
            x, y, side = square
            w = h = side
            part = f",crop={side}:{side}:{x}:{y}"
        even = f"fps={self.fps}:start_time={float(start / self.fps) + self.begins:.9f}:round=near"
        whole = part or (w, h) == (self.width, self.height)
        size = part if whole else f",scale={w}:{h}:flags=area"
        seek = max(float((start - SEEK_FRAMES) / self.fps) - 0.2, 0)
        arguments = [
            *("-ss", f"{seek:.6f}", "-copyts"), *input_arguments(self.path), *("-map", "0:V:0"),
            *("-vf", f"{even},{_HDR if self.hdr else ''}{_SQUARE}{size}"),
            *("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *(() if stop is None else ("-frames:v", str(max(stop - start, 0)))), "pipe:1",
        ]  # fmt: skip
        if stop is not None and stop <= start:
            return
        with running_ffmpeg(arguments, stdout=subprocess.PIPE) as ffmpeg:
            while len(data := ffmpeg.stdout.read(3 * w * h)) == 3 * w * h:
                yield np.frombuffer(data, np.uint8).reshape(h, w, 3)
            if ffmpeg.wait() < 0:
                raise CaptureError(f"The reading of '{self.path.name}' was stopped from outside.")

    def sound(self) -> np.ndarray:
        """What is heard, (N,) float32 mono at 16 kHz; silence as long as the film without sound.

        Raises:
            SoundError: if the sound is damaged.
        """
        if not self.has_sound:
            return np.zeros(round(self.frames / self.fps * SAMPLE_RATE), np.float32)
        return load_sound(self.path)


def open_video(path: str | Path, fastest: float = FASTEST) -> VideoSource:
    """Look into a film: its first picture is decoded to see how it is to be looked at.

    Args:
        path: the film.
        fastest: frames a second; of films with more, every second frame is left out.

    Raises:
        CaptureError: if it is missing, empty, damaged, no film, or shows no picture.
    """
    path, name = Path(path), f"'{Path(path).name}'"
    if why := unreadable(path):
        raise CaptureError(f"The video {name} {why}.")
    facts, first, hdr = _probe(path)
    seconds, rate = facts.get("duration"), facts.get("video_fps")
    text = facts.get("video_codec_name") == "ansi"  # ffmpeg shows text files as films
    if first is None or text or not seconds or not rate or seconds * rate < 2:
        raise CaptureError(f"{name} is not a video that can be read, or it is damaged.")
    height, width = first.shape[:2]
    if max(height, width) > LARGEST:
        raise CaptureError(f"{name} is {width}x{height}; the largest that is read is {LARGEST}.")
    fps = _constant(rate, fastest)
    frames = max(round(seconds * fps), 1)
    heard, begins = _can_be_heard(path, facts), facts.get("start") or 0.0
    return VideoSource(path, width, height, fps, frames, heard, hdr, begins)


def _probe(path: Path) -> tuple[dict[str, Any], np.ndarray | None, bool]:
    """What moviepy understands of ffmpeg's report, the first picture, and whether it is HDR."""
    from moviepy.video.io.ffmpeg_reader import FFmpegInfosParser

    arguments = [
        *("-loglevel", "info", *input_arguments(path), "-map", "0:V:0", "-frames:v", "1"),
        *("-vf", _SQUARE, "-f", "image2pipe", "-c:v", "bmp", "pipe:1"),
    ]  # fmt: skip
    with running_ffmpeg(arguments, stdout=subprocess.PIPE) as ffmpeg:
        data = ffmpeg.stdout.read()
        ffmpeg.wait()
        report = ffmpeg.complaints()
    first = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    hdr = re.search(r"Video: .*(arib-std-b67|smpte2084)", report) is not None
    try:
        facts = FFmpegInfosParser(report.split("\nStream mapping:")[0], str(path)).parse() or {}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        facts = {}  # whatever it is, the parser does not know it
    return facts, first, hdr


def _constant(rate: float, fastest: float) -> Fraction:
    """The rate to read a film at: the nearest usual one, or its own where it is unusual."""
    rate = min(max(rate, 1), 1000)
    while rate > fastest:
        rate /= 2
    nearest = min(RATES, key=lambda usual: abs(usual - Fraction(rate)))
    return nearest if rate > SLOWEST else parse_fps(f"{rate:.2f}")


def _can_be_heard(path: Path, facts: dict[str, Any]) -> bool:
    """Whether there is a sound track that can be decoded."""
    if not facts.get("audio_found"):
        return False
    from ..speech.audio import stream_sound

    try:
        next(stream_sound(path))
    except (SoundError, StopIteration):
        return False
    return True
