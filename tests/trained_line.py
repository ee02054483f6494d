"""A training that takes no time: a line."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avatar.training.schedule import Schedule
from avatar.training.trainer import Trainer


class Line(Trainer):
    """Fits y = 3 x; the batches of ``poisoned`` steps hold no numbers."""

    poisoned: frozenset[int] = frozenset()

    def __init__(self, run: Path, schedule: Schedule, width: int = 4):
        torch.manual_seed(schedule.seed)
        layers = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))
        super().__init__(run, schedule, {"line": layers}, {"width": width})

    def batch(self, step: int) -> dict[str, Tensor]:
        x = torch.from_numpy(np.random.default_rng(step).normal(size=(8, 1)).astype(np.float32))
        return {"x": x * float("nan") if step in self.poisoned else x, "y": 3 * x}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        noisy = batch["x"] + 0.01 * torch.randn_like(batch["x"])
        loss = (self.networks["line"](noisy) - batch["y"]).square().mean()
        self.optimise("line", loss)
        return {"error": loss.detach()}

    def samples(self) -> np.ndarray:
        return np.zeros((8, 8, 3), np.uint8)


def schedule(steps: int, **changes: float) -> Schedule:
    values = {"warmup": 1, "log_every": 2, "sample_every": 4, "save_every": 4, "constant": 1.0}
    return Schedule(steps, **values | changes)
