"""Work that takes a while, followed step by step."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from ..metrics.proof import Step as ProofStep
from ..render.steps import Step, each
from .request import Update

T = TypeVar("T")

PREVIEW_S = 0.25
"""Least time between two pictures of a job; it grows with the job, to a second."""


def awaited(call: Generator[None, None, T], stage: str) -> Generator[Update, None, T]:
    """Wait for the worker; returns what it returns."""
    return each(call, lambda _: Update(stage))


def watched(
    steps: Generator[Step | ProofStep, None, T], folder: Path, before: str = ""
) -> Generator[Update, None, T]:
    """Follow a video that is being made, with a picture now and then; returns what it returns.

    Args:
        steps: of the video.
        folder: for the pictures.
        before: stage of the steps that have no picture, where that lasts.
    """
    start = last = time.monotonic()
    try:
        while True:
            step, now = next(steps), time.monotonic()
            if step.frame is None and before:
                yield Update(before)
            if step.frame is None or now - last < min(PREVIEW_S + (now - start) / 60, 1):
                continue
            last = now
            path = save_picture(folder / f"preview-{step.done}.jpg", step.frame)
            left = (now - start) / step.done * (step.total - step.done)
            yield Update("Rendering", step.done, step.total, left, path)
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


def save_picture(path: Path, frame: np.ndarray) -> Path:
    """Write a picture (H, W, 3) uint8 RGB as JPEG."""
    cv2.imwrite(str(path), frame[..., ::-1])  # JPEG takes a tenth of WebP's time
    return path
