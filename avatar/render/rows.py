"""Rows of pixels, and the loops along them that the renderer's last layers (``tail``) are made of.

A row is kept in two halves, its even pixels and its odd ones: then doubling a row, and each tap of
a convolution, reads and writes neighbours in memory. Zeros stand on either side.

Sums stand without zeros, channel after channel: the 256 even pixels, then the odd ones.
"""

import numba
import numpy as np

from ..nets.blocks import SLOPE
from ..nets.renderer import SIZE

HALF = SIZE // 2
PAD = 8
"""Zeros on either side of half a row."""
SIDE = HALF + 2 * PAD
ROW = 2 * SIDE

# Sums may be fused with products, but never reordered: the same bits for the same frame.
compiled = numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nnan"})
"""Lets numba compile a function for the CPU at hand, with all that it calls."""


@compiled
def fetch(pixels: np.ndarray, lines: np.ndarray) -> None:
    """Pixels (256, 8) to lines (8, 256 and zeros), channel by channel."""
    for i in range(HALF):
        for c in range(len(lines)):
            lines[c, i] = pixels[i, c]


@compiled
def combine(one: np.ndarray, two: np.ndarray, sign: np.float32, lines: np.ndarray) -> None:
    """Add two rows (8, row), or take one from the other."""
    for c in range(len(lines)):
        for i in range(ROW):
            lines[c, i] = one[c, i] + sign * two[c, i]


@compiled
def between(one: np.ndarray, two: np.ndarray, share: np.float32, line: np.ndarray) -> None:
    """A row between two others."""
    for i in range(ROW):
        line[i] = one[i] + share * (two[i] - one[i])


@compiled
def gather(
    line: np.ndarray, before: np.ndarray, after: np.ndarray, share: np.ndarray, out: np.ndarray
) -> None:
    """The pixels between others in a row."""
    for i in range(len(before)):
        first, second = line[before[i]], line[after[i]]
        out[i] = first + share[i] * (second - first)


@compiled
def spread(
    sums: np.ndarray, one: np.ndarray, two: np.ndarray, step: int, weights: np.ndarray
) -> None:
    """Add two rows to the sums of two channels: even pixels see a tap of each row, odd ones two.

    Args:
        sums: (4 * 256,)
        one: (8, 256 and zeros), of which every ``step``-th channel, from the first on, is added.
        two: the same; here the channel that is ``step - 1`` further.
        step: 1 or 2.
        weights: (8 / step, 12).
    """
    w = weights
    for n in range(len(w)):
        a0, a1, a2, b0, b1, b2 = w[n, 0], w[n, 1], w[n, 2], w[n, 3], w[n, 4], w[n, 5]
        c0, c1, c2, d0, d1, d2 = w[n, 6], w[n, 7], w[n, 8], w[n, 9], w[n, 10], w[n, 11]
        c = n * step
        d = c + step - 1
        for i in range(HALF):
            u, v, s, t = one[c, i], one[c, i + 1], two[d, i], two[d, i + 1]
            sums[i] = sums[i] + a1 * u + c1 * s
            sums[HALF + i] = sums[HALF + i] + a2 * u + a0 * v + c2 * s + c0 * t
            sums[2 * HALF + i] = sums[2 * HALF + i] + b1 * u + d1 * s
            sums[3 * HALF + i] = sums[3 * HALF + i] + b2 * u + b0 * v + d2 * s + d0 * t


@compiled
def three_taps(sums: np.ndarray, lines: np.ndarray, weights: np.ndarray) -> None:
    """Add a row (8, row) under three taps to the sums of four channels, whose weights fill AVX2."""
    s, w = sums, weights
    for c in range(len(lines)):
        a0, a1, a2, b0, b1, b2 = w[c, 0], w[c, 1], w[c, 2], w[c, 3], w[c, 4], w[c, 5]
        c0, c1, c2, d0, d1, d2 = w[c, 6], w[c, 7], w[c, 8], w[c, 9], w[c, 10], w[c, 11]
        for i in range(HALF):
            before, even = lines[c, SIDE + PAD - 1 + i], lines[c, PAD + i]
            odd, after = lines[c, SIDE + PAD + i], lines[c, PAD + 1 + i]
            s[i] = s[i] + a0 * before + a1 * even + a2 * odd
            s[HALF + i] = s[HALF + i] + a0 * even + a1 * odd + a2 * after
            s[2 * HALF + i] = s[2 * HALF + i] + b0 * before + b1 * even + b2 * odd
            s[3 * HALF + i] = s[3 * HALF + i] + b0 * even + b1 * odd + b2 * after
            s[4 * HALF + i] = s[4 * HALF + i] + c0 * before + c1 * even + c2 * odd
            s[5 * HALF + i] = s[5 * HALF + i] + c0 * even + c1 * odd + c2 * after
            s[6 * HALF + i] = s[6 * HALF + i] + d0 * before + d1 * even + d2 * odd
            s[7 * HALF + i] = s[7 * HALF + i] + d0 * even + d1 * odd + d2 * after


