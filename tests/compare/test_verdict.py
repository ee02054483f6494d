"""Which metrics can be believed: the controls decide."""

from avatar.compare.controls import FROZEN, SHIFTED, SHUFFLED
from avatar.compare.figures import Figures
from avatar.compare.metric import HIGHER, LOWER, METRICS, NEITHER, ZERO, Metric
from avatar.compare.tables import as_csv, as_dict, as_markdown
from avatar.compare.verdict import CANDIDATE, CONTROL, REFERENCE, Row, judge, mark

LIPS = Metric("d", "Dlip", "px", LOWER, "lips", "recipe", (SHIFTED, FROZEN), 0.3)


def row(name: str, kind: str, value: float | None, why: str = "because") -> Row:
    figures = Figures()
    figures.put("d", value, why)
    return Row(name, kind, figures)


def table(own: float, shifted: float | None, frozen: float, *candidates: float) -> list[Row]:
    made = [row(f"{i}.mp4", CANDIDATE, value) for i, value in enumerate(candidates)]
    controls = ((SHUFFLED, 0.0), (SHIFTED, shifted), (FROZEN, frozen))
    controls = [row(name, CONTROL, value) for name, value in controls]
    return [row("ref.mp4, itself", REFERENCE, own), *made, *controls]


def test_a_metric_that_tells_the_controls_is_believed_and_says_by_how_much() -> None:
    verdict = judge(LIPS, table(0.1, 2.1, 3.1))
    assert verdict.telling and verdict.margins[SHIFTED] == 2.0 and verdict.margins[FROZEN] == 3.0
    assert FROZEN in verdict.why and SHUFFLED not in verdict.why


def test_one_that_does_not_is_not() -> None:
    verdict = judge(LIPS, table(0.1, 0.3, 3.1))
    assert verdict.telling is False and SHIFTED in verdict.why and FROZEN not in verdict.why


def test_a_control_that_cannot_even_be_measured_is_told_by_that() -> None:
    assert judge(LIPS, table(0.1, None, 3.1)).telling
    assert judge(LIPS, [row("ref", REFERENCE, None), *table(0, 1, 1)[1:]]).telling is None


def test_the_directions() -> None:
    kinds = {HIGHER: (1.0, 3.0), LOWER: (3.0, 1.0), ZERO: (-3.0, 1.0)}
    for better, (bad, good) in kinds.items():
        metric = Metric("d", "", "", better, "lips", "", (SHIFTED,), 0.5)
        assert metric.worse_by(bad, good) == 2.0 and metric.worse_by(good, bad) == -2.0
    describes = Metric("d", "", "", NEITHER, "motion", "")
    assert judge(describes, table(0, 1, 1)).telling is None


def test_the_best_is_marked_and_who_loses_to_a_frozen_mouth() -> None:
    rows = table(0.0, 2.0, 3.0, 1.0, 5.0, 1.0)
    mark([LIPS], rows)
    first, bad, tied = rows[1:4]
    assert first.best == tied.best == ["d"] and not bad.best and not first.beaten_by
    assert bad.beaten_by == {"d": [SHIFTED, FROZEN]}
    alone = table(0.0, 2.0, 3.0, 1.0)
    mark([LIPS], alone)
    assert not alone[1].best


def test_text_says_what_is_best_believed_and_missing() -> None:
    rows = table(0.1, 0.2, 3.0, 1.0, 5.0)
    rows.insert(3, row("x|y.mp4", CANDIDATE, None, "n/a: no face"))
    mark([LIPS], rows)
    text = as_markdown([LIPS], {"d": judge(LIPS, rows)}, rows)
    assert "(**1.00** ‡)" in text and "(5.00 ‡)" in text and "x\\|y.mp4 | n/a" in text
    assert "- Dlip px: no face (x|y.mp4)" in text and "cannot tell shifted +5" in text
    assert f"| metric | {SHUFFLED} | {SHIFTED} | {FROZEN} | tells them |" in text
    assert "| Dlip px |  | 0.10 | 2.90 | no |" in text
    lines = as_csv([LIPS], rows).splitlines()
    assert lines[:2] == ["video,kind,d", '"ref.mp4, itself",reference,0.1']
    plain = as_dict([LIPS], {"d": judge(LIPS, rows)}, rows)
    assert plain["metrics"][0]["telling"] is False and plain["rows"][3]["values"] == {"d": None}


def test_infinite_is_no_number_and_says_so() -> None:
    figures = Figures()
    figures.put("d", float("inf"))
    assert figures.values == {"d": None} and figures.notes == {"d": "infinite"}


def test_every_metric_has_a_recipe_and_a_name_of_its_own() -> None:
    keys = [metric.key for metric in METRICS]
    assert len(keys) == len(set(keys)) and all(len(metric.recipe) > 30 for metric in METRICS)
    assert all(metric.least > 0 for metric in METRICS if metric.sees)
