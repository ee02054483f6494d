"""What the Compare tab shows of a comparison, as text: the table, and a curve over time."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from .compare_report import Report, first_upper

SCRUB = Path(__file__).with_name("compare.js").read_text(encoding="utf-8")
"""Script that lets the mark in the plot and the slider follow each other."""
GROUPS = {"picture": "Picture", "lips": "Lips", "sync": "Sync", "motion": "Motion"}
ARROWS = {
    "higher": ("↑", "higher is better"),
    "lower": ("↓", "lower is better"),
    "zero": ("→ 0", "best at zero"),
}
KINDS = {"reference": "Reference", "candidate": "Compared", "control": "Controls, made here"}
KEY = """<p class="fineprint key"><span><b></b> the best</span><span>‡ a control, which is made to
be worse, scores better</span><span><i>grey</i> cannot tell the controls apart here</span>
<span>+ how it is made</span></p>"""
WIDTH, HEIGHT, PADDING = 1000, 200, 10
"""Of a plot: units that are stretched to the page, px, px."""
POINTS = 700
"""The most points of a curve; of a longer one each is the mean of several frames."""


def table(report: Report) -> str:
    """All numbers: a row for each metric, which opens its recipe, a column for each video.

    The best video of each row is marked; a metric that cannot tell the controls apart is grey.
    """
    rows = report.comparison["rows"]
    groups = groupby(report.comparison["metrics"], key=lambda metric: metric.get("group", ""))
    bodies = "".join(
        f'<tbody><tr class="group"><th colspan="{len(rows) + 1}" scope="rowgroup">'
        f"{escape(GROUPS.get(group, group))}</th></tr>"
        f"{''.join(_metric(metric, rows) for metric in metrics)}</tbody>"
        for group, metrics in groups
    )
    return (
        f"{_warnings(report.comparison.get('warnings', []))}"
        '<div class="measured" tabindex="0" role="region" aria-label="What was measured"><table>'
        f"{_head(rows, report.names)}{bodies}</table></div>{KEY}"
    )


def _warnings(warnings: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
    return f'<ul class="warnings">{items}</ul>' if items else ""


def _head(rows: list[dict[str, Any]], names: dict[str, str]) -> str:
    kinds = "".join(
        f'<th class="kind {kind}" colspan="{len(list(members))}" scope="colgroup">'
        f"{KINDS.get(kind, kind)}</th>"
        for kind, members in groupby(rows, key=lambda row: row["kind"])
    )
    columns = "".join(
        f'<th class="{_place(rows, n)}" scope="col" title="{escape(names[row["name"]])}">'
        f"<span>{escape(names[row['name']])}</span></th>"
        for n, row in enumerate(rows)
    )
    return f"<thead><tr><td></td>{kinds}</tr><tr><td></td>{columns}</tr></thead>"


def _place(rows: list[dict[str, Any]], n: int) -> str:
    """Classes of a column: its kind, and whether it is the first of it."""
    kind = rows[n]["kind"]
    return kind if n and rows[n - 1]["kind"] == kind else f"{kind} first"


def _metric(metric: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    key, better = metric["key"], metric.get("better", "")
    grey = metric.get("telling") is False
    values = [row["values"].get(key) for row in rows]
    arrow, means = ARROWS.get(better, ("", ""))
    unit = escape(metric.get("unit", ""))
    why = escape(metric.get("why") or "") if grey else ""
    name = (
        f"<details><summary>{escape(first_upper(metric['name']))} "
        f'<small>{unit} <abbr title="{means}">{arrow}</abbr></small></summary></details>'
    )
    texts = numbers(values, better == "zero", metric.get("digits"))
    reasons = [row.get("notes", {}).get(key, "") for row in rows]
    if not any(texts) and len(set(reasons)) == 1:
        cells = f'<td class="missing" colspan="{len(rows)}">{escape(reasons[0] or "n/a")}</td>'
    else:
        cells = "".join(
            _cell(text, reason, key, row, _place(rows, n))
            for n, (row, text, reason) in enumerate(zip(rows, texts, reasons, strict=True))
        )
    return (
        f'<tr class="metric{" grey" if grey else ""}" title="{why}"><th scope="row">{name}</th>'
        f'{cells}</tr><tr class="recipe"><td></td><td colspan="{len(rows)}">'
        f"<div>{_recipe(metric, rows)}</div></td></tr>"
    )


def _cell(text: str, reason: str, key: str, row: dict[str, Any], place: str) -> str:
    if not text:
        return f'<td class="{place} missing" title="{escape(reason)}">n/a</td>'
    best, told = key in row.get("best", ()), []
    if best:
        place, text, told = f"{place} best", f"<b>{text}</b>", ["the best"]
    if better := row.get("beaten_by", {}).get(key):
        text += "&nbsp;‡"
        told.append(f"better, though made to be worse: {', '.join(better)}")
    return f'<td class="{place}" title="{escape("; ".join(told))}">{text}</td>'


def _recipe(metric: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """How a number is made, whether it is worth anything here, and why some are missing."""
    key, parts = metric["key"], [escape(metric.get("recipe", ""))]
    if why := metric.get("why"):
        parts.append(
            f"<b>{'Grey' if metric.get('telling') is False else 'Here'}:</b> {escape(why)}"
        )
    margins = metric.get("margins") or {}
    known = {name: value for name, value in margins.items() if value is not None}
    if known:
        texts = numbers(known.values(), False, metric.get("digits"))
        told = (f"{escape(n)} {text}" for n, text in zip(known, texts, strict=True))
        parts.append(f"<b>Worse than the original by:</b> {', '.join(told)}")
    for row in rows:
        if better := row.get("beaten_by", {}).get(key):
            parts.append(
                f"<b>‡ {escape(row['name'])}:</b> {escape(', '.join(better))} score better"
            )
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row["values"].get(key) is None and (reason := row.get("notes", {}).get(key)):
            by_reason.setdefault(reason, []).append(row["name"])
    parts += [f"<b>{escape(', '.join(n))}:</b> {escape(r)}" for r, n in by_reason.items()]
    return "".join(f"<p>{part}</p>" for part in parts if part)


def numbers(
    values: Iterable[float | None], signed: bool = False, digits: int | None = None
) -> list[str]:
    """Numbers of one kind as text; empty where there is none.

    Args:
        values: the numbers.
        signed: with a plus before those above 0.
        digits: after the point; None: as many as are worth reading.
    """
    values = [v if v is not None and isfinite(v) else None for v in values]
    known = [v for v in values if v is not None]
    if digits is None:
        largest, steps = max(map(abs, known), default=0), ((1, 3), (100, 2), (1000, 1))
        digits = next((digits for most, digits in steps if largest <= most), 0)
        digits = 0 if all(v == round(v) for v in known) else digits
    sign = "+" if signed else ""
    return ["" if v is None else _minus(f"{v:{sign}.{digits}f}") for v in values]


def _minus(text: str) -> str:
    zero = not text.strip("+-0.")
    return text.lstrip("+-") if zero else text.replace("-", "−")


def plot(report: Report, key: str) -> str:
    """A metric over time, a curve for each video; the controls thin and grey.

    Returns:
        A figure; a click in it moves the slider of the page.
    """
    curves = report.curves.get(key, {})
    if not curves:
        return ""
    low, high = _range(curves.values())
    shades = {row: f"c{n}" for n, row in enumerate(report.videos)}
    paths: list[str] = []
    legend: dict[str, None] = {}
    for name, curve in curves.items():
        kind = shades.get(name, "control")
        paths.append(f'<path class="{kind}" d="{_path(curve, report.frames, low, high)}"/>')
        label = escape(report.names[name]) if kind != "control" else "the controls"
        legend[f'<span><i class="{kind}"></i>{label}</span>'] = None
    paths.reverse()  # the controls lie beneath
    ticks, seconds = _ticks(low, high), float(report.frames / report.fps)
    lines = "".join(f'<path class="tick" d="M0 {y:.1f}H{WIDTH}"/>' for _, y in ticks)
    labels = "".join(
        f'<span class="value" style="top:{y:.1f}px">{text}</span>' for text, y in ticks
    )
    return (
        f'<figure class="curves" data-frames="{report.frames}">'
        f"<figcaption>{''.join(legend)}</figcaption>"
        f'<div class="scroll" role="img" aria-label="{escape(report.label(key))} over time">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}{"".join(paths)}'
        f'</svg>{labels}<div class="playhead"></div></div>'
        f'<div class="times"><span>0 s</span><span>{seconds:.1f} s</span></div></figure>'
    )


def _range(curves: Iterable[np.ndarray]) -> tuple[float, float]:
    """The lowest and highest value, a little apart in any case."""
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    return (float(low), float(high)) if high - low > 1e-9 else (float(low) - 1, float(high) + 1)


def _path(curve: np.ndarray, frames: int, low: float, high: float) -> str:
    """A curve with a gap wherever nothing is known."""
    together = -(-len(curve) // POINTS)
    padded = np.pad(curve, (0, -len(curve) % together), constant_values=np.nan)
    groups = padded.reshape(-1, together)
    known = np.isfinite(groups)
    y = np.where(known, groups, 0).sum(1) / np.maximum(known.sum(1), 1)
    y = HEIGHT - PADDING - (y - low) / (high - low) * (HEIGHT - 2 * PADDING)
    x = (np.arange(len(groups)) * together + together / 2) * WIDTH / frames
    text, pen = [], "M"
    for a, b, there in zip(x, y, known.any(1), strict=True):
        if there:
            text.append(f"{pen}{a:.1f} {b:.1f}")
        pen = "L" if there else "M"
    return "".join(text)


def _ticks(low: float, high: float) -> list[tuple[str, float]]:
    """Three or so round values and where they are, px from the top."""
    step = 10.0 ** np.floor(np.log10((high - low) / 2))
    step *= next(n for n in (5, 2, 1) if (high - low) / (n * step) >= 3 or n == 1)
    values = np.arange(np.ceil(low / step) * step, high + step / 1e6, step)
    scale = (HEIGHT - 2 * PADDING) / (high - low)
    return [
        (text, HEIGHT - PADDING - (value - low) * scale)
        for value, text in zip(values, numbers(values.round(9)), strict=True)
    ]
