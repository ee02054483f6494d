import itertools
from types import SimpleNamespace

import pytest

from avatar.baselines import speed


def test_all_take_turns_and_the_median_counts() -> None:
    order = []

    def timed(name: str, rates: list[float]) -> speed.Timed:
        return lambda: (order.append(name), rates.pop())[1]

    work = {"a": timed("a", [1.0, 9.0, 2.0]), "b": timed("b", [3.0, 3.0, 3.0])}
    assert speed.in_turns(work) == {"a": 2.0, "b": 3.0}
    assert order == ["a", "b"] * 3


@pytest.mark.parametrize("patience, count", [(0, 1), (2.5, 3)])
def test_calls_are_timed_one_by_one(
    patience: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    monkeypatch.setattr(speed, "PATIENCE_S", patience)
    calls = []
    assert speed.call_times(lambda: calls.append(1)) == [1] * count
    assert len(calls) == count + 1
