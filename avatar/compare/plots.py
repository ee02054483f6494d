"""Curves over time, one picture a metric."""

import io
from collections.abc import Sequence

import numpy as np

from .metric import Metric
from .verdict import CONTROL, Row

COLOURS = ("#4c86b8", "#d1495b", "#2a9d6f", "#e08e45", "#7b5ea7")
QUIET = "#b8bec7"
INK, RULE = "#282c34", "#d8dce2"


def plot(metric: Metric, rows: Sequence[Row], fps: float) -> bytes | None:
    """Every video's curve, the controls thin and grey: PNG, or None if nobody has one."""
    from matplotlib.figure import Figure

    curves = [(row, row.figures.series.get(metric.key)) for row in rows]
    curves = [(row, c) for row, c in curves if c is not None and np.isfinite(c).any()]
    if not curves:
        return None
    figure = Figure((10, 3.4), dpi=110, layout="constrained")
    axes = figure.subplots()
    colours = iter(COLOURS * len(rows))
    for row, curve in curves:
        known = np.flatnonzero(np.isfinite(curve))
        control = row.kind == CONTROL
        axes.plot(
            known / fps, curve[known], color=QUIET if control else next(colours),
            linewidth=0.9 if control else 1.6, linestyle=":" if control else "-",
            label=f" {row.name}",  # a name that begins with "_" would be left out
            zorder=1 if control else 2,
        )  # fmt: skip
    arrow = {"higher": " (higher is better)", "lower": " (lower is better)"}.get(metric.better, "")
    axes.set_title(f"{metric.name}{arrow}", loc="left", color=INK, fontsize=11)
    axes.set(xlabel="seconds", ylabel=metric.unit or None)
    axes.margins(x=0.01)
    axes.grid(color=RULE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(
        frameon=False, fontsize=8, ncols=4, loc="upper left", bbox_to_anchor=(0, -0.18)
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a file's name may hold a $
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
