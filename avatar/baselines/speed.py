"""How fast things are that take turns, so that a busy machine is as unfair to all."""

import time
from collections.abc import Callable, Mapping
from statistics import median

ROUNDS = 3
"""Turns of each; the median counts."""
PATIENCE_S = 1.0
"""Least seconds for which a network is timed, each turn."""

Timed = Callable[[], float]
"""Does a piece of work and gives its frames a second."""


def in_turns(work: Mapping[str, Timed]) -> dict[str, float]:
    """Frames a second of each, the median of its turns."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, timed in work.items():
            found[name].append(timed())
    return {name: median(rates) for name, rates in found.items()}


def network_rate(one_frame: Callable[[], object]) -> float:
    """Calls a second, after one to warm up."""
    one_frame()
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < PATIENCE_S:
        one_frame()
        done += 1
    return done / spent