@compiled
def activate(
    sums: np.ndarray, part: int, sign: np.float32, bias: np.ndarray, lines: np.ndarray
) -> None:
    """LeakyReLU of n channels, as lines (n, row), that are the sum of three parts.

    Args:
        sums: (4, 8 * 256), of which ``part``, 1 and 2 are added.
        part: 0 or 3.
        sign: of part 2.
        bias: (n,)
        lines: filled but for their zeros.
    """
    slope, p = np.float32(SLOPE), part
    for c in range(len(lines)):
        even, odd = 2 * c * HALF, (2 * c + 1) * HALF
        for i in range(HALF):
            x = sums[p, even + i] + sums[1, even + i] + sign * sums[2, even + i] + bias[c]
            lines[c, PAD + i] = max(x, slope * x)
        for i in range(HALF):
            x = sums[p, odd + i] + sums[1, odd + i] + sign * sums[2, odd + i] + bias[c]
            lines[c, SIDE + PAD + i] = max(x, slope * x)


@compiled
def four_rows(
    mixed: np.ndarray, n: int, r0: np.ndarray, r1: np.ndarray, r2: np.ndarray, r3: np.ndarray,
    c: int, weights: np.ndarray, part: int,
) -> None:  # fmt: skip
    """Add a channel of four rows (8, row) under three columns of taps to three sums."""
    w, s = weights, 3 * n  # with a loop over all n in here it takes six times as long
    a0, a1, a2 = w[n, c, part, 0], w[n, c, part, 1], w[n, c, part, 2]
    a3, b0, b1 = w[n, c, part, 3], w[n, c, part, 4], w[n, c, part, 5]
    b2, b3, c0 = w[n, c, part, 6], w[n, c, part, 7], w[n, c, part, 8]
    c1, c2, c3 = w[n, c, part, 9], w[n, c, part, 10], w[n, c, part, 11]
    for i in range(ROW):
        v0, v1, v2, v3 = r0[c, i], r1[c, i], r2[c, i], r3[c, i]
        mixed[s, i] = mixed[s, i] + a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
        mixed[s + 1, i] = mixed[s + 1, i] + b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
        mixed[s + 2, i] = mixed[s + 2, i] + c0 * v0 + c1 * v1 + c2 * v2 + c3 * v3


@compiled
def seven_taps(sums: np.ndarray, line: np.ndarray, w: np.ndarray) -> None:
    """Add a row under seven taps to the sums of a channel."""
    w0, w1, w2, w3, w4, w5, w6 = w[0], w[1], w[2], w[3], w[4], w[5], w[6]
    for i in range(HALF):
        e0, e1, e2, e3 = line[PAD - 1 + i], line[PAD + i], line[PAD + 1 + i], line[PAD + 2 + i]
        o0, o1 = line[SIDE + PAD - 2 + i], line[SIDE + PAD - 1 + i]
        o2, o3 = line[SIDE + PAD + i], line[SIDE + PAD + 1 + i]
        even, odd = sums[i], sums[HALF + i]
        sums[i] = even + w0 * o0 + w1 * e0 + w2 * o1 + w3 * e1 + w4 * o2 + w5 * e2 + w6 * o3
        sums[HALF + i] = odd + w0 * e0 + w1 * o1 + w2 * e1 + w3 * o2 + w4 * e2 + w5 * o3 + w6 * e3


@compiled
def to_bytes(sums: np.ndarray, picture: np.ndarray, colour: int) -> None:
    """The tanh of a row's sums as bytes of one colour, (512, 3) uint8."""
    for i in range(2 * HALF):
        sums[i] = np.float32(127.5) * tanh(sums[i]) + np.float32(128)  # to be cut off
    for i in range(HALF):
        picture[2 * i, colour] = np.uint8(sums[i])
        picture[2 * i + 1, colour] = np.uint8(sums[HALF + i])


@compiled
def tanh(x: np.float32) -> np.float32:
    """Within 1e-6 of tanh: a continued fraction, which needs one division and no branch."""
    x = min(max(x, np.float32(-5)), np.float32(5))
    s = x * x
    a = x * (np.float32(135135) + s * (np.float32(17325) + s * (np.float32(378) + s)))
    b = np.float32(135135) + s * (np.float32(62370) + s * (np.float32(3150) + s * np.float32(28)))
    return min(max(a / b, np.float32(-1)), np.float32(1))
