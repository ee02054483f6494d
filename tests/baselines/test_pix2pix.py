import numpy as np
import pytest
import torch

from avatar.baselines.pix2pix import NvpPix2Pix, posed
from avatar.face.drawing import draw_with_mouth
from avatar.face.mashing import MASHED
from avatar.metrics.evaluate import listen
from avatar.nets.mouth_points import MouthPoints, MouthPointsConfig
from avatar.nets.pixels import to_bytes


@pytest.fixture(scope="module")
def take(capture):
    return capture.take("test_a")


def test_points_are_posed_as_the_head_is(take):
    keypoints = take.arrays["landmarks2d"]
    mouth = take.arrays["landmarks3d_canonical"][5, list(MASHED)]
    found = posed(mouth, take, 3)
    assert found[list(MASHED)] == pytest.approx(keypoints[5, list(MASHED)], abs=1e-3)
    assert (found[17:48] == keypoints[3, 17:48]).all()
    assert (keypoints[3, 60:] != keypoints[5, 60:]).any()


def test_pictures_are_the_networks_of_drawings_with_the_mouth_that_was_heard(
    baselines, take, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    method, speech = NvpPix2Pix(baselines, "torch (cpu)"), listen(take, use_transcript=True)
    mouth = take.arrays["landmarks3d_canonical"][:, list(MASHED)]
    monkeypatch.setattr(method, "mouths", lambda values: mouth[: len(values)])
    made = list(method.frames(take, speech))
    assert len(made) == min(len(take.pose), len(speech.track.values))
    keys = ("landmarks2d", "iris2d", "contour")
    drawing = draw_with_mouth(*(take.arrays[key][4] for key in keys))
    lines = torch.from_numpy(drawing).float()[None, None] / 127.5 - 1
    true = to_bytes(baselines.pix2pix(lines.expand(-1, 3, -1, -1)))[0].numpy()
    assert np.abs(made[4].astype(int) - true).max() <= 1


def test_both_engines_draw_the_same(baselines):
    drawing = np.random.default_rng(0).integers(0, 256, (1, 512, 512), dtype=np.uint8)
    pictures = [NvpPix2Pix(baselines, name).draw(drawing) for name in ("openvino", "torch (cpu)")]
    assert pictures[0].shape == (1, 512, 512, 3) and pictures[0].dtype == np.uint8
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 1
    assert pictures[0].std() > 1


def test_one_frame_runs_both_networks(baselines, take, monkeypatch):
    method, ran = NvpPix2Pix(baselines, "torch (cpu)"), []
    monkeypatch.setattr(method, "mouths", lambda said: ran.append(said.shape))
    monkeypatch.setattr(method, "draw", lambda drawing: ran.append(drawing.shape))
    method.one_frame(take, listen(take, use_transcript=True))()
    assert ran == [(1, 34), (1, 512, 512)]


def test_an_untrained_network_gives_the_usual_mouth():
    torch.manual_seed(0)
    points = 0.05 + 0.003 * torch.randn(50, 37, 3)
    network = MouthPoints()
    network.standardise(points)
    found = network(torch.zeros(2, 6, 34))
    assert found.shape == (2, 37, 3)
    assert (found - points.mean(dim=0)).abs().max() < 0.003


def test_a_configuration_of_something_else_is_refused():
    assert MouthPointsConfig.from_dict(MouthPointsConfig(k=7).to_dict()).k == 7
    with pytest.raises(ValueError, match="layers"):
        MouthPointsConfig.from_dict({"layers": 3})
