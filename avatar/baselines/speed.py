"""How fast networks are, one frame at a time and taking turns, so that a busy machine is fair."""

import time
from collections.abc import Mapping
from statistics import median

from .method import OneFrame

ROUNDS = 3
"""The median of so many counts."""
PATIENCE_S = 1.0
"""Least seconds of each."""


def frames_per_second(networks: Mapping[str, OneFrame]) -> dict[str, float]:
    """Frames a second of each network at batch 1, after a frame to warm up."""
    found: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS):
        for name, one_frame in networks.items():
            one_frame()
            found[name].append(_rate(one_frame))
    return {name: median(rates) for name, rates in found.items()}


def _rate(one_frame: OneFrame) -> float:
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < PATIENCE_S:
        one_frame()
        done += 1
    return done / spent
