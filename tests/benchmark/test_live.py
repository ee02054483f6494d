import sys

import numpy as np
import pytest
from fake_engine import QuickEngine

from avatar import Avatar
from avatar.benchmark import as_markdown, live
from avatar.benchmark.stand import Stand
from avatar.identity import load_identity
from avatar.render.scheduler import ROOM


def test_live_sessions_are_counted_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 2)
    monkeypatch.setattr(live, "TRIAL_S", 1.0)
    stand = Stand(load_identity("mira"), np.zeros(16_000, np.float32))
    stand.__dict__["avatar"] = Avatar(stand.identity, QuickEngine())
    found = live.time_live(stand)
    assert 0 <= found["sessions"] <= 2 and found["first_frame_s"] > 0
    if sys.platform == "linux":  # ROOM frames alone are 9 MB
        assert ROOM * 0.75 < found["memory_mb"] < 50
    if found["sessions"]:
        assert found["late_p50_s"] <= found["late_p95_s"] <= 0.04
    machine = {"cpu": "x", "cores": 2, "gpu": None, "torch": "2", "load_before": 0}
    result = {"identity": "mira", "seconds": 1, "machine": machine, "rounds": 1, "patience_s": 0}
    assert f"| {found['sessions']} |" in as_markdown(result | {"live": found})
