"""Training a keypoint reader on a capture's exact keypoints, to judge faces from pixels.

    nice python -m avatar.training.keypoint_reader lip CAPTURE RUN
    nice python -m avatar.training.keypoint_reader face CAPTURE RUN

Resumes from the run folder and writes ``<region>_reader.safetensors`` there, whose metadata tell
whose face it was trained on and how well it reads takes that it has never seen.
"""

import argparse
import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from ..capture.layout import Capture, Take
from ..errors import CaptureError
from ..files import replacing
from ..metrics.image import crop
from ..metrics.reader import LIPS, UPPER_FACE, ReaderError, Region, reader_error
from ..nets.keypoint_reader import CELL, KeypointReader
from ..nets.pixels import signed
from .schedule import Schedule
from .trainer import Trainer

log = logging.getLogger(__name__)

MARGIN = 64
"""Pixels kept around the box, so that a shifted crop shows skin instead of a border."""
REGIONS = {region.name: region for region in (LIPS, UPPER_FACE)}


@dataclass(frozen=True)
class ReaderTraining:
    """How a reader is trained."""

    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            2_500, batch=8, learning_rate=2e-3, warmup=100, constant=0.3, ema=0.995, save_every=250
        )
    )
    opening_weight: float = 2.0
    """What the distances of the region's pairs count beside its points."""
    held_out: tuple[str, ...] = ("train_13", "train_14", "train_listen_2")
    """Takes that are only read for the printed error, beside those named ``test...``."""
    shift: float = 20.0
    """Largest shift of the crop in pixels, either way and axis."""
    turn: float = 8.0
    """Largest rotation in degrees."""
    blur: float = 2.2
    """Largest Gaussian sigma in pixels: networks render softer than the truth."""


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
    sample: ReaderSample, training: ReaderTraining, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A varied crop: moved, turned, scaled, blurred, with other light and noise.

    Returns:
        picture (h, w, 3) float32 in [-1, 1] and points (n, 2); what left the picture is sought at
        its edge.
    """
    centre = sample.points.mean(axis=0)
    angle = random.uniform(-training.turn, training.turn)
    warp = cv2.getRotationMatrix2D(centre.tolist(), angle, random.uniform(0.9, 1.12))
    warp[:, 2] += random.uniform(-training.shift, training.shift, 2)
    picture, points = sample.crop(warp)
    picture = picture.astype(np.float32) / 127.5 - 1
    if random.random() < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, training.blur))
    gain = random.uniform(0.8, 1.2) * random.uniform(0.95, 1.05, 3)
    picture = picture * gain + random.uniform(-0.2, 0.2)
    picture = picture + random.normal(0, random.uniform(0, 0.04), picture.shape)
    edge = CELL / 2
    points = points.clip(edge, np.subtract(sample.size, edge, dtype=np.float32))
    return picture.clip(-1, 1).astype(np.float32), points


class ReaderTrainer(Trainer):
    """One training run in a folder."""

    def __init__(self, region: Region, capture: Capture, run: Path, training: ReaderTraining):
        """Read the capture; see ``Trainer``.

        Raises:
            CaptureError: if no take to train on has a rendered frame.
        """
        torch.manual_seed(training.schedule.seed)
        self.region, self.capture, self.training = region, capture, training
        seen = [t for t in capture.takes if not t.held_out and t.name not in training.held_out]
        self.data = self._load(seen)
        if not self.data:
            raise CaptureError(f"The capture {capture.folder} has no rendered train frame.")
        networks = {region.name: KeypointReader(len(region.points))}
        super().__init__(run, training.schedule, networks, asdict(region))

    def batch(self, step: int) -> dict[str, Tensor]:
        """Frames drawn at random, each varied."""
        random = np.random.default_rng((self.schedule.seed, step))
        picks = random.integers(len(self.data), size=self.schedule.batch)
        crops = [augment(self.data[i], self.training, random) for i in picks]
        pictures, points = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        return {"pictures": pictures.permute(0, 3, 1, 2).contiguous(), "points": points}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bring points, and the distances of those that face each other, nearer to the truth."""
        with self.autocast():
            found = self.networks[self.kept](batch["pictures"])
        index = self.region.points.index
        upper, lower = ([index(i) for i in side] for side in zip(*self.region.pairs, strict=True))
        found_gap, gap = (p[:, upper] - p[:, lower] for p in (found, batch["points"]))
        points = F.smooth_l1_loss(found, batch["points"])
        gaps = F.smooth_l1_loss(found_gap, gap)
        self.optimise(self.kept, points + self.training.opening_weight * gaps)
        return {"points": points.detach(), "gaps": gaps.detach()}

    def samples(self) -> np.ndarray:
        """Four train pictures with the points that are read in them."""
        shown = []
        for index in np.linspace(0, len(self.data) - 1, 4).astype(int):
            picture, _ = self.data[index].crop()
            for x, y in self._read(picture):
                cv2.circle(picture, (round(x), round(y)), 1, (0, 255, 0), -1)
            shown.append(picture)
        return np.hstack(shown)

    def export(self) -> Path:
        """Write the averaged weights in half precision, with their error on unseen takes.

        Returns:
            The path, ``<region>_reader.safetensors`` in the run's folder.
        """
        errors = {label: asdict(error) for label, error in self.errors().items()}
        metadata = {
            "subject": self.capture.subject,
            "held_out": ", ".join(self.training.held_out),
            "samples": str(len(self.data)),
            "config": json.dumps(asdict(self.training)),
            "errors": json.dumps(errors),
        }
        weights = {k: v.half().contiguous() for k, v in self.average.module.state_dict().items()}
        path = self.run / f"{self.region.name}_reader.safetensors"
        with replacing(path) as temporary:
            save_file(weights, temporary, metadata)
        log.info("errors on unseen takes: %s", errors)
        return path

    def errors(self) -> dict[str, ReaderError]:
        """How well takes are read that were not trained on, sharp and blurred as networks are."""
        held_out = [take for take in self.capture.takes if take.name in self.training.held_out]
        tests = [take for take in self.capture.takes if take.held_out]
        result = {}
        for label, takes in (("held_out", held_out), ("test", tests)):
            if samples := self._load(takes):
                result[label] = self._error(samples, blur=0)
                result[f"{label}_blurred"] = self._error(samples, blur=1.5)
        return result

    def _load(self, takes: list[Take]) -> list[ReaderSample]:
        return [sample for take in takes for sample in load_reader_samples(take, self.region)]

    def _error(self, samples: list[ReaderSample], blur: float) -> ReaderError:
        found, truth = [], []
        for sample in samples:
            picture, points = sample.crop()
            if blur:
                picture = cv2.GaussianBlur(picture, (0, 0), blur)
            found.append(self._read(picture))
            truth.append(points)
        scale = samples[0].scale
        return reader_error(np.stack(found) / scale, np.stack(truth) / scale)

    @torch.no_grad()
    def _read(self, picture: np.ndarray) -> np.ndarray:
        """Points (n, 2) px of a picture (h, w, 3) uint8 by the averaged network."""
        pixels = signed(torch.from_numpy(picture).permute(2, 0, 1)[None])
        return self.average.module(pixels.to(self.device))[0].cpu().numpy()


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("region", choices=REGIONS)
    parser.add_argument("capture", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    capture = Capture.load(arguments.capture)
    trainer = ReaderTrainer(REGIONS[arguments.region], capture, arguments.run, ReaderTraining())
    trainer.train()
    trainer.export()


if __name__ == "__main__":
    main()
