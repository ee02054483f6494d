"""Speech features and head motion to frames, a batch at a time, with memory that does not grow."""

from collections.abc import Iterator

import numpy as np

from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from ..speech.visemes import windows
from .engine import Engine


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
    seen = windows(values)
    poses = clip.frame_indices(len(values), start)
    while done < len(values):
        stop = min(done + size, len(values))
        drawings = np.stack([clip.drawing(next(poses), style) for _ in range(done, stop)])
        yield from engine(drawings, np.ascontiguousarray(seen[done:stop]))
        done, size = stop, min(2 * size, engine.batch)
