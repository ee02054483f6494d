"""What all trainings share: the loop, the schedule, resuming, logs, and what may go wrong.

A training lasts so many steps, or as long as it is given time. Several processes may share it, see
``distributed``.

A run is a folder. ``state_<step>/`` holds everything that a killed run needs to go on, in shards of
safetensors, written whole or not at all; ``log.csv`` and ``tensorboard/`` hold the losses,
``samples_<step>.jpg`` pictures, ``<network>.safetensors`` the averaged weights.
"""

import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..errors import AvatarError
from ..files import replacing
from . import distributed, state
from .descent import NotFiniteError, descend
from .records import Records
from .schedule import Schedule
from .stopping import Stopping

log = logging.getLogger(__name__)

MOST_BAD = 10
"""Batches in a row whose loss is not a number, after which training stops."""
PREFETCHED = 4
"""Batches that are made ready while the network works."""
SHOWN = 5
"""Sample pictures at least of a training that is given time."""


class Trainer(ABC):
    """One training run in a folder.

    A subclass builds its networks, calls ``__init__``, and says what a batch is, what a step does
    and what a sample picture shows. Batches and noise depend on seed and step alone, so that a
    resumed run goes on as it would have.
    """

    def __init__(
        self,
        run: Path,
        schedule: Schedule,
        networks: dict[str, nn.Module],
        description: dict[str, Any],
    ):
        """Move the networks to the device, make their optimisers, resume if there is a state.

        Args:
            run: folder of the run.
            schedule: how long and how fast.
            networks: trained networks by name; the first is the one whose average is kept.
            description: what is trained, as plain values; a state of another is refused.

        Raises:
            AvatarError: if the folder's state is of another network, or damaged.
        """
        self.run, self.schedule, self.description = run, schedule, description
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # GPUs convolve fastest with channels last; these small nets on a CPU do not.
        on_gpu = self.device.type == "cuda"
        layout = torch.channels_last if on_gpu else torch.contiguous_format
        self.networks = {
            name: network.to(self.device, memory_format=layout)
            for name, network in networks.items()
        }
        self.kept = next(iter(networks))
        self.average = AveragedModel(self.networks[self.kept], multi_avg_fn=self._mix)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), schedule.learning_rate, self._betas(name))
            for name, network in self.networks.items()
        }
        self.step, self.seconds, self.waited, self._bad = 0, 0.0, 0.0, 0
        self.limit: float | None = None
        """Seconds that it is given, those of earlier sessions included; None: the steps count."""
        self.facts: dict[str, Any] = {}
        """What else is worth knowing of the training, as plain values; kept in its state."""
        run.mkdir(parents=True, exist_ok=True)
        if distributed.rank() == 0:
            state.forget_unfinished(run)
        if states := state.saved_states(run):
            self._resume(states[-1])

    @abstractmethod
    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a step, a function of it alone; called from other threads."""

    @abstractmethod
    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Improve the networks by one batch; returns the losses to log.

        Raises:
            NotFiniteError: if a loss is not a number; then nothing should have changed.
        """

    @abstractmethod
    def samples(self) -> np.ndarray:
        """A picture (H, W, 3) uint8 RGB that shows how far the averaged network is."""

    def clock(self) -> float:
        """Seconds, from any beginning."""
        return time.monotonic()

    @property
    def weights_path(self) -> Path:
        """The averaged weights of the kept network."""
        return self.run / f"{self.kept}.safetensors"

    @property
    def busy(self) -> float:
        """Share of the time in which the networks did not wait for data, since the start."""
        return 1 - self.waited / self.seconds if self.seconds else 1.0

    @property
    def done(self) -> float:
        """Share of the training that is behind, 0 to 1."""
        share = self.step / self.schedule.steps if self.limit is None else self._used
        return min(share, 1.0)

    @property
    def _used(self) -> float:
        """Share of the time, where it counts."""
        return self.seconds / self.limit if self.limit > 0 else 1.0

    def learning_rate(self, name: str) -> float:
        """Of a network, at this step."""
        return self.schedule.learning_rate * self.schedule.share(self.step, self.done)

    def _betas(self, name: str) -> tuple[float, float]:
        """Of Adam: an adversary has little memory (G17); what is kept learns faster with more."""
        return (0.9, 0.99) if name == self.kept else (0.5, 0.999)

    def autocast(self) -> torch.autocast:
        """Multiply in bfloat16."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def train(
        self, progress: Callable[[float], None] | None = None, limit: float | None = None
    ) -> Path:
        """Run to the end; returns the path of the kept weights.

        Args:
            progress: told after each step the share of the training that is done, 0 to 1.
            limit: seconds that it is given, see ``limit``.

        Raises:
            AvatarError: if the loss stays not a number, or the state cannot be saved; the last
                saved state stands.
            KeyboardInterrupt: after Ctrl-C or SIGTERM; this step's state has been saved.
        """
        self.limit, before = limit, self.seconds
        try:
            with self._records() as records, Stopping() as stopping:
                started = self.clock()
                for batch in self._batches():
                    losses, done = self._guarded_step(batch), self.done
                    self.step += 1
                    now = before + self.clock() - started
                    self.seconds, asked = distributed.largest((now, stopping.asked))
                    if progress:
                        progress(self.done)
                    self._record(records, losses, done)
                    if asked or self.step % self.schedule.save_every == 0:
                        self.save()
                    if asked:
                        distributed.wait()  # who ends first has the others ended by torchrun
                        raise KeyboardInterrupt
            self.save()
        except OSError as error:
            raise state.unwritten(self.run, self.step, error) from error
        distributed.wait()  # until the weights are written
        return self.weights_path

    def optimise(self, name: str, loss: Tensor) -> None:
        """One step of a network's optimiser.

        Raises:
            NotFiniteError: if the loss or its gradient is not a number; nothing has changed.
        """
        rate = self.learning_rate(name)
        descend(name, self.networks[name], self.optimisers[name], loss, rate)

    def save(self) -> None:
        """Write state and averaged weights, each whole or not at all; process 0 alone does.

        Raises:
            AvatarError: if they cannot be written, for want of space for example.
        """
        if distributed.rank() > 0:
            return
        tensors = state.learnt(self.average, self.networks, self.optimisers)
        facts = {"step": self.step, "seconds": self.seconds, "waited": self.waited}
        facts |= {"facts": self.facts}
        weights = self.average.module.state_dict()
        try:
            state.write_state(self.run, facts | {"description": self.description}, tensors)
            with replacing(self.weights_path) as temporary:
                save_file({k: v.contiguous().cpu() for k, v in weights.items()}, temporary)
        except (OSError, SafetensorError) as error:
            raise state.unwritten(self.run, self.step, error) from error

    def _records(self) -> AbstractContextManager[Records | None]:
        """Process 0 alone keeps them."""
        return nullcontext() if distributed.rank() else Records(self.run, self.step)

    def _record(self, records: Records | None, losses: dict[str, Tensor], before: float) -> None:
        """Log the losses and draw samples when it is time.

        Args:
            records: where.
            losses: none: the step was left out.
            before: the share that was done before this step.
        """
        if records is None:
            return
        if losses and self.step % self.schedule.log_every == 0:
            values = {key: float(value) for key, value in losses.items()}
            rate = self.learning_rate(self.kept)
            records.add(self.step, self.seconds, rate, self.busy, values)
        due = self.limit is not None and int(SHOWN * self.done) > int(SHOWN * before)
        if due or self.step % self.schedule.sample_every == 0:
            with torch.no_grad(), self.autocast():
                records.picture(self.step, self.samples())

    @torch.no_grad()
    def _mix(self, averaged: list[Tensor], current: list[Tensor], _: Tensor) -> None:
        """Move the average towards the weights: fast at first, or it would remember the start."""
        decay = min(self.schedule.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def _guarded_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A step, or nothing but a warning if the batch is not to be used."""
        torch.manual_seed(self.schedule.seed * 1_000_003 + self.step)
        try:
            losses = self.train_step(batch)
        except NotFiniteError as error:
            self._bad += 1
            log.warning("step %d is left out: %s", self.step, error)
            if self._bad == MOST_BAD:
                raise AvatarError(
                    f"The loss was not a number for {MOST_BAD} batches up to step {self.step} of "
                    f"{self.run}: look at the data, or lower the learning rate; what was saved "
                    "before stands."
                ) from error
            return {}
        self._bad = 0
        self.average.update_parameters(self.networks[self.kept])
        return losses

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """Batches from here to the end, made ready ahead by threads."""
        last = self.schedule.steps
        steps = iter(range(self.step, last)) if self.limit is None else count(self.step)
        with ThreadPoolExecutor(PREFETCHED) as pool:
            waiting = [pool.submit(self.batch, step) for step in islice(steps, PREFETCHED)]
            while waiting and self.done < 1:
                asked = time.monotonic()
                try:
                    batch = waiting.pop(0).result()
                except AvatarError:  # a picture is gone: what was learned so far is not
                    self.save()
                    raise
                self.waited += time.monotonic() - asked
                waiting += [pool.submit(self.batch, step) for step in islice(steps, 1)]
                yield {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}

    def _resume(self, folder: Path) -> None:
        try:
            facts, tensors = state.read_state(folder, self.device)
            if facts["description"] != json.loads(json.dumps(self.description)):
                raise AvatarError(
                    f"The run in {self.run} trains something else; choose another folder for it."
                )
            state.restore(tensors, self.average, self.networks, self.optimisers)
            self.step, self.seconds = facts["step"], facts["seconds"]
            self.waited, self.facts = facts["waited"], facts["facts"]
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise AvatarError(
                f"The state {folder} is damaged; delete it to go on from an earlier one or anew."
            ) from error
        log.info("resumed %s at step %d", self.run, self.step)
