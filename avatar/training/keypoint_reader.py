"""Training a keypoint reader on a capture's exact keypoints, to judge faces from pixels.

    nice python -m avatar.training.keypoint_reader lip CAPTURE RUN
    nice python -m avatar.training.keypoint_reader face CAPTURE RUN

Resumes from the run folder, writes a CSV log and ``<region>_reader.safetensors``, whose metadata
tell whose face it was trained on and how well it reads takes that it has never seen.
"""

import argparse
import csv
import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ..capture.layout import Capture, Take
from ..errors import AvatarError, CaptureError
from ..files import replacing
from ..metrics.image import crop
from ..metrics.reader import LIPS, UPPER_FACE, ReaderError, Region, reader_error
from ..nets.keypoint_reader import CELL, KeypointReader
from .dataset import HELD_OUT

log = logging.getLogger(__name__)

MARGIN = 64
"""Pixels kept around the box, so that a shifted crop shows skin instead of a border."""
REGIONS = {region.name: region for region in (LIPS, UPPER_FACE)}


@dataclass(frozen=True)
class ReaderConfig:
    """How the reader is trained."""

    steps: int = 2_500
    batch: int = 8
    learning_rate: float = 2e-3
    warmup: int = 100
    opening_weight: float = 2.0
    """What the distances of the region's pairs count beside its points."""
    ema: float = 0.995
    held_out: tuple[str, ...] = ("train_13", "train_14", "train_listen_2")
    """Takes that are only read for the printed error, beside those named ``test...``."""
    shift: float = 20.0
    """Largest shift of the crop in pixels, either way and axis."""
    turn: float = 8.0
    """Largest rotation in degrees."""
    blur: float = 2.2
    """Largest Gaussian sigma in pixels: networks render softer than the truth."""
    seed: int = 0
    save_every: int = 250


