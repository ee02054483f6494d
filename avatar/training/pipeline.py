"""One command from a capture to trained networks: oracle, synthetic pictures, renderer.

    python -m avatar train CAPTURE --run runs/NAME

Each stage keeps what it has done in the run folder, and the same command goes on from there:
``config.json`` says how the run was begun, ``oracle/mouth``, ``oracle/head`` and ``renderer`` are
trainings (see ``trainer``), ``synthetic`` holds the oracle's pictures. Then ``package`` makes the
bundle.
"""

import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from ..capture.layout import Capture
from ..errors import CaptureError
from ..identity import Identity, load_identity
from ..speech.features import Features
from . import distributed
from .clips import choose_clips
from .config import NOBODY, TrainingConfig, begun, settle
from .course import COSTS, ORACLE_MINUTES, Course, Progress
from .dataset import VISEMES, Sample, load_capture
from .oracle import OracleTrainer, load_oracle, train_oracle
from .renderer import RendererTrainer
from .synthetic import TABLE, SyntheticSamples, gallery, make_synthetic

log = logging.getLogger(__name__)


def train(
    capture_folder: Path,
    run: Path,
    wanted: TrainingConfig | None = None,
    *,
    start: str | None = None,
    minutes: float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, or go on training; under torchrun, with all its processes.

    Args:
        capture_folder: the capture; takes named ``test*`` are never touched.
        run: folder of the run.
        wanted: how to train; None: as the run was begun, or by default.
        start: the identity to start from, "none" for random weights; None: as ``wanted`` says.
        minutes: about how long the whole training is to take, earlier sessions included; it may
            grow. None: as ``wanted`` says.
        force: train on a capture whose verdict is "refuse", too.
        progress: told the stage, the seconds that are done, and of how many.

    Returns:
        How the weights came about.

    Raises:
        AvatarError: if something is missing, does not fit or cannot be written; what the run has
            done so far stands, and the same call goes on from there.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when what was done is saved.
    """
    started = time.monotonic()
    capture = Capture.load(capture_folder)
    _check(capture, force)
    config = wanted or begun(run) or TrainingConfig()
    given = {"start": start, "minutes": minutes}
    config = replace(config, **{key: value for key, value in given.items() if value is not None})
    identity = None if config.start == NOBODY else load_identity(config.start)
    config = config.fitted(identity)
    with distributed.together():
        if distributed.rank() == 0:
            settle(run, config)
        training = _Training(capture, run, _with_box(config, capture), identity, progress)
        return training.go(started)


class _Training:
    """The stages, one after the other."""

    def __init__(
        self,
        capture: Capture,
        run: Path,
        config: TrainingConfig,
        start: Identity | None,
        progress: Progress | None,
    ):
        self.capture, self.run, self.config, self.start = capture, run, config, start
        self.features: Features = VISEMES if start is None else start.config.features
        network = replace(config.renderer.network, k=self.features.k)
        self.network = network
        self.frames = load_capture(capture, network.window, self.features)
        self.mashes = not config.minutes or config.minutes >= ORACLE_MINUTES[_device().type]
        self.course = self._course(progress if distributed.rank() == 0 else None)

    def go(self, started: float) -> dict[str, Any]:
        """Train what is not trained yet, and say how the renderer came about."""
        drawers, synthetic = [], ()
        if self.mashes:
            drawers = self._train_oracle()
            synthetic = self._synthetic(drawers)
        else:
            log.warning(
                "%g minutes are too few for an oracle and synthetic pictures.", self.config.minutes
            )
        trainer = self._renderer(synthetic)
        trainer.facts |= self._facts(drawers, len(synthetic), trainer)
        told, limit = self.course.of("renderer")
        if limit is not None:
            # In loading and in the stages before, whose time an earlier session may have spent.
            elsewhere = max(time.monotonic() - started, sum(part.seconds for part in drawers))
            (elsewhere,) = distributed.largest([elsewhere])  # all processes have to end together
            limit = max(60 * self.config.minutes - elsewhere, limit / 2, trainer.seconds)
        trainer.train(told, limit)
        return trainer.facts | {"steps": trainer.step, "seconds": round(trainer.seconds)}

    def _course(self, progress: Progress | None) -> Course:
        """What each stage may take."""
        config = self.config
        if config.minutes:
            return Course.of_minutes(config.minutes, self.mashes, progress)
        oracle, renderer = config.oracle.training.schedule, config.renderer.training.schedule
        drawn = oracle.steps * oracle.batch
        samples = {
            "mouth": drawn, "head": drawn, "synthetic": self._most_pairs(),
            "renderer": renderer.steps * renderer.batch,
        }  # fmt: skip
        return Course.of_samples(samples, progress)

    def _train_oracle(self) -> list[OracleTrainer]:
        """The runs of mouth and head, done. Once pictures are drawn, it is not trained on."""
        stage, start = self.config.oracle, None
        if self.start is not None and self.start.has_oracle:
            start = self.start.oracle()
        course = self.course
        if self.config.minutes and (self.run / "synthetic" / TABLE).exists():
            course = replace(course, parts=course.parts | {"mouth": 0.0, "head": 0.0})
        folder = self.run / "oracle"
        return train_oracle(self.frames, folder, stage.training, stage.network, start, course)

    def _synthetic(self, drawers: Sequence[OracleTrainer]) -> SyntheticSamples:
        """The oracle's pictures, and a gallery of them."""
        folder, config = self.run / "synthetic", self.config.synthetic
        oracle = load_oracle(self.run / "oracle", self.config.oracle.network)
        count = self._most_pairs()
        if self.config.minutes:
            head = drawers[-1]
            pace = head.seconds / max(head.step, 1) / head.schedule.batch  # seconds a picture
            pace *= COSTS["synthetic"] / COSTS["head"] / distributed.world()
            count = min(count, max(int(self.course.parts["synthetic"] / max(pace, 1e-3)), 1))
        told = self.course.teller("synthetic")
        make_synthetic(self.capture, oracle, folder, count, config, told)
        samples = SyntheticSamples(self.capture, folder, self.network.window, self.features)
        if distributed.rank() == 0:
            shown = cv2.cvtColor(gallery(samples), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / "gallery.jpg"), shown)
        return samples

    def _renderer(self, synthetic: Sequence[Sample]) -> RendererTrainer:
        training = self.config.renderer.training
        if not self.mashes:
            training = replace(training, synthetic_ratio=0.0)
        weights = None if self.start is None else self.start.renderer.state_dict()
        return RendererTrainer(
            self.frames, synthetic, self.run / "renderer", training, self.network, weights
        )

    def _most_pairs(self) -> int:
        config = self.config.synthetic
        return min(config.pairs_per_frame * len(self.frames), config.most)

    def _facts(
        self, drawers: Sequence[OracleTrainer], synthetic: int, trainer: RendererTrainer
    ) -> dict[str, Any]:
        """What the model card says of the method, beside what the training itself counts."""
        start, schedule = self.start, trainer.schedule
        revision = f" ({start.revision[:7]})" if start is not None and start.revision else ""
        return {
            "start": NOBODY if start is None else start.name + revision,
            "features": self.features.to_dict(),
            "frames": len(self.frames),
            "synthetic_frames": synthetic,
            "synthetic_ratio": trainer.training.synthetic_ratio,
            "oracle_steps": max((drawer.step for drawer in drawers), default=0),
            "oracle_seconds": round(sum(drawer.seconds for drawer in drawers)),
            "batch": trainer.share * distributed.world(),
            "processes": distributed.world(),
            "seed": schedule.seed,
            "device": _device_name(),
        }


def _check(capture: Capture, force: bool) -> None:
    """What would fail after hours fails now."""
    if capture.verdict == "refuse" and not force:
        raise CaptureError(
            f"The capture {capture.folder} is not fit to train on: {' '.join(capture.reasons)} "
            "Film again, or train on it all the same with --force."
        )
    choose_clips(capture)
    _ = capture.geometry


def _with_box(config: TrainingConfig, capture: Capture) -> TrainingConfig:
    """With the capture's mouth box."""
    oracle, renderer = (
        replace(stage, network=replace(stage.network, mouth_box=capture.mouth_box))
        for stage in (config.oracle, config.renderer)
    )
    return replace(config, oracle=oracle, renderer=renderer)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
