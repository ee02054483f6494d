"""Films of which not every frame is at hand."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, repeat

import numpy as np


def held(
    known: Sequence[int], length: int, picture: Callable[[int], np.ndarray]
) -> Iterator[np.ndarray]:
    """A film of so many frames, in which each picture that is at hand is shown until the next.

    Args:
        known: numbers of the frames at hand, in order, one at least.
        length: frames of the film.
        picture: reads one.
    """
    known = [frame for frame in known if frame < length]
    starts = [0, *known[1:], length]
    for frame, (start, end) in zip(known, pairwise(starts), strict=True):
        yield from repeat(picture(frame), end - start)
