"""The ``train`` command in a folder of its own, on a cartoon, with networks and steps too small to
learn anything."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from avatar.cli import main

ROOT = Path(__file__).parents[1]
STAGES = ("oracle/mouth", "oracle/head", "renderer")
SCHEDULE = {
    "steps": 2, "batch": 1, "warmup": 1, "adversary": 0.5, "alone": 0,
    "log_every": 1, "sample_every": 2, "save_every": 1,
}  # fmt: skip
WEIGHTS = {"width": 4}
TINY = {
    "start": "none",
    "oracle": {
        "network": {"widths": [8, 8], "blocks": 0},
        "training": {"schedule": SCHEDULE, "weights": WEIGHTS},
    },
    "synthetic": {"pairs_per_frame": 1},
    "renderer": {"training": {"schedule": SCHEDULE, "weights": WEIGHTS}},
}


class Training:
    """One ``train`` command."""

    def __init__(self, folder: Path, capture: Path, values: dict[str, Any] = TINY):
        self.capture, self.run = capture, folder / "run"
        self.config, self.json = folder / "my.json", folder / "result.json"
        self.config.write_text(json.dumps(values))
        self.more: list[str] = []
        """Further arguments."""

    @property
    def arguments(self) -> list[str]:
        parts = ["--run", self.run, "--config", self.config, "--json", self.json]
        return ["train", str(self.capture), *map(str, parts), *self.more]

    def change(self, **schedule: float) -> None:
        """Schedule of the renderer."""
        values = json.loads(self.config.read_text())
        values["renderer"]["training"]["schedule"] |= schedule
        self.config.write_text(json.dumps(values))

    def __call__(self) -> int:
        return main(self.arguments)

    def start(self, *launcher: str) -> subprocess.Popen:
        """In a process of its own, or by a launcher in several, without a Hub."""
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(self.run / "none")}
        command = [sys.executable, "-m", *(launcher or ("avatar",)), *self.arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def weights(self, stage: str = "renderer") -> dict[str, Tensor]:
        return load_file(self.run / stage / f"{Path(stage).name}.safetensors")

    def result(self) -> dict[str, Any]:
        """What ``--json`` wrote."""
        return json.loads(self.json.read_text())
