"""How fast the product is on this machine, and how much memory it takes.

    python -m avatar benchmark --identity mira --json benchmark.json

Everything is measured after a warm-up, in one process and one run: ratios between engines are
more to be trusted than figures of two runs on a busy machine.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from .avatar import Avatar
from .errors import SoundError
from .identity import Identity
from .metrics.inspection import inspection
from .metrics.lip_check import Mouth
from .render.engine import Engine, make_engine
from .render.gpu import GpuEngine
from .render.video import write_video
from .speech import tts
from .speech.speech import Speech
from .speech.visemes import windows
from .timing import SAMPLE_RATE, frame_count

TEXT = (
    "The sun had just come up when Mary opened the window. People moved about below, "
    "buying bread, fish and apples, while a small brown dog kept watch over the whole affair. "
)
"""What is said, again and again, for as long as is asked for."""
ROUNDS = 3
"""Engines take turns this often; the median counts."""


def benchmark(identity: Identity, seconds: float = 10.0, patience: float = 1.0) -> dict[str, Any]:
    """Measure speed and memory.

    Args:
        identity: who is rendered.
        seconds: length of the spoken clip.
        patience: least seconds for which an engine is timed at one batch size, each round.

    Raises:
        SoundError: if the clip is shorter than a sound may be, 40 ms.

    Returns:
        Plain values for JSON: ``machine``; ``video``, the whole way from a sound to an MP4;
        ``engines``, the network alone with its transfers.
    """
    if not seconds >= 0.04:
        raise SoundError(f"A clip of {seconds:g} s is too short to measure: take 1 s or more.")
    about = machine()  # first: its load should be others' only
    sound = speech_of(seconds)
    # Before the other engines, so that the peak of memory is the product's own.
    video = _time_video(identity, sound)
    return {
        "identity": identity.name,
        "seconds": seconds,
        "machine": about,
        "video": video,
        "engines": _time_engines(identity, sound, patience),
    }


def as_markdown(result: dict[str, Any]) -> str:
    """A result of ``benchmark`` as tables."""
    video, machine = result["video"], result["machine"]
    facts = [
        ("sound to MP4, all included", f"{video['end_to_end_s']:.2f} s"),
        ("the same in real time", f"{video['speed']:.2f}x"),
        ("the same, first time in a process", f"{video['end_to_end_cold_s']:.2f} s"),
        ("first frame after", f"{video['first_frame_s']:.2f} s"),
        ("visemes from sound alone", f"{video['features_s']:.2f} s"),
        ("encoding alone", f"{video['encode_fps']:.0f} frames/s"),
        ("looking at the finished file", f"{video['receipt_s']:.2f} s"),
        ("peak memory", _megabytes(video["peak_memory_mb"])),
    ]
    lines = [
        f"{result['identity']}, {result['seconds']:g} s of speech, engine {video['engine']}; "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}; "
        f"torch {machine['torch']}; load before the start {machine['load_before']}.",
        "", "| from sound to video | |", "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
        "", "| engine | frames/s, batch 1 | frames/s, best batch | best batch | ratio |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {row['engine']} | {row['fps_batch_1']:.1f} | {row['fps_best']:.1f} "
        f"| {row['best_batch']} | {row['ratio']:.2f} |"
        for row in result["engines"]
    ]
    return "\n".join(lines)


def speech_of(seconds: float) -> np.ndarray:
    """Speech by the embedded voice, exactly that long: (N,) float32 at 16 kHz."""
    wanted = round(seconds * SAMPLE_RATE)
    parts, length = [], 0
    while length < wanted:
        for utterance in tts.speak(TEXT):
            parts.append(utterance.sound)
            length += len(utterance.sound)
    return np.concatenate(parts)[:wanted]


def _time_video(identity: Identity, sound: np.ndarray) -> dict[str, Any]:
    avatar = Avatar(identity, make_engine(identity))
    fps = identity.config.fps
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        out = Path(folder) / "video.mp4"
        cold = _seconds(lambda: avatar.speak(sound, out=out))
        warm = _seconds(lambda: avatar.speak(sound, out=out))
        memory = _peak_memory_mb()
        mouth = Mouth.of(identity, avatar.speech(sound).track)
        receipt = _seconds(lambda: inspection(fps, sound, mouth)(out))
        first_frame = _seconds(lambda: next(avatar.stream(sound)[1]))
        frames = frame_count(len(sound), fps)
        some = list(islice(avatar.stream(sound)[1], min(frames, 50)))
        encoding = _seconds(
            lambda: write_video(out, islice(cycle(some), frames), fps, sound)
        )
    return {
        "engine": avatar.engine.name,
        "end_to_end_s": warm,
        "end_to_end_cold_s": cold,
        "speed": len(sound) / SAMPLE_RATE / warm,
        "first_frame_s": first_frame,
        "features_s": _seconds(lambda: Speech.from_sound(sound, fps)),
        "encode_fps": frames / encoding,
        "receipt_s": receipt,
        "peak_memory_mb": memory,
    }


def _time_engines(
    identity: Identity, sound: np.ndarray, patience: float
) -> list[dict[str, Any]]:
    """Each engine at several batch sizes, taking turns; ratios are to PyTorch on the CPU."""
    engines = list(_engines(identity))
    inputs = _inputs(identity, sound, 4 * max(engine.batch for engine in engines))
    found: dict[tuple[int, int], list[float]] = {}
    for _ in range(ROUNDS):
        for index, engine in enumerate(engines):
            for batch in sorted({1, engine.batch, 4 * engine.batch}):
                speed = _frames_per_second(engine, *(a[:batch] for a in inputs), patience)
                found.setdefault((index, batch), []).append(speed)
    rows = []
    for index, engine in enumerate(engines):
        speeds = {batch: median(v) for (i, batch), v in found.items() if i == index}
        best = max(speeds, key=lambda batch: speeds[batch])
        rows.append({
            "engine": engine.name, "fps_batch_1": speeds[1], "fps_best": speeds[best],
            "best_batch": best, "fps_by_batch": {str(b): v for b, v in speeds.items()},
        })  # fmt: skip
    return [row | {"ratio": row["fps_best"] / rows[0]["fps_best"]} for row in rows]


def _engines(identity: Identity) -> Iterator[Engine]:
    yield GpuEngine(identity.renderer, "cpu", torch.float32)
    if find_spec("openvino"):
        yield make_engine(identity, "openvino")
    if torch.cuda.is_available():
        yield GpuEngine(identity.renderer)


def _inputs(identity: Identity, sound: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawings (count, 512, 512) and windows (count, window, k) as a video has them."""
    config = identity.config
    values = config.features.of(sound, config.fps)
    clip = identity.clip()
    repeated = np.resize(values, (count, values.shape[1]))
    drawings = [clip.drawing(f, config.style) for f in clip.frame_indices(count)]
    return np.stack(drawings), np.ascontiguousarray(
        windows(repeated, config.network.window, config.features.silence)
    )


def _frames_per_second(
    engine: Engine, drawings: np.ndarray, features: np.ndarray, patience: float
) -> float:
    """Frames a second of an engine in calls of one batch, after one call to warm up."""
    engine(drawings, features)
    done, start = 0, time.perf_counter()
    while True:
        engine(drawings, features)
        done += len(drawings)
        spent = time.perf_counter() - start
        if spent >= patience:
            return done / spent


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_memory_mb() -> float | None:
    """Peak resident memory of this process, without ffmpeg; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def machine() -> dict[str, Any]:
    """What this machine is, and how busy it has been for a minute."""
    affinity, load = (getattr(os, name, None) for name in ("sched_getaffinity", "getloadavg"))
    return {
        "cpu": _cpu_name(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "load_before": round(load()[0], 1) if load else None,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _megabytes(value: float | None) -> str:
    return "not told by this system" if value is None else f"{value:.0f} MB"
