import numpy as np
import pytest

from avatar.baselines import sync
from avatar.baselines import table as module
from avatar.baselines.sync import measure_sync
from avatar.baselines.table import make_table
from avatar.baselines.table_text import as_markdown
from avatar.errors import MetricError
from avatar.identity import Identity, IdentityConfig
from avatar.metrics.mouth_sync import MouthSync, MouthSyncScore
from avatar.metrics.syncnet import SyncScore
from avatar.nets.renderer import Renderer, RendererConfig
from avatar.render.video import write_video


class Judge:
    """In the judges' place: notes what it is shown."""

    accuracy = MouthSync().accuracy

    def __call__(self, track, sound):
        self.track, self.sound = track, sound
        return MouthSyncScore(0.5, 0.6, 0.3, 2)


class Scorer:
    """In SyncNet's place."""

    def score(self, frames, track, sound):
        if not sound.any():
            raise MetricError("The sound is silent.")
        self.seen = len(list(frames)), len(track), sound
        return SyncScore(7.5, 3.25, -1, 7.75, 40, np.zeros((40, 31)))


@pytest.fixture(scope="module")
def take(capture):
    return capture.take("test_a")


@pytest.fixture(scope="module")
def film(take, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = [take.head_over_background(0)] * len(take.pose)
    write_video(path, frames, take.capture.fps, take.sound)
    return path


def test_lips_are_read_in_the_film_and_put_into_the_takes_own_head(film, take, monkeypatch):
    true = take.arrays["landmarks2d"][:, 48:]
    read = iter(true[::-1])

    class Reader:
        def read(self, picture, box):
            return next(read)

    monkeypatch.setattr(sync, "point_reader", lambda _: Reader())
    judge = Judge()
    found = measure_sync(film, take, take.sound, judge, None)
    assert (found.mouth_sync, found.mouth_sync_offset, found.lse_c) == (0.5, 2, None)
    track, solid = judge.track, take.arrays["landmarks3d_canonical"]
    assert len(track) == len(take.pose) and track.fps == 25
    assert track.keypoints[:, :48] == pytest.approx(take.arrays["landmarks2d"][:, :48])
    assert track.canonical[:, 48:, :2] == pytest.approx(solid[::-1, 48:, :2], abs=1e-5)
    assert track.canonical[:, :48, :2] == pytest.approx(solid[:, :48, :2], abs=1e-5)


def test_syncnet_sees_the_film_and_what_it_cannot_say_has_a_reason(film, take):
    scorer = Scorer()
    found = measure_sync(film, take, take.sound, Judge(), scorer)
    assert (found.lse_c, found.lse_d, found.lse_offset) == (3.25, 7.5, -1)
    assert found.distance_at_0 == 7.75
    assert scorer.seen == (len(take.pose), len(take.pose), take.sound)
    silent = measure_sync(film, take, 0 * take.sound, Judge(), scorer)
    assert silent.lse_c is None and silent.reason == "The sound is silent."


def test_the_table_shows_syncnets_figures_where_it_is_at_hand(
    take, capture, baselines, tmp_path, monkeypatch
):
    renderer = Renderer(RendererConfig.table_exact()).eval().requires_grad_(False)
    somebody = Identity(IdentityConfig("x", network=renderer.config), renderer, {}, None)
    monkeypatch.setattr(module, "MouthSync", Judge)
    train = module.TrainFrames(capture)
    methods = [("ours", module.NearestViseme(train)), ("baseline", module.FrozenMouth(train))]
    monkeypatch.setattr(module, "_methods", lambda *_: iter(methods))
    monkeypatch.setattr("avatar.baselines.speed.ROUNDS", 1)
    table = make_table(somebody, capture, "test_a", baselines, tmp_path, syncnet=Scorer())
    text = as_markdown(table, "a toaster")
    assert "Sync: LSE-C ↑ | LSE-D ↓ | Sync: mouth sync ↑" in text
    assert "| **3.25** | **7.50** | **0.500** |" in text
