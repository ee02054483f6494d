"""The renderer's last layers, 256x256 to 512x512 bytes, in one pass over the rows of a picture.

Here is half of all work, and 8 channels are too few for libraries: each layer is a pass over 8 MB,
and three colours are padded to eight. What numba compiles of this for the CPU at hand keeps a few
rows in the cache instead (``rows``), and multiplies nothing in vain.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np

from ..nets.blocks import SLOPE
from ..nets.renderer import SIZE
from . import rows
from .rows import HALF, PAD, ROW, SIDE, compiled

CHANNELS = 8
RING = 8
"""Rows that are kept of a layer; one more is the row of zeros above and below a picture."""

Layers = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""The five fields of a decoder."""


class TailWeights(NamedTuple):
    """All that is needed beside features; ``fixing.tail_weights`` makes it. Arrays are float32."""

    head_even: np.ndarray
    """(4, 4, 12) of the head's doubling, for even rows: by two channels out, by two channels in,
    out x in x taps across."""
    head_odd: np.ndarray
    """(4, 8, 12), for odd rows: by two channels out, by channel in, rows x out x taps."""
    head_doubling: np.ndarray
    """(8,) its bias."""
    head_parts: np.ndarray
    """(4, 2, 8, 12) of the head's convolution: Winograd's parts, four channels out, channel in,
    out x taps across."""
    head_bias: np.ndarray
    """(8,)"""
    mouth_even: np.ndarray
    mouth_odd: np.ndarray
    mouth_doubling: np.ndarray
    mouth_parts: np.ndarray
    mouth_bias: np.ndarray
    columns: np.ndarray
    """(n / 3, 8, 2, 12) of the last layer: three of n sums, channel, halves of eight taps down,
    sums x taps."""
    across: np.ndarray
    """(n, 3, 7): sum, colour, tap across."""
    colour: np.ndarray
    """(3,) bias."""
    box: np.ndarray
    """(4,) int64: x, y, width, height of the mouth in the picture; of no height without a mouth."""
    above: np.ndarray
    """(height,) int64: the row of the mouth above a row of its box."""
    down: np.ndarray
    """(height,): the share of the row below."""
    before: np.ndarray
    """(width,) uint32: place in a row of the pixel before; even columns of the picture first."""
    after: np.ndarray
    """(width,) uint32: of the pixel after."""
    between: np.ndarray
    """(width,): the share of the latter."""


def _kept(function: Callable) -> Callable:
    """Compiled, and kept on disk where that can be.

    What numba keeps it makes anew when the function's own file changes. Here the name, by which it
    is found, changes with all that is compiled into it from other files.
    """
    matters = Path(rows.__file__).read_bytes() + repr((SIZE, SLOPE)).encode()
    function.__qualname__ += "_" + hashlib.sha256(matters).hexdigest()[:16]
    result = compiled(function)
    with suppress(RuntimeError):  # neither this folder nor a home can be written to: every time
        result.enable_caching()
    return result


@_kept
def draw(head: np.ndarray, mouth: np.ndarray, weights: TailWeights, picture: np.ndarray) -> None:
    """Draw a picture.

    Args:
        head: (256, 256, 8) float32.
        mouth: the same; not looked at where the box has no height.
        weights: of both decoders.
        picture: (512, 512, 3) uint8 RGB, filled.
    """
    w = weights
    x, y, width, height = w.box
    layers = w.head_even, w.head_odd, w.head_doubling, w.head_parts, w.head_bias
    pasted = np.empty((height, CHANNELS, width), np.float32)
    if height:
        _shrink(mouth, w, pasted)
    near, doubled, seen, sums, convolved = _buffers(head)
    mixed = np.zeros((len(w.across), ROW), np.float32)
    colours = np.empty((3, 2 * HALF), np.float32)
    for pair in range(HALF + 3):  # of rows; each layer runs as far behind as it looks ahead
        if pair < HALF:
            _double(head, pair, layers, near, sums, doubled)
        row = 2 * pair - 2
        if 0 <= row < SIZE:
            _convolve(doubled, row, layers, seen, sums, convolved)
            for r in range(max(row, y), min(row + 2, y + height)):
                _paste(pasted[r - y], x, convolved[r % RING])
        for r in range(max(row - 3, 0), min(row - 1, SIZE)):
            _mix(convolved, r, w.columns, mixed)
            _colour(mixed, w.across, w.colour, colours, picture[r])


def make_ready() -> None:
    """Compile ``draw``, or load it from numba's cache, ahead of the first frame."""
    features, picture = np.empty((0, 0, 0), np.float32), np.empty((0, 0, 0), np.uint8)
    layers = [np.empty((0,) * n, np.float32) for n in (3, 3, 1, 4, 1)]
    output = [np.empty((0,) * n, np.float32) for n in (4, 3, 1)]
    kinds = (np.int64, np.int64, np.float32, np.uint32, np.uint32, np.float32)
    weights = TailWeights(*layers, *layers, *output, *(np.empty(0, kind) for kind in kinds))
    draw.compile(tuple(map(numba.typeof, (features, features, weights, picture))))


