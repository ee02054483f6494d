"""The whole way from a sound to an MP4: how long it takes, and which stage takes how much of it."""

import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..baselines.speed import turns
from ..metrics.inspection import inspection
from ..metrics.lip_check import Mouth
from ..render.video import write_video
from ..timing import frame_count
from .machine import Spent, peak_memory_mb, spent
from .stand import Stand

SENTENCE = "Hello, nice to meet you."
"""A typed text whose first frame is waited for."""
SAMPLE = 48
"""Frames that the stages of the network are measured on, at most."""


def time_video(stand: Stand) -> dict[str, Any]:
    """Sound to MP4, and how soon the first frame is there; plain values.

    It comes first in a process, so that the peak of memory is the product's own.
    """
    avatar, sound = stand.avatar, stand.sound
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        out = Path(folder) / "video.mp4"
        cold = spent(lambda: avatar.speak(sound, out=out))
        found = turns({
            "warm": lambda: spent(lambda: avatar.speak(sound, out=out)),
            "sound": lambda: spent(lambda: next(avatar.stream(sound)[1])),
            "text": lambda: spent(lambda: next(avatar.stream(SENTENCE)[1])),
        })  # fmt: skip
    wall = {name: median(each.wall for each in times) for name, times in found.items()}
    return {
        "engine": avatar.engine.name,
        "end_to_end_s": wall["warm"],
        "end_to_end_cold_s": cold.wall,
        "speed": stand.seconds / wall["warm"],
        "processor_s": median(each.processor for each in found["warm"]),
        "first_frame_s": wall["sound"],
        "first_frame_of_text_s": wall["text"],
        "peak_memory_mb": peak_memory_mb(),
    }


def time_stages(stand: Stand) -> list[dict[str, Any]]:
    """Where the time of a video goes, each stage alone; milliseconds a frame, plain values."""
    frames = frame_count(len(stand.sound), stand.identity.config.fps)
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        stages = _stages(stand, frames, Path(folder) / "video.mp4")
        for _, _, work in stages.values():
            work()  # to warm up
        found = turns({name: lambda w=work: spent(w) for name, (_, _, work) in stages.items()})
    rows = [
        {"stage": name, "included": included, **_a_frame(found[name], count)}
        for name, (included, count, _) in stages.items()
    ]
    total = sum(row["processor_ms"] for row in rows)
    return [row | {"share": row["processor_ms"] / total if total else 0.0} for row in rows]


def _stages(
    stand: Stand, frames: int, out: Path
) -> dict[str, tuple[str, int, Callable[[], object]]]:
    """By name: what is included, frames that it is for, and the product's own work."""
    avatar, sound, fps = stand.avatar, stand.sound, stand.identity.config.fps
    engine, few = avatar.engine, min(frames, SAMPLE)
    drawings, windows = stand.inputs(few)
    latents = engine.encode(drawings)
    pictures = engine.decode(latents, windows)
    mouth = Mouth.of(stand.identity, avatar.speech(sound).track)
    size = engine.batch
    parts = [slice(start, start + size) for start in range(0, few, size)]

    def encode() -> list[np.ndarray]:
        return [engine.encode(drawings[part]) for part in parts]

    def decode() -> list[np.ndarray]:
        return [engine.decode(latents[part], windows[part]) for part in parts]

    def write() -> object:
        return write_video(out, islice(cycle(pictures), frames), fps, sound)

    batches = f"network, batches of {size}, with its transfers"
    return {
        "listen": ("visemes from sound alone", frames, lambda: avatar.speech(sound)),
        "draw": ("lines of one frame, once for each of a clip's", few, lambda: stand.drawings(few)),
        "encode": (f"{batches}; once for each of a clip's frames", few, encode),
        "decode": (batches, few, decode),
        "write": ("H.264, AAC and MP4, by ffmpeg", frames, write),
        "look": ("the file is decoded again, lips are read", frames,
                 lambda: inspection(fps, sound, mouth)(out)),
    }  # fmt: skip


def _a_frame(times: list[Spent], frames: int) -> dict[str, float]:
    return {
        "wall_ms": 1000 * median(each.wall for each in times) / frames,
        "processor_ms": 1000 * median(each.processor for each in times) / frames,
    }
