"""What this machine is, how busy it is, and what a piece of work takes of it."""

import gc
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..memory import give_back


@dataclass(frozen=True)
class Spent:
    """What a piece of work took, in seconds."""

    wall: float
    processor: float
    """Of all threads and of the programs that it started, where the system tells."""


def spent(work: Callable[[], Any]) -> Spent:
    """Do it once."""
    start, processor = time.perf_counter(), _processor_seconds()
    work()
    return Spent(time.perf_counter() - start, _processor_seconds() - processor)


def peak_memory_mb() -> float | None:
    """Peak resident memory of this process, without ffmpeg; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def resident_mb() -> float | None:
    """Memory that this process has in use; None where the system does not tell.

    What was freed is given back first: else it would be taken again unseen, and what is measured
    would seem to take nothing.
    """
    gc.collect()
    give_back()
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # no Linux
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


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


def _processor_seconds() -> float:
    user, system, children_user, children_system, _ = os.times()
    return user + system + children_user + children_system


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
