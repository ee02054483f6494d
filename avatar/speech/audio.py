"""Sound at the door: any file or array becomes mono 16 kHz float32, once.

ffmpeg decodes to the file's own rate and channels; mixing, checks and resampling happen here, so
that files and live input take the same path and NaN cannot hide inside a filter.
"""

import logging
import struct
import subprocess
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..errors import SoundError
from ..files import replacing, unreadable
from ..media import input_arguments, running_ffmpeg
from ..timing import SAMPLE_RATE

log = logging.getLogger(__name__)

SHORTEST = SAMPLE_RATE * 40 // 1000
"""Fewest samples of a usable sound: 40 ms, one frame at 25 fps."""

AU_HEADER = struct.Struct(">4s5I")
"""Magic, data offset, data size, encoding, rate, channels of the AU stream that ffmpeg sends."""


def load_sound(path: str | Path, max_seconds: float | None = None) -> np.ndarray:
    """Read the sound of any audio or video file.

    Args:
        path: a local file: wav, mp3, m4a, ogg, opus, flac, webm, mp4, ...
        max_seconds: longest sound to accept; decoding stops there. None for no limit.

    Returns:
        (N,) float32 in [-1, 1], mono, 16 kHz.

    Raises:
        SoundError: if the file is missing, not media, has no sound, is damaged, empty, under 40 ms,
            over ``max_seconds``, or holds NaN or infinite samples.
    """
    return _joined(stream_sound(path, max_seconds))


def stream_sound(path: str | Path, max_seconds: float | None = None) -> Iterator[np.ndarray]:
    """The samples of ``load_sound`` in blocks of about a second, in constant memory.

    Problems raise the same SoundErrors, when they are met.
    """
    name = f"'{Path(path).name}'"
    return _conform(_decode(path, name), max_seconds, name)


def from_array(
    rate: int, samples: np.ndarray, max_seconds: float | None = None
) -> np.ndarray:
    """Make a sound from samples in memory, such as a microphone's.

    Args:
        rate: samples per second.
        samples: (N,) or (N, channels), any integer type at full scale or float in [-1, 1].
        max_seconds: longest sound to accept, None for no limit.

    Returns:
        (N,) float32 in [-1, 1], mono, 16 kHz.

    Raises:
        SoundError: as for ``load_sound``, and if the rate or the shape makes no sense.
    """
    samples = np.asarray(samples)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2 or samples.dtype.kind not in "iuf" or not 1 <= rate <= 1_000_000:
        raise SoundError(
            f"The recorded sound cannot be used: expected (N,) or (N, channels) numbers at a rate "
            f"of 1 to 1000000, got {samples.dtype} {samples.shape} at {rate}."
        )
    steps = range(0, len(samples), rate)
    blocks = ((rate, _to_float(samples[start : start + rate])) for start in steps)
    return _joined(_conform(blocks, max_seconds, "The recorded sound"))


class LiveSound:
    """A microphone's samples as they come, made mono 16 kHz without a seam between the pieces."""

    def __init__(self, rate: int):
        """Start with nothing heard.

        Args:
            rate: samples per second of what will come.

        Raises:
            SoundError: if the rate makes no sense.
        """
        import soxr

        if not 1000 <= rate <= 1_000_000:
            raise SoundError(f"A microphone's rate cannot be {rate} samples a second.")
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Go on.

        Args:
            samples: (N,) or (N, channels), any integer type at full scale or float in [-1, 1].

        Returns:
            (n,) float32 in [-1, 1] at 16 kHz; some milliseconds are held back.

        Raises:
            SoundError: for another shape, NaN or infinite samples.
        """
        samples = np.asarray(samples)
        samples = samples[:, None] if samples.ndim == 1 else samples
        if samples.ndim != 2 or samples.dtype.kind not in "iuf":
            raise SoundError(f"A microphone's samples cannot be {samples.dtype} {samples.shape}.")
        sound = self._resampler.resample_chunk(_mix(_to_float(samples), "The recorded sound"))
        return np.clip(sound, -1.0, 1.0)


def save_wav(path: str | Path, sound: np.ndarray) -> None:
    """Write (N,) float32 in [-1, 1] at 16 kHz as a 16-bit WAV, whole or not at all."""
    pcm = np.clip(np.round(sound * 32768.0), -32768, 32767).astype("<i2")
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.tobytes())


def _joined(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Blocks of float32 as one array that grows in its place: a long sound is never held twice."""
    data = bytearray()
    for block in blocks:
        data += block.data
    return np.frombuffer(data, np.float32)


