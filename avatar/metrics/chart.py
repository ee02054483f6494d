"""Plain charts for reports, drawn with OpenCV: lines and histograms."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

WIDTH, HEIGHT = 960, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 40, 44
"""Margins around the plotted area, in pixels."""
COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (90,) * 3)
INK, RULE = (40, 40, 40), (215, 215, 215)
TICKS = 5


def line_chart(
    series: Mapping[str, Sequence[float]], title: str, across: str, up: str, step: float = 1.0
) -> np.ndarray:
    """Lines over their index.

    Args:
        series: values by name; six at most.
        title: what is shown.
        across: name of the horizontal axis.
        up: name of the vertical axis, which begins at 0.
        step: from value to value, on the horizontal axis.

    Returns:
        (360, 960, 3) uint8 RGB.
    """
    last = step * max(max(len(values) for values in series.values()) - 1, 1)
    chart = _Chart(title, across, up, (0, last), max(map(max, series.values())))
    x = LEFT + 8
    for (name, values), colour in zip(series.items(), COLOURS, strict=False):
        points = np.stack([chart.point(step * i, value) for i, value in enumerate(values)])
        fixed = np.round(points * 8).astype(np.int32)
        cv2.polylines(chart.picture, [fixed], False, colour, 2, cv2.LINE_AA, 3)
        write(chart.picture, name, (x, TOP - 4), 0.45, colour)
        x += 12 + cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    return chart.picture


def histogram(values: Sequence[float], title: str, across: str, bins: int = 30) -> np.ndarray:
    """How often values fall where, from 0 up: (360, 960, 3) uint8 RGB."""
    counts, edges = np.histogram(values, bins, (0, _ceiling(max(values))))
    chart = _Chart(title, across, "count", (0, edges[-1]), counts.max())
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        first, second = chart.point(left, count), chart.point(right, 0)
        corners = (int(first[0]) + 1, int(first[1])), (int(second[0]) - 1, int(second[1]))
        if count:
            cv2.rectangle(chart.picture, *corners, COLOURS[0], -1)
    return chart.picture


def write(
    picture: np.ndarray, text: str, at: tuple[int, int], size: float, colour: Sequence[int] = INK
) -> None:
    """Put ASCII text with a white rim into a picture, its left end on the base line at ``at``."""
    for stroke, width in (((255,) * 3, 4), (colour, 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, stroke, width, cv2.LINE_AA)


def _ceiling(value: float) -> float:
    """The next number whose quarters are short to write."""
    unit = 10 ** np.floor(np.log10(max(value, 1e-6)))
    return float(next(unit * n for n in (1, 2, 4, 6, 8, 10) if unit * n >= value))


class _Chart:
    """An empty chart with its axes."""

    def __init__(
        self, title: str, across: str, up: str, span: tuple[float, float], highest: float
    ):
        self.span, self.highest = span, _ceiling(float(highest))
        self.picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        for tick in np.linspace(0, 1, TICKS):
            x, y = span[0] + tick * (span[1] - span[0]), tick * self.highest
            column, row = (int(v) for v in (self.point(x, 0)[0], self.point(0, y)[1]))
            cv2.line(self.picture, (LEFT, row), (WIDTH - RIGHT, row), RULE)
            write(self.picture, f"{y:.4g}", (6, row + 4), 0.4)
            write(self.picture, f"{x:.4g}", (column - 10, HEIGHT - BOTTOM + 18), 0.4)
        write(self.picture, f"{title} ({up})", (LEFT, 18), 0.5)
        write(self.picture, across, (WIDTH // 2 - 4 * len(across), HEIGHT - 8), 0.45)

    def point(self, x: float, y: float) -> np.ndarray:
        """Where a value is drawn, (2,) px."""
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        share = (x - self.span[0]) / (self.span[1] - self.span[0])
        return np.array([LEFT + share * wide, HEIGHT - BOTTOM - y / self.highest * high])
