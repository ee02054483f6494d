from itertools import product

import numpy as np
import pytest

from avatar.baselines import cutting
from avatar.baselines.cutting import (
    FrozenMouth,
    NearestViseme,
    TrainFrames,
    cheapest_path,
    distances,
    spoken,
)
from avatar.capture.layout import Capture
from avatar.metrics.evaluate import listen
from avatar.training.dataset import take_features


@pytest.fixture(scope="module")
def train(capture) -> TrainFrames:
    return TrainFrames(capture)


@pytest.fixture(scope="module")
def take(capture):
    return capture.take("test_a")


def dark(picture: np.ndarray) -> int:
    """Pixels of the inside of the cartoon's mouth."""
    return int((np.abs(picture.astype(int) - (40, 10, 20)).sum(axis=2) < 60).sum())


def test_only_train_takes_are_seen(train):
    assert {take.name for take, _ in train.views} == {"train_a", "train_bb"}
    assert len(train.views) == 10


def test_a_path_is_the_cheapest_of_all():
    random = np.random.default_rng(3)
    cost, jump = random.random((5, 4)), random.random((4, 4))

    def price(path):
        jumps = sum(jump[a, b] for a, b in zip(path, path[1:], strict=False))
        return sum(cost[i, at] for i, at in enumerate(path)) + jumps

    best = min(product(range(4), repeat=5), key=price)
    assert tuple(cheapest_path(cost, jump)) == best
    assert tuple(cheapest_path(cost, 0 * jump)) == tuple(cost.argmin(axis=1))


def test_distances_are_euclidean():
    a, b = np.random.default_rng(0).random((2, 6, 3))
    assert distances(a, b) == pytest.approx(np.linalg.norm(a[:, None] - b[None], axis=2))


def test_the_mouth_says_what_is_to_be_said(train, monkeypatch):
    monkeypatch.setattr(cutting, "JUMP", 0.0)
    wanted = train.said[::-1]
    pose = np.stack([take.pose[frame] for take, frame in train.views])
    found = train.said[NearestViseme(train).mouths(wanted, pose)]
    assert found == pytest.approx(wanted)
    assert len(np.unique(wanted, axis=0)) > 5


def test_mouths_do_not_jump_for_little(train, monkeypatch):
    pose = np.stack([take.pose[frame] for take, frame in train.views])
    monkeypatch.setattr(cutting, "JUMP", 1e6)
    assert len(set(NearestViseme(train).mouths(train.said, pose))) == 1


def test_a_frozen_mouth_does_not_move_and_a_spoken_one_does(train, take):
    speech = listen(take, use_transcript=True)
    frozen = [dark(picture) for picture in FrozenMouth(train).frames(take, speech)]
    spoken_ = [dark(picture) for picture in NearestViseme(train).frames(take, speech)]
    own = dark(train.picture(train.rest))
    assert len(frozen) == len(spoken_) == min(len(take.pose), len(speech.track.values))
    assert frozen == pytest.approx([own] * len(frozen), rel=0.05)
    assert np.ptp(spoken_) > 0.3 * np.mean(spoken_)


def test_a_pasted_mouth_is_the_other_ones(train):
    amounts = [dark(train.picture(i)) for i in range(len(train.views))]
    closed, opened = int(np.argmin(amounts)), int(np.argmax(amounts))
    assert amounts[opened] > 1.5 * amounts[closed]
    assert dark(train.pasted(closed, opened)) == pytest.approx(amounts[opened], rel=0.1)
    assert dark(train.pasted(opened, closed)) == pytest.approx(amounts[closed], rel=0.1)


def test_the_rest_mouth_is_the_nearest_to_the_rest_face(train, capture):
    lips = np.stack([t.arrays["landmarks3d_canonical"][f, 48:] for t, f in train.views])
    away = np.linalg.norm(lips - capture.geometry.canonical[48:], axis=2).mean(axis=1)
    assert away[train.rest] <= np.sort(away)[1]


def test_what_is_said_is_the_takes(capture: Capture, train):
    take, frame = train.views[3]
    assert np.array_equal(train.said[3], spoken(take_features(take))[frame])
