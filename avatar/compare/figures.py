"""What is found out about one video: numbers, why some are missing, and curves over time."""

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Figures:
    """Numbers of one row of the table."""

    values: dict[str, float | None] = field(default_factory=dict)
    """By key of the metric; None where there is none."""
    notes: dict[str, str] = field(default_factory=dict)
    """Why, for those that are None."""
    series: dict[str, np.ndarray] = field(default_factory=dict)
    """(T,) over the frames of the common clock, NaN where not measured."""

    def put(self, key: str, value: float | None, otherwise: str = "") -> None:
        """Note a number, or why there is none: what is not finite is none."""
        good = value is not None and math.isfinite(value)
        self.values[key] = float(value) if good else None
        if not good:
            self.notes[key] = "infinite" if value == math.inf else otherwise or "not defined here"

    def miss(self, keys: tuple[str, ...], why: str) -> None:
        """Note that there are no such numbers."""
        for key in keys:
            self.put(key, None, why)

    def add(self, other: "Figures") -> None:
        """Take over what somebody else found out."""
        self.values |= other.values
        self.notes |= other.notes
        self.series |= other.series