def _decode(path: str | Path, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (rate, (n, channels) float32) blocks of one second of the first audio track."""
    if why := unreadable(path):
        raise SoundError(f"The sound file {name} {why}.")
    # The filter honours the stream's own start time, which mp4 and mpeg use to say that the sound
    # begins later than the picture, and without which ffmpeg keeps AAC's priming samples.
    arguments = [
        *("-max_error_rate", "0.1"), *input_arguments(path), *("-map", "0:a:0"),
        *("-af", "aresample=async=1:first_pts=0"), *("-c:a", "pcm_f32be", "-f", "au", "pipe:1"),
    ]  # fmt: skip
    with running_ffmpeg(arguments, stdout=subprocess.PIPE) as ffmpeg:
        header = ffmpeg.stdout.read(AU_HEADER.size)
        if len(header) == AU_HEADER.size:
            _, offset, _, _, rate, channels = AU_HEADER.unpack(header)
            ffmpeg.stdout.read(offset - AU_HEADER.size)
            while block := ffmpeg.stdout.read(4 * channels * rate):
                whole = len(block) // (4 * channels) * channels
                samples = np.frombuffer(block, ">f4", whole).astype(np.float32)
                yield rate, samples.reshape(-1, channels)
        _check_end(ffmpeg.wait(), ffmpeg.complaints(), len(header) > 0, name)


def _check_end(status: int, complaints: str, started: bool, name: str) -> None:
    """Turn the way in which ffmpeg ended into one sentence, if it did not end well."""
    if "matches no streams" in complaints:
        raise SoundError(f"{name} has no sound track.")
    if not started and status != 0:
        raise SoundError(f"{name} is not a sound or video file that can be read.")
    if status != 0 or "partial file" in complaints:
        raise SoundError(f"{name} is damaged or cut short.")
    if complaints:
        log.warning("%s: %s", name, complaints.strip().splitlines()[-1])


def _conform(
    blocks: Iterable[tuple[int, np.ndarray]], max_seconds: float | None, name: str
) -> Iterator[np.ndarray]:
    """Mix, check and resample (rate, (n, channels) float32) blocks to mono 16 kHz."""
    import soxr

    resampler, heard, total = None, 0, 0
    for rate, block in blocks:
        if resampler is None:
            resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        heard += len(block)
        if max_seconds is not None and heard > max_seconds * rate:
            raise SoundError(f"{name} is longer than the limit of {max_seconds:g} seconds.")
        sound = resampler.resample_chunk(_mix(block, name))
        total += len(sound)
        yield np.clip(sound, -1.0, 1.0)
    if resampler is None:
        raise SoundError(f"{name} is empty: it holds no samples.")
    sound = resampler.resample_chunk(np.empty(0, np.float32), last=True)
    if total + len(sound) < SHORTEST:
        raise SoundError(f"{name} is shorter than 40 ms.")
    yield np.clip(sound, -1.0, 1.0)


def _mix(block: np.ndarray, name: str) -> np.ndarray:
    """(n, channels) -> (n,), the mean; the loudest channel where the channels cancel out."""
    if not np.isfinite(block).all():
        raise SoundError(f"{name} holds samples that are not numbers (NaN or infinite).")
    mono = block.mean(axis=1)
    if block.shape[1] > 1:
        power = np.square(block).mean(axis=0)
        # One channel alone in 7.1 keeps 1/64 of its power in the mean, so below 1/100 the channels
        # are in opposite phase, as from a balanced cable read as stereo.
        if np.square(mono).mean() < power.max() / 100:
            mono = block[:, power.argmax()].copy()
    return mono


def _to_float(samples: np.ndarray) -> np.ndarray:
    """Full-scale integers or floats to float32 in [-1, 1]."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    full = float(1 << (8 * samples.dtype.itemsize - 1))
    middle = full if samples.dtype.kind == "u" else 0.0
    return ((samples - middle) / full).astype(np.float32)
