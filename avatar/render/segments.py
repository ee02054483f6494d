"""A stream of frames and sound as the segments of one MPEG-TS, each as soon as it can be played.

One encoder makes all of them: it starts once, and its sound has no seams. Segments begin with a key
frame and carry on the clock of those before them, as HLS players want it.
"""

import math
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, count
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ..media import Ffmpeg, running_ffmpeg
from ..timing import SAMPLE_RATE
from .video import AAC, COLOUR, Label, failure, finish

SECONDS = Fraction(1, 2)
"""Players look for the next segment once a segment: longer ones come too late for the first."""

# A segment lives for seconds, on a machine that renders meanwhile. Measured at 512x512: 3.2 ms of
# one core a frame instead of 5, at the same error and twice the size; no frame waits for others.
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "20",
         "-threads", "1")  # fmt: skip
# Raw input needs no probing, which would hold back seconds of it.
_RAW = ("-probesize", "32", "-analyzeduration", "0", "-thread_queue_size", "16", "-f")


class Moment(NamedTuple):
    """What is seen and heard during one frame."""

    frame: np.ndarray
    """(H, W, 3) uint8 RGB."""
    sound: np.ndarray
    """(n,) float32 mono at 16 kHz: what is heard during the frame."""


class Segment(NamedTuple):
    """A part of a stream that can be played once those before it have been."""

    data: bytes
    """MPEG-TS with H.264 and AAC."""
    seconds: float


def segment_frames(fps: Fraction) -> int:
    """Frames of a segment: the fewest that last ``SECONDS``."""
    return math.ceil(fps * SECONDS)


def segments(
    stream: Iterable[Moment], fps: Fraction, metadata: Mapping[str, str] | None = None
) -> Iterator[Segment]:
    """Encode a stream as it comes, each picture labelled "AI-generated".

    Args:
        stream: frames of one size with their sound.
        fps: frames per second.
        metadata: container tags of each; MPEG-TS has room for ``title``.

    Yields:
        Segments of ``segment_frames(fps)`` frames, each a few frames after its last one was given;
        only the last may have fewer.

    Raises:
        RenderError: if they cannot be encoded.
    """
    stream = iter(stream)
    first = next(stream, None)
    if first is None:
        return
    length, left = segment_frames(fps), 0
    size = first.frame.shape[1::-1]
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        finished = _finished(Path(folder))
        with _encoder(Path(folder), size, fps, metadata or {}) as encoder:
            for moment in chain([first], stream):
                encoder.write(moment)
                left += 1
                if data := next(finished):
                    left -= length
                    yield Segment(data, float(length / fps))
            encoder.finish()
        while data := next(finished):
            frames = min(length, left)
            left -= frames
            yield Segment(data, float(frames / fps))


@contextmanager
def _encoder(
    folder: Path, size: tuple[int, int], fps: Fraction, metadata: Mapping[str, str]
) -> Iterator["_Encoder"]:
    """What cuts all that it is given into files in ``folder``."""
    heard, said = os.pipe()
    with open(heard, "rb", buffering=0) as ear, open(said, "wb", buffering=0) as mouth:
        arguments = [*_inputs(heard, fps, size), *_outputs(folder, segment_frames(fps), metadata)]
        with running_ffmpeg(arguments, stdin=subprocess.PIPE, pass_fds=(heard,)) as ffmpeg:
            ear.close()  # or a write would wait for ever for an ffmpeg that is gone
            yield _Encoder(ffmpeg, mouth, Label(size))


class _Encoder:
    def __init__(self, ffmpeg: Ffmpeg, mouth: IO[bytes], label: Label):
        self._ffmpeg, self._mouth, self._label = ffmpeg, mouth, label

    def write(self, moment: Moment) -> None:
        frame = np.ascontiguousarray(self._label.drawn_on(moment.frame))
        try:
            # The sound first: a pipe holds seconds of it, but no frame.
            self._mouth.write(np.asarray(moment.sound, "<f4").data)
            self._ffmpeg.stdin.write(frame.data)
        except OSError as error:
            raise failure(self._ffmpeg) from error

    def finish(self) -> None:
        finish(self._ffmpeg, self._mouth, self._ffmpeg.stdin)


def _finished(folder: Path) -> Iterator[bytes]:
    """Segments in order, each taken away; empty where the next is not finished yet."""
    for number in count():
        path = folder / f"{number}.ts"
        while not path.exists():  # ffmpeg gives it this name when it is whole
            yield b""
        data = path.read_bytes()
        path.unlink()
        yield data


def _inputs(sound: int, fps: Fraction, size: tuple[int, int]) -> list[str]:
    return [
        *_RAW, "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(fps),
        "-i", "pipe:0",
        *_RAW, "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", f"pipe:{sound}",
    ]  # fmt: skip


def _outputs(folder: Path, length: int, metadata: Mapping[str, str]) -> list[str]:
    tags = [part for key, text in metadata.items() for part in ("-metadata", f"{key}={text}")]
    return [
        "-vf", COLOUR, *_H264, "-g", str(length), *AAC, *tags,
        # hls_time is less than a segment: it ends at each key frame.
        "-f", "hls", "-hls_time", "0.01", "-hls_list_size", "0", "-hls_flags", "temp_file",
        "-muxdelay", "0", "-muxpreload", "0",
        "-hls_segment_filename", f"{folder}/%d.ts", f"{folder}/playlist.m3u8",
    ]  # fmt: skip
