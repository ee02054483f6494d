"""What a training leaves to look at: losses as CSV and for TensorBoard, and pictures."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np

from ..files import replacing


class Records:
    """Losses as CSV and for TensorBoard, and sample pictures."""

    def __init__(self, run: Path, step: int):
        """Go on with the records of a run that stands at ``step``."""
        from tensorboardX import SummaryWriter

        self.run, self.path = run, run / "log.csv"
        self._forget_after(step)
        self.board = SummaryWriter(str(run / "tensorboard"), purge_step=step)

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        self.board.close()

    def add(
        self, step: int, seconds: float, rate: float, busy: float, losses: dict[str, float]
    ) -> None:
        """Note the losses of a step, when it was, its learning rate, and how busy the device is."""
        row = {"step": step, "seconds": f"{seconds:.1f}", "rate": f"{rate:.6f}"}
        row |= {"busy": f"{busy:.3f}"}
        row |= {"losses": json.dumps({key: round(value, 5) for key, value in losses.items()})}
        new = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        for key, value in losses.items():
            self.board.add_scalar(key, value, step)

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Keep a picture (H, W, 3) uint8 RGB."""
        path = self.run / f"samples_{step:06d}.jpg"
        cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.board.add_image("samples", picture, step, dataformats="HWC")

    def _forget_after(self, step: int) -> None:
        """Drop rows that a killed run wrote after its last saved state: they come again."""
        if self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            rows = re.findall(r"^(step|\d+)(,.*\n)", text, re.MULTILINE)  # whole lines alone
            kept = [n + rest for n, rest in rows if n == "step" or int(n) <= step]
            with replacing(self.path) as temporary:
                temporary.write_text("".join(kept), encoding="utf-8")
