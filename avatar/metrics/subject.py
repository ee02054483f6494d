"""What is measured: a renderer, in a bundle or fresh from its training, and how it is driven."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from ..capture.layout import Take
from ..face.drawing import DrawingStyle, draw
from ..identity import Identity
from ..nets.renderer import RendererConfig
from ..render.engine import Engine, make_engine
from ..speech.features import Features, Visemes
from ..speech.visemes import windows
from .views import View


@dataclass(frozen=True)
class Subject:
    """A renderer that is measured."""

    engine: Engine
    network: RendererConfig
    style: DrawingStyle = field(default_factory=DrawingStyle)
    features: Features = field(default_factory=Visemes)

    @classmethod
    def of(cls, identity: Identity, engine: str = "auto") -> "Subject":
        """An identity, rendered by the engine of that kind, see ``make_engine``."""
        config = identity.config
        return cls(make_engine(identity, engine), config.network, config.style, config.features)

    def said(self, take: Take) -> np.ndarray:
        """(T, k) features of a take's sound, by its exact phones where it has them."""
        return self.features.of(take.sound, take.capture.fps, take.phones)

    def windows(self, values: np.ndarray) -> np.ndarray:
        """(T, window, k): what of the features (T, k) each frame is shown with."""
        return windows(values, self.network.window, self.features.silence)

    def silent_windows(self, count: int) -> np.ndarray:
        """(count, window, k) of nothing but silence."""
        return np.tile(self.features.silence, (count, self.network.window, 1)).astype(np.float32)

    def render(
        self, views: Sequence[View], said: np.ndarray, what: str = ""
    ) -> Iterator[np.ndarray]:
        """Render frames.

        Args:
            views: N heads to draw.
            said: (N, window, k) features to show them with.
            what: for the progress bar.

        Yields:
            (512, 512, 3) uint8 RGB.
        """
        size = self.engine.batch
        with tqdm(total=len(views), desc=what, unit="frame", disable=None, leave=False) as progress:
            for start in range(0, len(views), size):
                part = views[start : start + size]
                drawings = np.stack([self._drawing(*view) for view in part])
                shown = np.ascontiguousarray(said[start : start + size], np.float32)
                yield from self.engine(drawings, shown)
                progress.update(len(part))

    def _drawing(self, take: Take, frame: int) -> np.ndarray:
        keypoints, irises, contour = (
            take.arrays[key][frame] for key in ("landmarks2d", "iris2d", "contour")
        )
        return draw(keypoints, irises, contour, self.style)
