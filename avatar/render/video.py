"""Frames and sound to an MP4 that every browser plays: H.264 and AAC, both starting at zero."""

import errno
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from ..errors import RenderError
from ..files import check_places, replacing
from ..media import Ffmpeg, input_arguments, running_ffmpeg
from ..speech.speech import Speech
from ..timing import SAMPLE_RATE, frame_count
from .receipt import Receipt, receipt_path

LABEL = "AI-generated"
"""What the visible label says."""

# RGB is full range and has no matrix, so the conversion is spelt out and tagged: players that are
# told nothing guess, and shift the colours. accurate_rnd keeps flat areas from drifting by a level.
COLOUR = ",".join((
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd", "format=yuv420p",
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
))  # fmt: skip
# No B-frames: they would need an edit list to start at zero. Measured at 512x512: 5 ms of one
# core a frame, 42 dB, 1.1 Mbit/s; "superfast" saves 0.3 ms and doubles the size.
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-bf", "0")
# At 48 kHz an AAC frame lasts 21 ms; at 16 kHz its 64 ms are longer than a picture.
AAC = ("-c:a", "aac", "-b:a", "96k", "-ar", "48000")
# How ffmpeg ends then: its complaint may be lost, as that is a file on the same disk.
_DISK_FULL = 256 - errno.ENOSPC


@dataclass(frozen=True)
class Video:
    """A finished MP4."""

    path: Path
    frames: int
    fps: Fraction
    speech: Speech | None = None
    """What is said in it, where that is known."""
    receipt: Receipt | None = None
    """What it was found to be when it was finished, where it was looked at."""

    @property
    def seconds(self) -> float:
        """Length of the pictures; the sound is less than one frame shorter."""
        return float(self.frames / self.fps)


