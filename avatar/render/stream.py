"""Speech features and head motion to frames, a batch at a time, with memory that does not grow."""

from collections.abc import Iterator

import numpy as np

from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from ..speech.visemes import SILENCE
from .engine import Engine

PAST, AHEAD = 3, 2
"""Frame i sees the features of frames i-3 .. i+2."""
WINDOW = PAST + 1 + AHEAD
"""Features that one frame sees."""


def windows(values: np.ndarray, start: int, stop: int) -> np.ndarray:
    """What frames start .. stop-1 see of a track; beyond its ends there is silence.

    Args:
        values: (T, 34) features.
        start: first frame.
        stop: frame after the last.

    Returns:
        (stop - start, 6, 34) float32.
    """
    frames = np.arange(start, stop)[:, None] + np.arange(-PAST, AHEAD + 1)  # (n, 6)
    inside = (frames >= 0) & (frames < len(values))
    seen = values[np.clip(frames, 0, len(values) - 1)]
    return np.where(inside[..., None], seen, SILENCE).astype(np.float32)


def render_frames(
    engine: Engine, clip: Clip, style: DrawingStyle, values: np.ndarray, start: int = 0
) -> Iterator[np.ndarray]:
    """Render one frame for each row of features.

    Batches grow from one frame to the engine's size, so that the first frame is there at once.
    Drawings are made again each time the clip loops: that takes a fraction of a millisecond.

    Args:
        engine: what renders.
        clip: head motion, repeated forth and back for as long as needed.
        style: how the identity's lines look.
        values: (T, 34) features.
        start: frame of the (endless) clip that the first picture shows.

    Yields:
        (512, 512, 3) uint8 RGB.
    """
    done, size = 0, 1
    poses = clip.frame_indices(len(values), start)
    while done < len(values):
        stop = min(done + size, len(values))
        drawings = np.stack([clip.drawing(next(poses), style) for _ in range(done, stop)])
        yield from engine(drawings, windows(values, done, stop))
        done, size = stop, min(2 * size, engine.batch)
