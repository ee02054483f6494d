"""Speech features and head motion to frames, a batch at a time, with memory that does not grow."""

from collections.abc import Iterator

import numpy as np

from ..face.clip import Clip
from ..identity_config import IdentityConfig
from ..speech.visemes import windows
from .engine import Engine
from .latents import encoded


def render_frames(
    engine: Engine, clip: Clip, config: IdentityConfig, values: np.ndarray, start: int = 0
) -> Iterator[np.ndarray]:
    """Render one frame for each row of features.

    Batches grow from one frame to the engine's size, so that the first frame is there at once.
    A frame of the clip is drawn and encoded once, however often the clip loops (``latents.py``).

    Args:
        engine: what renders.
        clip: head motion, repeated forth and back for as long as needed.
        config: the identity's lines, and what its network sees.
        values: (T, k) features.
        start: frame of the (endless) clip that the first picture shows.

    Yields:
        (512, 512, 3) uint8 RGB.
    """
    done, size = 0, 1
    seen = windows(values, config.network.window, config.features.silence)
    poses = clip.frame_indices(len(values), start)
    while done < len(values):
        stop = min(done + size, len(values))
        latents = encoded(engine, clip, config.style, [next(poses) for _ in range(done, stop)])
        yield from engine.decode(latents, seen[done:stop].copy())
        done, size = stop, min(2 * size, engine.batch)
