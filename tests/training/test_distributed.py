"""One training shared by two processes, as torchrun starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from train_command import TINY, Training
from trained_line import Line, schedule

from avatar.capture.layout import Capture
from avatar.errors import AvatarError
from avatar.nets.renderer import RendererConfig
from avatar.training import distributed
from avatar.training.dataset import load_capture
from avatar.training.losses import LossWeights
from avatar.training.renderer import RendererTrainer, RendererTraining

TORCHRUN = ("torch.distributed.run", "--nproc_per_node=2", "--standalone")
COMMAND = (*TORCHRUN, "-m", "--", "avatar")


class Shared(Line):
    """Each process takes its part of a step's eight samples."""

    fails = -1
    """Step at which the second process fails."""

    def batch(self, step: int) -> dict[str, Tensor]:
        if step == self.fails and distributed.rank() == 1:
            raise AvatarError("this process has bad luck")
        part = slice(distributed.rank(), None, distributed.world())
        return {key: value[part] for key, value in super().batch(step).items()}

    def train_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = (self.networks["line"](batch["x"]) - batch["y"]).square().mean()
        self.optimise("line", loss)
        return {"error": loss.detach()}


def go(run: Path, steps: int, fails: int = -1) -> dict[str, Tensor]:
    """Train; a part of step 3 is no number."""
    with distributed.together():
        line = Shared(run, schedule(steps, learning_rate=0.02, constant=1.0))
        line.poisoned, line.fails = frozenset({3}), fails
        return load_file(line.train())


def two(run: Path, steps: int, fails: int = -1) -> subprocess.CompletedProcess:
    """The same in two processes."""
    script, paths = run.with_name("two.py"), [str(Path(__file__).parents[n]) for n in (0, 1, 2)]
    script.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path[:0] = {paths}\n"
        f"from test_distributed import go\ngo(Path({str(run)!r}), {steps}, {fails})\n"
    )
    return subprocess.run(
        [sys.executable, "-m", *TORCHRUN, str(script)],
        capture_output=True, text=True, timeout=600, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_processes_learn_what_one_does_and_one_can_go_on(tmp_path: Path) -> None:
    done = two(tmp_path / "two", 16)
    assert done.returncode == 0, done.stderr
    for steps in (16, 40):
        found, wanted = (go(tmp_path / run, steps) for run in ("two", "one"))
        for key, value in wanted.items():
            torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-6)


def test_one_that_fails_ends_all(tmp_path: Path) -> None:
    started = time.monotonic()
    done = two(tmp_path / "run", 40, fails=9)
    assert done.returncode != 0 and time.monotonic() - started < 300
    assert "this process has bad luck" in done.stderr
    go(tmp_path / "run", 40)


def untrained(capture: Capture, run: Path) -> dict[str, Tensor]:
    """The weights that the renderer begins with."""
    training = RendererTraining(weights=LossWeights(width=4), synthetic_ratio=0.0)
    config = RendererConfig(mouth_box=capture.mouth_box)
    trainer = RendererTrainer(load_capture(capture, 6), (), run, training, config)
    return trainer.average.module.state_dict()


def test_the_command_shares_every_stage(tmp_path: Path, cartoon: Path, no_hub: None) -> None:
    """Networks come out as those of one process with the same batches, within noise."""
    values = json.loads(json.dumps(TINY))
    for stage in ("oracle", "renderer"):
        values[stage]["training"]["schedule"] |= {"batch": 2, "learning_rate": 1e-4}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (Training(tmp_path / name, cartoon, values) for name in ("one", "two"))
    assert one() == 0
    child = two.start(*COMMAND)
    said, told = child.communicate()
    assert child.returncode == 0, told
    assert said.count("trained for 2 steps") == 1
    began = untrained(Capture.load(cartoon), tmp_path / "began")
    alone, shared = one.weights(), two.weights()
    learnt = sum((alone[key] - value).abs().sum() for key, value in began.items())
    apart = sum((alone[key] - value).abs().sum() for key, value in shared.items())
    assert 0 < learnt and apart < 0.05 * learnt
    assert len(list((two.run / "synthetic/head").iterdir())) == 3
    assert two.result()["processes"] == 2 and two.result()["batch"] == 2


def test_all_processes_end_when_the_time_is_over(tmp_path: Path, cartoon: Path) -> None:
    values = {"start": "none", "renderer": {"training": {"weights": {"width": 4}}}}
    training = Training(tmp_path, cartoon, values)
    training.more = ["--minutes", "0.02"]
    child = training.start(*COMMAND)
    _, told = child.communicate(timeout=600)
    assert child.returncode == 0, told
    assert training.result()["steps"] > 0


def test_a_signal_to_all_saves_first(tmp_path: Path, cartoon: Path) -> None:
    values = json.loads(json.dumps(TINY))
    values["oracle"]["training"]["schedule"] |= {"steps": 100_000, "save_every": 100_000}
    training = Training(tmp_path, cartoon, values)
    child = training.start(*COMMAND)
    log = training.run / "oracle/mouth/log.csv"
    while child.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 2):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=600)
    assert child.returncode != 0
    (state,) = (training.run / "oracle/mouth").glob("state_*")
    assert int(state.name.partition("_")[2]) >= 2
