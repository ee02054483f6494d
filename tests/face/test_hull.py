import numpy as np
import pytest

from avatar.face.hull import SLACK, Hull


@pytest.fixture
def hull() -> Hull:
    """A cube of side 20 with its corners and 300 points inside."""
    random = np.random.default_rng(0)
    corners = np.array(np.meshgrid(*[(-10, 10)] * 3)).reshape(3, -1).T
    return Hull(np.concatenate([corners, random.uniform(-10, 10, (300, 3))]))


def into(hull: Hull, points: np.ndarray) -> np.ndarray:
    weights = hull.weights(points)
    assert (weights >= 0).all() and np.allclose(weights.sum(axis=1), 1)
    return weights @ hull.points


def test_inside_points_stay_where_they_are(hull):
    points = np.random.default_rng(1).uniform(-9, 9, (100, 3))
    assert np.abs(into(hull, points) - points).max() < 0.1


@pytest.mark.parametrize("away", [1.5, 4, 100])
def test_outside_points_go_to_the_nearest_of_the_hull(hull, away):
    directions = np.random.default_rng(2).normal(0, 1, (100, 3))
    points = 10 * away * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = np.clip(points, -10, 10)
    assert np.abs(into(hull, points) - nearest).max() < 0.4
    assert np.allclose(hull.distance(points), np.linalg.norm(points - nearest, axis=1), atol=1e-3)
    assert hull.distance(into(hull, points)).max() < 1e-3


def test_near_points_weigh_most(hull):
    weights = hull.weights(np.array([[5.0, 5, 5]]))[0]
    away = np.linalg.norm(hull.points - 5, axis=1)
    assert weights[away < 5].sum() > 0.8 and (away < 5).mean() < 0.05


def test_the_way_in_is_continuous_and_enlarges_no_motion(hull):
    random = np.random.default_rng(3)
    start, stop = random.normal(0, 20, (2, 40, 3))
    path = (start + np.linspace(0, 1, 200)[:, None, None] * (stop - start)).swapaxes(0, 1)
    moved = into(hull, path.reshape(-1, 3)).reshape(path.shape)
    before, after = (np.linalg.norm(np.diff(p, axis=1), axis=2) for p in (path, moved))
    assert (after <= before * (1 + SLACK) + 5e-3).all() and after.mean() < 0.8 * before.mean()


@pytest.mark.parametrize("points", [np.zeros((1, 3)), np.ones((5, 3)), np.eye(3)[:2]])
def test_thin_hulls(points):
    x = np.random.default_rng(4).normal(0, 5, (20, 3))
    assert Hull(points).distance(into(Hull(points), x)).max() < 1e-3
