"""All parts of the benchmark, in one process and one run."""

from collections.abc import Callable, Sequence
from typing import Any

from ..baselines import speed
from ..hub import Progress
from ..identity import Identity
from .engines import time_engines
from .gpu import time_gpu
from .live import time_live
from .long import time_long
from .machine import machine
from .peers import compare_peers
from .stand import Stand
from .video import time_stages, time_video

PARTS: dict[str, Callable[[Stand], Any]] = {
    "video": time_video,  # first: the peak of memory is to be the product's own
    "stages": time_stages,
    "live": time_live,
    "engines": time_engines,
    "peers": compare_peers,
    "gpu": time_gpu,
    "long": time_long,
}
"""What can be measured, in this order; each gives plain values for JSON."""
USUAL = tuple(name for name in PARTS if name != "long")
"""What is worth measuring with seconds of sound."""


def benchmark(
    identity: Identity,
    seconds: float = 10.0,
    parts: Sequence[str] = USUAL,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure speed, memory and loss.

    Args:
        identity: who is rendered.
        seconds: length of the spoken clip.
        parts: names out of ``PARTS``.
        progress: told before each part.

    Raises:
        SoundError: if the clip is shorter than a sound may be, 40 ms.

    Returns:
        Plain values for JSON: what was measured on, and for each part what its function says.
    """
    stand, about = Stand.of(identity, seconds), machine()
    result = {
        "identity": identity.name, "seconds": seconds, "machine": about,
        "rounds": speed.ROUNDS, "patience_s": speed.PATIENCE_S,
    }  # fmt: skip
    asked = {name: measure for name, measure in PARTS.items() if name in parts}
    for number, (name, measure) in enumerate(asked.items()):
        if progress:
            progress("benchmark", number, len(asked))
        result[name] = measure(stand)
    return result
