"""Which figures tell lips that cannot be right from the reference, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .figures import Figures
from .metric import NEITHER, Metric

REFERENCE, CANDIDATE, CONTROL = "reference", "candidate", "control"


@dataclass
class Row:
    """A video of the table."""

    name: str
    kind: str
    """"reference", "candidate" or "control"."""
    figures: Figures
    best: list[str] = field(default_factory=list)
    """Keys in which no other candidate is better."""
    beaten_by: dict[str, list[str]] = field(default_factory=dict)
    """Controls that score better, by key: such a figure, or such a video, says little."""


@dataclass(frozen=True)
class Verdict:
    """Whether a metric can be believed on this material."""

    telling: bool | None
    """None where it does not judge, or is not known of the controls."""
    why: str
    margins: dict[str, float | None]
    """By how much each control is worse than the reference, in the metric's unit."""


def judge(metric: Metric, rows: Sequence[Row]) -> Verdict:
    """Hold the control rows against the video that they are made of, the first row."""
    if metric.better == NEITHER or not metric.sees:
        return Verdict(None, "It describes; it does not judge.", {})
    controls = {row.name: row.figures.values.get(metric.key) for row in rows if row.kind == CONTROL}
    own = rows[0].figures.values.get(metric.key)
    margins = {
        name: None if None in (own, value) else metric.worse_by(value, own)
        for name, value in controls.items()
    }
    wanted = {name: margins[name] for name in metric.sees if name in margins}
    if own is None or all(margin is None for margin in wanted.values()):
        return Verdict(None, "Not known of the controls.", margins)
    # Without a figure, as of silent lips, a control is told by that.
    told = [name for name, by in wanted.items() if by is None or by >= metric.least]
    missed = [name for name in wanted if name not in told]
    if missed:
        why = f"On this material it cannot tell {_listed(missed)} from the original."
        return Verdict(False, why, margins)
    return Verdict(True, f"It tells {_listed(told)} from the original.", margins)


def mark(metrics: Sequence[Metric], rows: Sequence[Row]) -> None:
    """Note in the rows who is best, and which controls score better than a candidate."""
    candidates = [row for row in rows if row.kind == CANDIDATE]
    controls = [row for row in rows if row.kind == CONTROL]
    for metric in metrics:
        if metric.better == NEITHER:
            continue
        known = {row.name: row.figures.values.get(metric.key) for row in candidates}
        known = {name: value for name, value in known.items() if value is not None}
        for row in candidates:
            value = known.get(row.name)
            if value is None:
                continue
            worse = [metric.worse_by(value, other) for other in known.values()]
            if len(known) > 1 and max(worse) < 0.5 * 10**-metric.digits:  # as far as is shown
                row.best.append(metric.key)
            better = [
                control.name
                for control in controls
                if control.name in metric.sees
                and (other := control.figures.values.get(metric.key)) is not None
                and metric.worse_by(value, other) > metric.least
            ]
            if better:
                row.beaten_by[metric.key] = better


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
