import pytest

from avatar.baselines import speed


def test_all_take_turns_and_the_median_counts() -> None:
    order = []

    def timed(name: str, rates: list[float]) -> speed.Timed:
        return lambda: (order.append(name), rates.pop())[1]

    work = {"a": timed("a", [1.0, 9.0, 2.0]), "b": timed("b", [3.0, 3.0, 3.0])}
    assert speed.in_turns(work) == {"a": 2.0, "b": 3.0}
    assert order == ["a", "b"] * 3


@pytest.mark.parametrize("patience, least", [(0, 1), (0.01, 2)])
def test_calls_are_timed_one_by_one(
    patience: float, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "PATIENCE_S", patience)
    calls = []
    times = speed.call_times(lambda: calls.append(1))
    assert len(times) == len(calls) - 1 >= least
    assert sum(times) >= patience
