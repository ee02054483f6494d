import pytest
from fake_engine import QuickEngine

from avatar import Avatar, benchmark_live
from avatar.identity import load_identity


def test_live_sessions_are_counted_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_live, "MOST", 2)
    found = benchmark_live.benchmark_live(Avatar(load_identity("mira"), QuickEngine()), 1.0)
    assert found["sessions"] in (0, 1, 2) and found["first_frame_s"] > 0
    if found["sessions"]:
        assert found["late_p50_s"] <= found["late_p95_s"] <= 0.04
