"""What the table compares: ways to show a head's motion with a mouth that says something."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..capture.layout import Take
from ..metrics.subject import Subject
from ..speech.speech import Speech

OneFrame = Callable[[], object]
"""Runs a network once, at batch 1, on inputs that are ready."""


class Method(Protocol):
    """A row of the table."""

    name: str
    sees: str
    """What it is given of the take beside its sound, for people."""
    engine: str | None
    """What its network runs on; None: it has none."""

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """Render a take.

        Args:
            take: whose head motion is shown.
            speech: what is heard in it.

        Yields:
            (512, 512, 3) uint8 RGB, a frame of the take each, as long as sound and motion last.
        """

    def one_frame(self, take: Take, speech: Speech) -> OneFrame | None:
        """Its network alone, for the clock."""


@dataclass(frozen=True)
class Rendered:
    """Our renderer, driven as ``evaluate`` drives it."""

    name: str
    subject: Subject
    change: Callable[[np.ndarray], np.ndarray] | None = None
    """What is done to the features (T, k) of the speech, for controls."""
    sees: str = "head motion"

    @property
    def engine(self) -> str:
        """What renders."""
        return self.subject.engine.name

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """See ``Method``."""
        said = self._said(take, speech)
        views = [(take, frame) for frame in range(len(said))]
        return self.subject.render(views, said, self.name)

    def one_frame(self, take: Take, speech: Speech) -> OneFrame:
        """See ``Method``."""
        said, blank = self._said(take, speech)[:1], np.zeros((1, 512, 512), np.uint8)
        return lambda: self.subject.engine(blank, said)

    def _said(self, take: Take, speech: Speech) -> np.ndarray:
        """(T, window, k) float32."""
        values = self.subject.features.of(speech.sound, take.capture.fps, speech.phones)
        values = values[: len(take.pose)]
        windows = self.subject.windows(self.change(values) if self.change else values)
        return np.ascontiguousarray(windows, np.float32)
