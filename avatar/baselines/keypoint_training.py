"""Training of the audio-to-keypoints network on a capture's exact keypoints."""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..capture.layout import Capture
from ..face.drawing import SIZE, draw_with_mouth
from ..face.mashing import MASHED
from ..nets.mouth_points import MouthPoints, MouthPointsConfig
from ..speech.visemes import SILENCE, windows
from ..training.dataset import take_features, train_takes
from ..training.schedule import Schedule
from ..training.trainer import Trainer
from .pix2pix import posed

SCHEDULE = Schedule(
    20_000, batch=256, learning_rate=1e-3, sample_every=5_000, save_every=2_000, log_every=200
)
NOISE = 0.02
"""Of the features, as in the renderer's training."""


class MouthPointsTrainer(Trainer):
    """One training run in a folder."""

    def __init__(self, capture: Capture, run: Path, schedule: Schedule = SCHEDULE):
        """Read every frame of the train takes, with a picture or without; see ``Trainer``.

        Raises:
            CaptureError: if there is no take to train on.
        """
        torch.manual_seed(schedule.seed)
        config = MouthPointsConfig()
        said, points, self._views = [], [], []
        for take in train_takes(capture):
            values = windows(take_features(take), config.window, SILENCE)
            frames = np.flatnonzero(take.usable[: len(values)])
            said.append(values[frames])
            points.append(take.arrays["landmarks3d_canonical"][frames][:, list(MASHED)])
            self._views += [(take, int(frame)) for frame in frames]
        self.windows = torch.from_numpy(np.concatenate(said))
        self.points = torch.from_numpy(np.concatenate(points))
        network = MouthPoints(config)
        network.standardise(self.points)
        description = {"mouth_points": config.to_dict()} | asdict(schedule)
        super().__init__(run, schedule, {"mouth_points": network}, description)

    def __len__(self) -> int:
        """Frames that are learnt from."""
        return len(self.points)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Frames drawn at random."""
        random = np.random.default_rng((self.schedule.seed, step))
        picks = torch.from_numpy(random.integers(len(self), size=self.schedule.batch))
        return {"windows": self.windows[picks], "points": self.points[picks]}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bring the points nearer to the truth, in units of how far they usually move."""
        network = self.networks[self.kept]
        noise = NOISE * torch.randn_like(batch["windows"])
        error = (network(batch["windows"] + noise) - batch["points"]) / network.scale
        loss = F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1)
        self.optimise(self.kept, loss)
        return {"points": loss.detach()}

    @torch.no_grad()
    def samples(self) -> np.ndarray:
        """Drawings of four frames, the truth above what is found."""
        rows = []
        for index in np.linspace(0, len(self) - 1, 4).astype(int):
            take, frame = self._views[index]
            parts = [take.arrays[key][frame] for key in ("landmarks2d", "iris2d", "contour")]
            window = self.windows[index][None].to(self.device)
            found = posed(self.average.module(window)[0].cpu().numpy(), take, frame)
            drawings = [draw_with_mouth(lips, *parts[1:]) for lips in (parts[0], found)]
            rows.append(cv2.resize(np.vstack(drawings), (SIZE // 2, SIZE)))
        return cv2.cvtColor(np.hstack(rows), cv2.COLOR_GRAY2RGB)