class VideoWriter:
    """An MP4 that is being written; ``video_writer`` makes one."""

    def __init__(self, ffmpeg: Ffmpeg, frames: int, size: tuple[int, int], label: bool):
        self.frames = frames
        """Frames that the sound needs."""
        self.written = 0
        """Frames so far."""
        self.receipt: Receipt | None = None
        """After the block, what the finished file was found to be."""
        self._ffmpeg = ffmpeg
        self._shape = (size[1], size[0], 3)
        self._label = Label(size) if label else None

    def write(self, frame: np.ndarray) -> None:
        """Append one frame; waits while the encoder is behind.

        Args:
            frame: (H, W, 3) uint8 RGB.

        Raises:
            RenderError: if it has another shape or type, comes after the end of the sound, or
                ffmpeg has stopped, for example because the disk is full.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise RenderError(
                f"A frame should be uint8 {self._shape}, but is {frame.dtype} {frame.shape}."
            )
        if self.written == self.frames:
            raise RenderError(f"There are more frames than the sound's {self.frames}.")
        if self._label:
            frame = self._label.drawn_on(frame)
        try:
            self._ffmpeg.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as error:
            raise failure(self._ffmpeg) from error
        self.written += 1

    def finish(self) -> None:
        """Wait for the end of the encoding.

        Raises:
            RenderError: if frames are missing or ffmpeg failed.
        """
        if self.written < self.frames:
            raise RenderError(f"There are {self.written} frames for the sound's {self.frames}.")
        finish(self._ffmpeg, self._ffmpeg.stdin)


@contextmanager
def video_writer(
    path: str | Path,
    fps: Fraction,
    sound: np.ndarray,
    *,
    size: tuple[int, int] = (512, 512),
    metadata: Mapping[str, str] | None = None,
    label: bool = False,
    inspect: Callable[[Path], Receipt] | None = None,
) -> Iterator[VideoWriter]:
    """Write an MP4 frame by frame.

    The file appears under its name when the block ends well; if it raises or its generator is
    closed, nothing is left and an older file stays. Frames pass through a pipe, so memory does not
    grow with the length.

    Args:
        path: where the MP4 goes; its folder must exist.
        fps: frames per second.
        sound: (N,) float32 mono in [-1, 1] at 16 kHz; the video gets ceil(N * fps / 16000) frames.
        size: width and height of the frames in pixels, both even.
        metadata: container tags such as ``title`` and ``comment``.
        label: draw a small "AI-generated" into the lower left corner.
        inspect: looks at the finished file before it takes its place; what it raises is raised.
            Its receipt is kept beside the video: one is never there without the other.

    Raises:
        AvatarError: if it has no place; see ``check_places``.
        RenderError: if it cannot be written, or the frames are not as many as the sound needs.
    """
    path = Path(path)
    check_places([path, beside := receipt_path(path)])
    if not len(sound):
        raise RenderError("There is no sound to make a video of.")
    with (
        tempfile.TemporaryDirectory(prefix="avatar-") as scratch,
        replacing(path) as temporary,
        replacing(beside) if inspect else nullcontext() as paper,
        running_ffmpeg(
            [
                *_inputs(Path(scratch) / "sound.f32", fps, sound, size),
                *_output(temporary, metadata or {}),
            ],
            stdin=subprocess.PIPE,
        ) as ffmpeg,
    ):
        writer = VideoWriter(ffmpeg, frame_count(len(sound), fps), size, label)
        yield writer
        writer.finish()
        if inspect:
            writer.receipt = inspect(temporary)
            writer.receipt.save(paper)


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: Fraction,
    sound: np.ndarray,
    *,
    size: tuple[int, int] = (512, 512),
    metadata: Mapping[str, str] | None = None,
    label: bool = False,
    inspect: Callable[[Path], Receipt] | None = None,
) -> Video:
    """Write all ``frames``, each (H, W, 3) uint8 RGB, into an MP4; see ``video_writer``."""
    with video_writer(
        path, fps, sound, size=size, metadata=metadata, label=label, inspect=inspect
    ) as writer:  # fmt: skip
        for frame in frames:
            writer.write(frame)
    return Video(Path(path), writer.written, fps, receipt=writer.receipt)


def _inputs(
    sound_file: Path, fps: Fraction, sound: np.ndarray, size: tuple[int, int]
) -> list[str]:
    try:
        np.asarray(sound, "<f4").tofile(sound_file)
    except OSError as error:
        raise RenderError(f"The sound could not be stored in {sound_file.parent}.") from error
    raw_video = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"]
    raw_sound = ["-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", *input_arguments(sound_file)]
    return [*raw_video, "-r", str(fps), "-i", "pipe:0", *raw_sound]


def _output(target: Path, metadata: Mapping[str, str]) -> list[str]:
    tags = [part for key, text in metadata.items() for part in ("-metadata", f"{key}={text}")]
    return [
        "-vf", COLOUR, *_H264, *AAC, *tags,
        "-movflags", "+faststart+use_metadata_tags", "-f", "mp4", f"file:{target}",
    ]  # fmt: skip


def finish(ffmpeg: Ffmpeg, *pipes: IO[bytes]) -> None:
    """Close what an ffmpeg that writes a video reads from, and wait until it has written all.

    Raises:
        RenderError: if it failed.
    """
    try:
        for pipe in pipes:
            pipe.close()
    except OSError as error:
        raise failure(ffmpeg) from error
    if ffmpeg.wait() != 0:
        raise failure(ffmpeg)


def failure(ffmpeg: Ffmpeg) -> RenderError:
    """Why an ffmpeg that writes a video has stopped."""
    status, complaints = ffmpeg.wait(), ffmpeg.complaints()
    if status == _DISK_FULL or "No space left" in complaints:
        return RenderError("The video could not be written because the disk is full.")
    lines = complaints.strip().splitlines()
    reason = lines[-1][:200] if lines else f"ffmpeg ended with status {status}"
    return RenderError(f"The video could not be written: {reason.rstrip('.')}.")


class Label:
    """White letters on a dark, half-transparent ground, prepared once and blended into frames."""

    def __init__(self, size: tuple[int, int]):
        scale = size[0] / 512 * 0.45
        (width, height), below = cv2.getTextSize(LABEL, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        pad = height // 2 + 1
        patch = np.zeros((height + below + 2 * pad, width + 2 * pad, 3), np.float32)
        cv2.putText(patch, LABEL, (pad, pad + height), cv2.FONT_HERSHEY_SIMPLEX, scale,
                    (255, 255, 255), 1, cv2.LINE_AA)  # fmt: skip
        patch = patch[: size[1], : size[0]]
        opacity = np.maximum(patch / 255, 0.5)
        self._colour, self._through = patch * opacity, 1 - opacity

    def drawn_on(self, frame: np.ndarray) -> np.ndarray:
        """Return a copy of the frame with the label in its lower left corner."""
        height, width = self._colour.shape[:2]
        margin = min(height // 2, frame.shape[0] - height, frame.shape[1] - width)
        rows = slice(frame.shape[0] - margin - height, frame.shape[0] - margin)
        columns = slice(margin, margin + width)
        result = frame.copy()
        result[rows, columns] = self._colour + self._through * frame[rows, columns] + 0.5
        return result
