"""How a whole training is divided: what each stage costs, how long it may take, how far it all is.

A training lasts as many steps as its configuration says, or as many minutes as it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, int, int], None]
"""Told the stage, how much is done, and of how much. In a training that is the whole of it, in
seconds: those that it was given, or that it would take one CPU core."""

COSTS = {"mouth": 0.24, "head": 0.27, "synthetic": 0.13, "renderer": 0.30}
"""Seconds a sample in each stage, in their order, on one CPU core: how they compare holds on other
machines too."""
SHARES = {"mouth": 0.13, "head": 0.15, "synthetic": 0.12, "renderer": 0.60}
"""How minutes are divided: about as the steps are by default."""
ORACLE_MINUTES = {"cpu": 10.0, "cuda": 3.0}
"""Below, all goes to the renderer. On one core, 80 s for each of its networks, which is what they
get of 10 minutes, taught Mira's oracle a new person's face and mouth well enough to draw for it."""
NAMES = {
    "mouth": "the oracle's mouth", "head": "the oracle's head", "synthetic": "synthetic pictures",
    "renderer": "renderer",
}  # fmt: skip
"""Of the stages, for people."""


@dataclass
class Course:
    """The stages to come and those behind."""

    parts: dict[str, float]
    """Seconds of each stage, in their order; what is given or what it may cost."""
    timed: bool
    """Whether a stage ends when its seconds are over; else its steps count."""
    progress: Progress | None = None

    @classmethod
    def of_minutes(cls, minutes: float, oracle: bool, progress: Progress | None) -> "Course":
        """Minutes, divided over the stages; without an oracle all go to the renderer."""
        shares = SHARES if oracle else {"renderer": 1.0}
        return cls({k: 60 * minutes * share for k, share in shares.items()}, True, progress)

    @classmethod
    def of_samples(cls, samples: dict[str, int], progress: Progress | None) -> "Course":
        """Samples of each stage."""
        return cls({k: n * COSTS[k] for k, n in samples.items()}, False, progress)

    def of(self, stage: str) -> tuple[Callable[[float], None] | None, float | None]:
        """A stage's own progress, told its share from 0 to 1, and its limit in seconds, if any."""
        return self.teller(stage), self.parts[stage] if self.timed else None

    def teller(self, stage: str) -> Callable[[float], None] | None:
        """A stage's own progress, told its share from 0 to 1."""
        if self.progress is None:
            return None
        names = list(self.parts)
        before = sum(self.parts[name] for name in names[: names.index(stage)])
        total = max(round(sum(self.parts.values())), 1)

        def tell(share: float) -> None:
            done = before + share * self.parts[stage]
            self.progress(NAMES[stage], min(round(done), total), total)

        return tell
