"""How long a training lasts and how fast it learns."""

from dataclasses import dataclass

RISE = 0.03
"""Share of a training after which the learning rate has risen, however short the training is."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; every value is our choice where the paper gives none (G17)."""

    steps: int
    batch: int = 1
    learning_rate: float = 2e-4
    """Of Adam, for every network (paper, section 4.2)."""
    warmup: int = 200
    """Steps over which the rate rises from zero."""
    constant: float = 0.6
    """Share of the steps before the rate falls linearly to zero."""
    ema: float = 0.998
    """Decay of the averaged weights that are kept."""
    seed: int = 0
    log_every: int = 50
    sample_every: int = 1_000
    save_every: int = 500

    def __post_init__(self):
        for name in ("steps", "batch", "log_every", "sample_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, got {getattr(self, name)}")
        for name in ("constant", "ema"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} in 0..1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"expected a learning rate above 0, got {self.learning_rate}")

    def share(self, step: int, done: float) -> float:
        """Share of the learning rate at a step: warm-up, constant, linear decay.

        Args:
            step: from 0.
            done: share of the training that is behind, 0 to 1.
        """
        rise = min(1.0, max((step + 1) / max(self.warmup, 1), done / RISE))
        decay = min(1.0, (1 - done) / max(1 - self.constant, 1e-9))
        return rise * max(decay, 0.01)
