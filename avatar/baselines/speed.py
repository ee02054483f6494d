"""How fast things are that take turns, so that a busy machine is as unfair to all."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

ROUNDS = 3
"""Turns of each; the median counts."""
PATIENCE_S = 1.0
"""Least seconds for which a network is timed, each turn."""

T = TypeVar("T")
Timed = Callable[[], float]
"""Does a piece of work and gives its frames a second."""


def turns(work: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each gives at each of its turns."""
    found: dict[str, list[T]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, once in work.items():
            found[name].append(once())
    return found


def in_turns(work: Mapping[str, Timed]) -> dict[str, float]:
    """Frames a second of each, the median of its turns."""
    return {name: median(rates) for name, rates in turns(work).items()}


def call_times(call: Callable[[], object]) -> list[float]:
    """Seconds of each of some calls, one or more, after one to warm up."""
    call()
    times: list[float] = []
    while not times or sum(times) < PATIENCE_S:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def network_rate(one_frame: Callable[[], object]) -> float:
    """Calls a second, after one to warm up."""
    times = call_times(one_frame)
    return len(times) / sum(times)