@compiled
def _shrink(mouth: np.ndarray, w: TailWeights, pasted: np.ndarray) -> None:
    """The mouth's features at the size of its box, bilinear, even columns of the picture first."""
    layers = w.mouth_even, w.mouth_odd, w.mouth_doubling, w.mouth_parts, w.mouth_bias
    near, doubled, seen, sums, convolved = _buffers(mouth)
    line = np.empty(ROW, np.float32)
    made = 0
    for i in range(len(w.above)):
        row = w.above[i]
        while made < min(row // 2 + 2, HALF):
            _double(mouth, made, layers, near, sums, doubled)
            made += 1
        _convolve(doubled, row, layers, seen, sums, convolved)  # what lies between is not needed
        above, below = convolved[row % RING], convolved[(row + 1) % RING]
        for c in range(CHANNELS):
            rows.between(above[c], below[c], w.down[i], line)
            rows.gather(line, w.before, w.after, w.between, pasted[i, c])


@compiled
def _buffers(plane: np.ndarray) -> tuple[np.ndarray, ...]:
    """What the two layers of a decoder work in.

    Returns:
        near: (2, 8, 256 and zeros) rows of the plane, of which the first is there.
        doubled: a ring of rows, the last of which stays one of zeros.
        seen: (4, 8, row) what Winograd's parts see.
        sums: (4, 8 * 256) those parts, four channels at a time.
        convolved: a ring of rows as ``doubled``.
    """
    near = np.zeros((2, CHANNELS, HALF + PAD), np.float32)
    rows.fetch(plane[0], near[0])
    seen, sums = np.empty((4, CHANNELS, ROW), np.float32), np.empty((4, 8 * HALF), np.float32)
    doubled = np.zeros((RING + 1, CHANNELS, ROW), np.float32)
    convolved = np.zeros_like(doubled)
    return near, doubled, seen, sums, convolved


@compiled
def _place(row: int) -> int:
    """Where a row is in a ring."""
    return row % RING if 0 <= row < SIZE else RING


@compiled
def _double(
    plane: np.ndarray,
    pair: int,
    layers: Layers,
    near: np.ndarray,
    sums: np.ndarray,
    ring: np.ndarray,
) -> None:
    """Two rows of a transposed convolution, 3x3 with stride 2, of (256, 256, 8)."""
    even, odd, bias, _, _ = layers
    here, below = near[pair % 2], near[1 - pair % 2]
    if pair + 1 < HALF:
        rows.fetch(plane[pair + 1], below)
    else:
        below[:] = 0
    sums[1:3] = 0  # there are two parts only
    for group in range(CHANNELS // 2):
        sums[0] = 0
        sums[3] = 0
        rows.spread(sums[0], here, here, 2, even[group])
        rows.spread(sums[3], here, below, 1, odd[group])
        two = slice(2 * group, 2 * group + 2)
        for row in range(2):
            lines = ring[(2 * pair + row) % RING]
            rows.activate(sums, 3 * row, np.float32(1), bias[two], lines[two])


@compiled
def _convolve(
    ring: np.ndarray,
    row: int,
    layers: Layers,
    seen: np.ndarray,
    sums: np.ndarray,
    out: np.ndarray,
) -> None:
    """Two rows of a 3x3 convolution, which take four products a tap instead of six (Winograd)."""
    _, _, _, weights, bias = layers
    plus, minus = np.float32(1), np.float32(-1)
    above, here = ring[_place(row - 1)], ring[row % RING]
    below, last = ring[_place(row + 1)], ring[_place(row + 2)]
    rows.combine(above, below, minus, seen[0])
    rows.combine(here, below, plus, seen[1])
    rows.combine(below, here, minus, seen[2])
    rows.combine(last, here, minus, seen[3])
    for group in range(CHANNELS // 4):
        for part in range(4):
            sums[part] = 0
            rows.three_taps(sums[part], seen[part], weights[part, group])
        four = slice(4 * group, 4 * group + 4)
        rows.activate(sums, 0, plus, bias[four], out[row % RING][four])
        rows.activate(sums, 3, minus, bias[four], out[(row + 1) % RING][four])


@compiled
def _paste(pasted: np.ndarray, x: int, out: np.ndarray) -> None:
    """Put a row of the mouth (8, width), even columns first, in the place of the head's."""
    width = pasted.shape[1]
    evens, first_even, first_odd = (width + 1 - x % 2) // 2, (x + 1) // 2, x // 2
    for c in range(CHANNELS):
        for j in range(evens):
            out[c, PAD + first_even + j] = pasted[c, j]
        for j in range(width - evens):
            out[c, SIDE + PAD + first_odd + j] = pasted[c, evens + j]


@compiled
def _mix(ring: np.ndarray, row: int, columns: np.ndarray, mixed: np.ndarray) -> None:
    """A row of the upright half of the last layer: 7x1, from 8 channels to a few."""
    mixed[:] = 0
    r0, r1, r2 = ring[_place(row - 3)], ring[_place(row - 2)], ring[_place(row - 1)]
    r3, r4, r5 = ring[row % RING], ring[_place(row + 1)], ring[_place(row + 2)]
    r6, r7 = ring[_place(row + 3)], ring[_place(row + 4)]  # of no weight is the last
    for c in range(CHANNELS):
        for n in range(len(columns)):
            rows.four_rows(mixed, n, r0, r1, r2, r3, c, columns, 0)
            rows.four_rows(mixed, n, r4, r5, r6, r7, c, columns, 1)


@compiled
def _colour(
    mixed: np.ndarray, across: np.ndarray, bias: np.ndarray, sums: np.ndarray, pixels: np.ndarray
) -> None:
    """The level half of the last layer, 1x7, to three colours; tanh; (512, 3) bytes."""
    for k in range(3):
        sums[k] = bias[k]
        for c in range(len(mixed)):
            rows.seven_taps(sums[k], mixed[c], across[c, k])
        rows.to_bytes(sums[k], pixels, k)
