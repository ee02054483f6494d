"""How far a video is: the steps of everything that is made frame by frame."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..hub import Progress

S, T, U = TypeVar("S"), TypeVar("T"), TypeVar("U")


@dataclass(frozen=True)
class Step:
    """How far a video is."""

    stage: str
    """"look": following the face in a film; "speech": finding what the mouth does; "render":
    making frames."""
    done: int
    total: int
    frame: np.ndarray | None = None
    """(H, W, 3) uint8 RGB: the frame just made."""


def staged(stage: str, work: Generator[tuple[int, int], None, T]) -> Generator[Step, None, T]:
    """How much is done of how much, as steps of a stage; returns what the work returns."""
    return each(work, lambda done: Step(stage, *done))


def each(work: Generator[S, None, T], told: Callable[[S], U]) -> Generator[U, None, T]:
    """All that work yields, as it is told to others; returns what the work returns."""
    try:
        while True:
            yield told(next(work))
    except StopIteration as end:
        return end.value
    finally:
        work.close()


def looking(frames: Generator[tuple[int, int], None, T]) -> Generator[Step, None, T]:
    """Frames of a film that were looked at, of how many, as steps; returns what they return."""
    return staged("look", frames)


def finished(steps: Generator[Any, None, T], progress: Progress | None = None) -> T:
    """What is at the end of steps that have a stage, and how much is done of a total."""
    try:
        while True:
            step = next(steps)
            if progress:
                progress(step.stage, step.done, step.total)
    except StopIteration as end:
        return end.value
    finally:
        steps.close()