@dataclass(frozen=True)
class ReaderSample:
    """The surroundings of a region's box in one picture, and where its points are."""

    picture: np.ndarray
    """(H, W, 3) uint8 RGB."""
    points: np.ndarray
    """(n, 2) float32 px of this picture, pixel centres at .5."""
    corner: tuple[int, int]
    """x, y of the box's corner in this picture."""
    scale: float
    """Size of the read picture over that of the box."""
    size: tuple[int, int]
    """Width and height of the read picture."""

    def crop(self, warp: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The picture that is read and its points, warped (2, 3) before cropping."""
        whole = np.vstack([np.eye(2, 3) if warp is None else warp, (0, 0, 1)])
        x, y = self.corner
        to_box = np.array([(self.scale, 0, -x * self.scale), (0, self.scale, -y * self.scale)])
        matrix = to_box @ whole
        points = self.points @ matrix[:, :2].T + matrix[:, 2]
        # OpenCV puts pixel centres at whole numbers.
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        picture = cv2.warpAffine(
            self.picture, matrix, self.size, borderMode=cv2.BORDER_REPLICATE
        )
        return picture, points.astype(np.float32)


def load_reader_samples(take: Take, region: Region) -> list[ReaderSample]:
    """Read a take's rendered frames; a magnified mouth picture makes a second sample of lips."""
    x, y, w, h = box = region.box(take.capture.mouth_box)
    left, top = max(x - MARGIN, 0), max(y - MARGIN, 0)
    around = (left, top, x + w + MARGIN - left, y + h + MARGIN - top)
    place = ((x - left, y - top), region.size[0] / w, region.size)
    samples = []
    for frame in take.rendered:
        points = take.arrays["landmarks2d"][frame, list(region.points)] - (left, top)
        try:
            head = take.head_over_background(frame)
            mouth = take.mouth_over_background(frame) if region is LIPS else None
        except CaptureError as error:
            log.warning("left out: %s", error)
            continue
        samples.append(ReaderSample(crop(head, around).copy(), points, *place))
        if mouth is not None:
            # The same frame rendered with other noise.
            crop(head, box)[:] = cv2.resize(mouth, (w, h), interpolation=cv2.INTER_AREA)
            samples.append(ReaderSample(crop(head, around).copy(), points, *place))
    return samples


def augment(
    sample: ReaderSample, config: ReaderConfig, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A varied crop: moved, turned, scaled, blurred, with other light and noise.

    Returns:
        picture (h, w, 3) float32 in [-1, 1] and points (n, 2); what left the picture is sought at
        its edge.
    """
    centre = sample.points.mean(axis=0)
    angle = random.uniform(-config.turn, config.turn)
    warp = cv2.getRotationMatrix2D(centre.tolist(), angle, random.uniform(0.9, 1.12))
    warp[:, 2] += random.uniform(-config.shift, config.shift, 2)
    picture, points = sample.crop(warp)
    picture = picture.astype(np.float32) / 127.5 - 1
    if random.random() < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, config.blur))
    gain = random.uniform(0.8, 1.2) * random.uniform(0.95, 1.05, 3)
    picture = picture * gain + random.uniform(-0.2, 0.2)
    picture = picture + random.normal(0, random.uniform(0, 0.04), picture.shape)
    edge = CELL / 2
    points = points.clip(edge, np.subtract(sample.size, edge, dtype=np.float32))
    return picture.clip(-1, 1).astype(np.float32), points


class ReaderTrainer:
    """One training run in a folder."""

    def __init__(self, region: Region, capture: Capture, run: Path, config: ReaderConfig):
        """Read the capture, and the run's state if it was begun before.

        Raises:
            CaptureError: if no take to train on has a rendered frame.
        """
        torch.manual_seed(config.seed)
        self.region, self.capture, self.run, self.config = region, capture, run, config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = KeypointReader(len(region.points))
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        self.optimiser = torch.optim.AdamW(self.model.parameters(), config.learning_rate)
        names = [n for n in capture.take_names if not n.startswith(HELD_OUT)]
        self.samples = [
            sample
            for name in names
            if name not in config.held_out
            for sample in load_reader_samples(capture.take(name), region)
        ]
        if not self.samples:
            raise CaptureError(f"The capture {capture.folder} has no rendered train frame.")
        self.step = 0
        run.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            self._resume()

    @property
    def state_path(self) -> Path:
        """Everything that a killed run needs to go on."""
        return self.run / "state.pt"

    @property
    def weights_path(self) -> Path:
        """The averaged weights in half precision, with their error on unseen takes."""
        return self.run / f"{self.region.name}_reader.safetensors"

    def train(self) -> Path:
        """Run to the last step; returns the weights' path.

        Raises:
            AvatarError: if the loss is not a number.
        """
        progress = tqdm(total=self.config.steps, initial=self.step, unit="step", mininterval=5)
        while self.step < self.config.steps:
            loss = self._train_step(*self._batch())
            self.step += 1
            progress.update()
            if self.step % 50 == 0:
                self._log(loss)
                progress.set_postfix(loss=f"{loss:.3f}")
            if self.step % self.config.save_every == 0:
                self._save_state()
        progress.close()
        self._save_state()
        self._save_weights()
        return self.weights_path

    def errors(self) -> dict[str, ReaderError]:
        """How well takes are read that were not trained on, sharp and blurred as networks are."""
        held_out = [n for n in self.capture.take_names if n in self.config.held_out]
        tests = [n for n in self.capture.take_names if n.startswith(HELD_OUT)]
        result = {}
        for label, names in (("held_out", held_out), ("test", tests)):
            takes = [self.capture.take(name) for name in names]
            samples = [s for take in takes for s in load_reader_samples(take, self.region)]
            if samples:
                result[label] = self._error(samples, blur=0)
                result[f"{label}_blurred"] = self._error(samples, blur=1.5)
        return result

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Depends on seed and step alone, so that a resumed run goes on as it would have."""
        random = np.random.default_rng((self.config.seed, self.step))
        picks = random.integers(len(self.samples), size=self.config.batch)
        crops = [augment(self.samples[i], self.config, random) for i in picks]
        pictures = torch.from_numpy(np.stack([picture for picture, _ in crops]))
        points = torch.from_numpy(np.stack([points for _, points in crops]))
        return pictures.permute(0, 3, 1, 2).to(self.device), points.to(self.device)

    def _train_step(self, pictures: Tensor, points: Tensor) -> float:
        with torch.autocast(self.device.type, torch.bfloat16):
            found = self.model(pictures.contiguous(memory_format=torch.channels_last))
        index = self.region.points.index
        upper, lower = ([index(i) for i in side] for side in zip(*self.region.pairs, strict=True))
        gap = points[:, upper] - points[:, lower]
        found_gap = found[:, upper] - found[:, lower]
        loss = F.smooth_l1_loss(found, points)
        loss = loss + self.config.opening_weight * F.smooth_l1_loss(found_gap, gap)
        if not torch.isfinite(loss):
            raise AvatarError(f"The loss is not a number at step {self.step}.")
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * self._rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return loss.item()

    def _rate(self, step: int) -> float:
        """Warm-up, then a half cosine to nearly nothing."""
        cosine = math.cos(math.pi * step / self.config.steps)
        return min(1.0, (step + 1) / self.config.warmup) * (0.505 + 0.495 * cosine)

    @torch.no_grad()
    def _error(self, samples: list[ReaderSample], blur: float) -> ReaderError:
        found, truth = [], []
        for sample in samples:
            picture, points = sample.crop()
            if blur:
                picture = cv2.GaussianBlur(picture, (0, 0), blur)
            pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float().div(127.5).sub(1)
            found.append(self.average.module(pixels.to(self.device))[0].cpu().numpy())
            truth.append(points)
        scale = samples[0].scale
        return reader_error(np.stack(found) / scale, np.stack(truth) / scale)

    def _save_state(self) -> None:
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with replacing(self.state_path) as temporary:
            torch.save(state, temporary)

    def _save_weights(self) -> None:
        errors = {label: asdict(error) for label, error in self.errors().items()}
        metadata = {
            "subject": self.capture.description.get("subject", self.capture.folder.name),
            "held_out": ", ".join(self.config.held_out),
            "samples": str(len(self.samples)),
            "config": json.dumps(asdict(self.config)),
            "errors": json.dumps(errors),
        }
        weights = {k: v.half().contiguous() for k, v in self.average.module.state_dict().items()}
        with replacing(self.weights_path) as temporary:
            save_file(weights, temporary, metadata)
        log.info("errors on unseen takes: %s", errors)

    def _resume(self) -> None:
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def _log(self, loss: float) -> None:
        with (self.run / "log.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([self.step, f"{loss:.5f}"])


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("region", choices=REGIONS)
    parser.add_argument("capture", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=ReaderConfig.steps)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    config = ReaderConfig(steps=arguments.steps)
    capture = Capture.load(arguments.capture)
    ReaderTrainer(REGIONS[arguments.region], capture, arguments.run, config).train()


if __name__ == "__main__":
    main()
