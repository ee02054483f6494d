"""One long video, tenth by tenth: whether a frame's time and the memory stay what they were."""

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..timing import SAMPLE_RATE
from .machine import peak_memory_mb, resident_mb
from .stand import Stand

PARTS = 10
WARM_S = 2.0
"""Length of the video that is made before, not counted."""


def time_long(stand: Stand) -> dict[str, Any]:
    """All of the sound to one MP4; plain values.

    Returns:
        Seconds to hear it, to make it in all and to look at the file at the end; peak memory of the
        process; and of each tenth of the frames: how many, milliseconds a frame by the wall's
        clock, and the memory in use at its end.
    """
    avatar, sound = stand.avatar, stand.sound
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        out = Path(folder) / "video.mp4"
        avatar.speak(sound[: round(WARM_S * SAMPLE_RATE)], out=out)
        start, marks = time.perf_counter(), []
        for step in avatar.perform(sound, out=out):
            wanted = len(marks) * step.total // PARTS
            if step.stage == "render" and step.done >= wanted:
                marks.append((step.done, time.perf_counter(), resident_mb()))
        end = time.perf_counter()
    return {
        "engine": avatar.engine.name,
        "hear_s": marks[0][1] - start,
        "look_s": end - marks[-1][1],
        "total_s": end - start,
        "speed": stand.seconds / (end - start),
        "peak_memory_mb": peak_memory_mb(),
        "tenths": [
            {"frames": done - before, "ms": 1000 * (now - then) / (done - before), "memory_mb": mb}
            for (before, then, _), (done, now, mb) in pairwise(marks)
        ],
    }
