import json
from types import SimpleNamespace

import pytest
from torch import nn

from avatar.benchmark import peers as module
from avatar.benchmark.peers import PEERS, Peer, compare_peers
from avatar.benchmark.stand import Stand
from avatar.benchmark.text import as_markdown
from avatar.nets.pix2pixhd import GlobalGenerator


def test_a_peer_is_measured_on_all_that_ours_may_use(
    stand: Stand, quick: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.__dict__["avatar"] = SimpleNamespace(engine=quick())
    small = Peer("small", "a stamp, 32x32", lambda: nn.Conv2d(3, 3, 3), ((3, 32, 32),), 2)
    monkeypatch.setattr(module, "PEERS", (small,))
    rows = json.loads(json.dumps(compare_peers(stand)))
    assert [row["runtime"] for row in rows][:2] == ["torch (cpu)", "openvino (f32)"]
    for row in rows:
        better = max(row["fps_batch_1"], row["fps_batch"])
        assert row["ratio"] == pytest.approx(row["ours_fps"] / better)
        assert row["ours"] == "quick" and row["batch"] == 2
    about = {"cpu": "a", "cores": 2, "gpu": None, "torch": "2", "load_before": None}
    result = {"identity": "x", "seconds": 1, "machine": about, "rounds": 1, "patience_s": 0}
    text = as_markdown(result | {"peers": rows})
    assert "| small | a stamp, 32x32 | 0 M | openvino (f32) |" in text


def test_runtimes_draw_the_same() -> None:
    peer = Peer("small", "", lambda: GlobalGenerator(3, 4, 1), ((3, 32, 32),), 2)
    network, inputs = peer.build().eval().requires_grad_(False), peer.inputs(2)
    drawn = module._openvino(network, inputs, "f32")()
    expected = module._torch(network, inputs)()
    assert expected.numpy() == pytest.approx(next(iter(drawn.values())), abs=1e-4)


def test_what_peers_render_is_said() -> None:
    for peer in PEERS:
        side = peer.shapes[-1][-1]
        assert f"{side}x{side}" in peer.renders
