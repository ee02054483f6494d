"""Training the renderer on a capture: both decoders, smooth L1 and a gradient term.

    python -m avatar train renderer CAPTURE --run runs/mira --out checkpoints/mira

Resumes from the run folder, writes a CSV log, sample grids and the averaged weights.
"""

import csv
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, RandomSampler
from tqdm import tqdm

from ..capture.layout import Capture
from ..errors import AvatarError
from ..face.drawing import DrawingStyle
from ..files import replacing
from ..nets.renderer import Renderer, RendererConfig
from .dataset import CaptureDataset
from .losses import gradient_loss, smooth_l1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """How the renderer is trained; every value is our choice, the paper gives none (G17)."""

    steps: int = 15_000
    batch: int = 1
    learning_rate: float = 1e-3
    """Without an adversary 1e-3 is stable and some five times faster than the paper's 2e-4."""
    warmup: int = 200
    """Steps over which the rate rises from zero."""
    constant: float = 0.6
    """Share of the steps before the rate falls linearly to zero."""
    gradient_weight: float = 1.0
    lip_weight: float = 8.0
    """How much more than others the pixels on and around the lips count."""
    mouth_share: float = 0.5
    """Share of the steps that train the mouth decoder alone, at half the cost."""
    feature_noise: float = 0.02
    """Standard deviation added to the features, so that no frame is known by its exact numbers."""
    ema: float = 0.998
    """Decay of the averaged weights that are kept."""
    seed: int = 0
    log_every: int = 50
    sample_every: int = 1_000
    save_every: int = 500


class RendererTrainer:
    """One training run in a folder: model, averaged model, optimiser and log."""

    def __init__(self, capture: Capture, run: Path, config: TrainingConfig, net: RendererConfig):
        torch.manual_seed(config.seed)
        self.run, self.config = run, config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # GPUs convolve fastest with channels last; this small net on a CPU does not.
        on_gpu = self.device.type == "cuda"
        self.layout = torch.channels_last if on_gpu else torch.contiguous_format
        self.model = Renderer(net).to(self.device, memory_format=self.layout)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), config.learning_rate, betas=(0.9, 0.99)
        )
        self.dataset = CaptureDataset(capture, DrawingStyle(), net.window)
        if config.batch > len(self.dataset):
            raise AvatarError(
                f"A batch of {config.batch} is more than the {len(self.dataset)} frames there are."
            )
        said = np.stack([sample.window for sample in self.dataset.samples])
        for network in (self.model, self.average.module):
            network.audio_encoder.standardise(torch.from_numpy(said).to(self.device))
        self.step, self.seconds = 0, 0.0
        run.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            self._resume()

    @property
    def state_path(self) -> Path:
        """Everything that a killed run needs to go on."""
        return self.run / "state.pt"

    @property
    def weights_path(self) -> Path:
        """The averaged weights, as a bundle stores them."""
        return self.run / "renderer.safetensors"

    def rate(self, step: int) -> float:
        """Learning rate at a step: warm-up, constant, linear decay."""
        config = self.config
        hold = config.constant * config.steps
        decay = min(1.0, (config.steps - step) / max(config.steps - hold, 1))
        return config.learning_rate * min(1.0, (step + 1) / config.warmup) * max(decay, 0.01)

    def train(self) -> Path:
        """Run to the last step; returns the weights' path.

        Raises:
            AvatarError: if the loss is not a number; what was saved before stays.
        """
        started, done_before = time.monotonic(), self.seconds
        progress = tqdm(total=self.config.steps, initial=self.step, unit="step", mininterval=5)
        losses = dict.fromkeys(("head", "mouth"), float("nan"))
        for batch in self._batches():
            if self.step >= self.config.steps:
                break
            losses |= self._train_step(batch)
            self.step += 1
            progress.update()
            self.seconds = done_before + time.monotonic() - started
            if self.step % self.config.log_every == 0:
                self._log(losses)
                progress.set_postfix({key: f"{value:.4f}" for key, value in losses.items()})
            if self.step % self.config.sample_every == 0:
                self._sample_grid()
            if self.step % self.config.save_every == 0:
                self.save()
        progress.close()
        self.save()
        return self.weights_path

    def _batches(self):
        """Endless batches; the order depends on seed and step alone, so a resumed run differs not
        in kind from one that never stopped."""
        while True:
            generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
            sampler = RandomSampler(self.dataset, generator=generator)
            yield from DataLoader(self.dataset, self.config.batch, sampler=sampler, drop_last=True)

    def _train_step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        drawing = batch["drawing"].contiguous(memory_format=self.layout)
        window = batch["window"]
        window = window + self.config.feature_noise * torch.randn_like(window)
        # Spread evenly: with a share of a half, every other step.
        share = self.config.mouth_share
        mouth_alone = int((self.step + 1) * share) > int(self.step * share)
        with torch.autocast(self.device.type, torch.bfloat16):
            if mouth_alone:
                pictures = {"mouth": self.model.mouth(drawing, window)}
            else:
                head, mouth = self.model(drawing, window)
                pictures = {"head": head, "mouth": mouth}
        losses = self._losses(pictures, batch)
        total = sum(losses.values())
        if not torch.isfinite(total):
            raise AvatarError(
                f"The loss is not a number at step {self.step}; the run up to step "
                f"{self.step // self.config.save_every * self.config.save_every} is kept in "
                f"{self.run}."
            )
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return {key: value.item() for key, value in losses.items()}

    def _losses(self, pictures: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        losses = {}
        for name, picture in pictures.items():
            weight = 1 + self.config.lip_weight * batch[f"{name}_lips"]
            pair = (picture.float(), batch[name], weight)
            losses[name] = smooth_l1(*pair) + self.config.gradient_weight * gradient_loss(*pair)
        return losses

    def save(self) -> None:
        """Write state and averaged weights, each whole or not at all."""
        state = {
            "network": self.model.config.to_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with replacing(self.state_path) as temporary:
            torch.save(state, temporary)
        weights = {k: v.contiguous() for k, v in self.average.module.state_dict().items()}
        with replacing(self.weights_path) as temporary:
            save_file(weights, temporary)

    def _resume(self) -> None:
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        if state["network"] != self.model.config.to_dict():
            raise AvatarError(
                f"The run in {self.run} trains another network; choose another --run folder."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        log.info("resumed %s at step %d", self.run, self.step)

    def _log(self, losses: dict[str, float]) -> None:
        path = self.run / "log.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "seconds", "rate", *losses])
            values = [f"{value:.5f}" for value in losses.values()]
            rate = f"{self.rate(self.step):.6f}"
            writer.writerow([self.step, f"{self.seconds:.0f}", rate, *values])

    @torch.no_grad()
    def _sample_grid(self) -> None:
        """Truth over prediction for four train frames: heads, then mouths."""
        picks = np.linspace(0, len(self.dataset) - 1, 4).astype(int)
        columns = []
        for index in picks:
            item = self.dataset[index]
            drawing, window = (item[k][None].to(self.device) for k in ("drawing", "window"))
            head, mouth = self.average.module(drawing, window)
            rows = [item["head"], head[0].cpu(), item["mouth"], mouth[0].cpu()]
            columns.append(torch.cat(rows, dim=1))
        grid = torch.cat(columns, dim=2).add(1).mul(127.5).clamp(0, 255).byte()
        picture = cv2.cvtColor(grid.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR)
        half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(self.run / f"samples_{self.step:06d}.jpg"), half)
