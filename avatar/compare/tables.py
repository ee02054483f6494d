"""A comparison as text: for the terminal, as Markdown, as CSV, and as plain values for JSON."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from .metric import HIGHER, LOWER, ZERO, Metric
from .verdict import CANDIDATE, Row, Verdict

ARROWS = {HIGHER: "↑", LOWER: "↓", ZERO: "→0"}
GROUPS = {
    "picture": "Pictures", "lips": "Lips against the reference", "sync": "Lips against the sound",
    "motion": "Motion",
}  # fmt: skip
NOTHING = "n/a"


def as_markdown(
    metrics: Sequence[Metric], verdicts: dict[str, Verdict], rows: Sequence[Row]
) -> str:
    """A table for each group of metrics, and what is to be known to read them."""
    parts = []
    for group, title in GROUPS.items():
        those = [metric for metric in metrics if metric.group == group]
        known = [m for m in those if any(row.figures.values.get(m.key) is not None for row in rows)]
        if known:
            parts.append(f"### {title}\n\n{_table(known, verdicts, rows)}")
        parts += _remarks(those, verdicts, rows)
    if any(verdict.telling is not None for verdict in verdicts.values()):
        parts.append(f"### By how much controls are worse\n\n{_margins(metrics, verdicts)}")
    parts.append(
        "**Bold**: the best of several candidates. (Brackets): this metric cannot tell the "
        "controls apart on this material, so it says little here. ‡: a control that ought to be "
        "worse scores better. Controls are made of the reference."
    )
    return "\n\n".join(parts) + "\n"


def _table(metrics: Sequence[Metric], verdicts: dict[str, Verdict], rows: Sequence[Row]) -> str:
    heads = [f"{_head(metric)} {ARROWS.get(metric.better, '')}".rstrip() for metric in metrics]
    lines = [["video", *heads], ["---"] * (len(heads) + 1)]
    for row in rows:
        name = row.name if row.kind == CANDIDATE else f"{row.kind}: {row.name}"
        lines.append([name, *(_cell(metric, verdicts[metric.key], row) for metric in metrics)])
    return _lined(lines)


def _margins(metrics: Sequence[Metric], verdicts: dict[str, Verdict]) -> str:
    """By how much each metric that judges tells the controls from what they are made of."""
    judging = [(m, verdicts[m.key]) for m in metrics if verdicts[m.key].telling is not None]
    controls = list(judging[0][1].margins)
    lines = [["metric", *controls, "tells them"], ["---"] * (len(controls) + 2)]
    for metric, verdict in judging:
        by = [_margin(metric, name, verdict.margins[name]) for name in controls]
        lines.append([_head(metric), *by, "yes" if verdict.telling else "no"])
    return _lined(lines)


def _margin(metric: Metric, control: str, worse_by: float | None) -> str:
    if control not in metric.sees:
        return ""  # no lips change with the sound, for instance
    return NOTHING if worse_by is None else f"{worse_by:.{metric.digits}f}"


def _head(metric: Metric) -> str:
    return f"{metric.name} {metric.unit}".rstrip()


def _lined(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _cell(metric: Metric, verdict: Verdict, row: Row) -> str:
    value = row.figures.values.get(metric.key)
    if value is None:
        return NOTHING
    text = f"{value:.{metric.digits}f}"
    if metric.key in row.best:
        text = f"**{text}**"
    if metric.key in row.beaten_by:
        text += " ‡"
    return f"({text})" if verdict.telling is False else text


def _remarks(
    metrics: Sequence[Metric], verdicts: dict[str, Verdict], rows: Sequence[Row]
) -> list[str]:
    """Why there are brackets, and why there is nothing."""
    lines = [
        f"- {_head(metric)}: {verdicts[metric.key].why}"
        for metric in metrics
        if verdicts[metric.key].telling is False
    ]
    missing: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        reasons: dict[str, list[str]] = {}
        for metric in metrics:
            if why := row.figures.notes.get(metric.key):
                reasons.setdefault(why, []).append(_head(metric))
        for why, names in reasons.items():
            missing.setdefault((", ".join(names), why), []).append(row.name)
    for (names, why), who in missing.items():
        whose = "all" if len(who) == len(rows) else ", ".join(who)
        lines.append(f"- {names}: {why.removeprefix('n/a: ')} ({whose})")
    return ["\n".join(lines)] if lines else []


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def as_csv(metrics: Sequence[Metric], rows: Sequence[Row]) -> str:
    """A line a video; empty where there is no figure."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["video", "kind", *(metric.key for metric in metrics)])
    for row in rows:
        values = (row.figures.values.get(metric.key) for metric in metrics)
        writer.writerow([row.name, row.kind, *("" if v is None else f"{v:.6g}" for v in values)])
    return out.getvalue()


def frames_csv(rows: Sequence[Row], seconds: float) -> str:
    """A line a frame and video; ``seconds`` is how long a frame lasts."""
    keys = sorted({key for row in rows for key in row.figures.series})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["frame", "seconds", "row", *keys])
    for row in rows:
        curves = [row.figures.series.get(key) for key in keys]
        length = max((len(curve) for curve in curves if curve is not None), default=0)
        for frame in range(length):
            values = (None if curve is None else curve[frame] for curve in curves)
            told = ("" if v is None or not np.isfinite(v) else f"{v:.5g}" for v in values)
            writer.writerow([frame, f"{frame * seconds:.4f}", row.name, *told])
    return out.getvalue()


def as_dict(
    metrics: Sequence[Metric], verdicts: dict[str, Verdict], rows: Sequence[Row]
) -> dict[str, list]:
    """Plain values for JSON: "metrics" and "rows"."""
    return {
        "metrics": [
            {
                "key": m.key, "name": m.name, "unit": m.unit, "better": m.better,
                "group": m.group, "recipe": m.recipe, "telling": verdicts[m.key].telling,
                "why": verdicts[m.key].why, "margins": verdicts[m.key].margins,
                "digits": m.digits,
            }
            for m in metrics
        ],
        "rows": [
            {
                "name": row.name, "kind": row.kind, "values": row.figures.values,
                "notes": row.figures.notes, "best": row.best, "beaten_by": row.beaten_by,
            }
            for row in rows
        ],
    }  # fmt: skip
