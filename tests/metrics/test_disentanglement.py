import cv2
import numpy as np
import pytest

from avatar.metrics.disentanglement import (
    change,
    far_apart,
    lips_error,
    openings,
    repeatability,
)
from avatar.metrics.reader import LIPS, UPPER_FACE


def lips(gaps):
    """Lips (T, 20, 2) whose inner opening is as given, elsewhere one point."""
    points = np.full((len(gaps), 20, 2), 100.0)
    points[:, 66 - 48, 1] += gaps
    return points


def test_openings_beside_rest():
    found = openings(lips(np.array([5.0, 7, 4, 12])), lips(np.array([5.0, 5, 6, 6])))
    assert found.frames == 4
    assert (found.mean_px, found.rest_px) == (7, 5.5)
    assert found.excess_px == pytest.approx((0 + 2 - 2 + 6) / 4)
    assert found.error_px == pytest.approx((0 + 2 + 2 + 6) / 4)
    assert found.p95_px == pytest.approx(np.percentile([5, 7, 4, 12], 95))
    assert found.error_p95_px == pytest.approx(np.percentile([0, 2, 2, 6], 95))


def test_change_is_the_distance_of_any_two_that_should_agree():
    points = np.zeros((2, 3, 4, 2))
    points[0, 2] = (3, 4)  # two of the first group's three pairs are 5 px apart
    assert change(points).mean_px == pytest.approx(5 * 2 / 6)
    points[:] = np.random.default_rng(0).normal(size=(2, 1, 4, 2))  # groups may differ
    assert change(points).mean_px == change(points).p95_px == 0


def test_lips_error():
    truth = lips(np.array([2.0, 6, 4]))
    moved = lips_error(truth + (0.6, 0.8), truth)
    assert moved.error_px == pytest.approx(1) and moved.opening_error_px == pytest.approx(0)
    assert moved.opening_correlation == pytest.approx(1)
    still = lips_error(lips(np.full(3, 4.0)), truth)
    assert still.opening_error_px == pytest.approx(4 / 3) and still.opening_correlation is None


def test_far_apart_begins_in_the_middle_and_goes_to_the_ends():
    places = np.array([0.0, 4, 5, 6, 10])
    distance = np.abs(places[:, None] - places)
    assert far_apart(distance, 3) == [2, 0, 4]
    assert sorted(far_apart(distance, 9)) == [0, 1, 2, 3, 4]
    assert sorted(far_apart(np.zeros((4, 4)), 3)) == [0, 1, 2]


class Centre:
    """A reader that finds all points at the centre of brightness, off by a share of where it is."""

    def __init__(self, region, share):
        self.region, self.share = region, share

    def read(self, frame, mouth_box):
        weight = frame[..., 0].astype(float)
        y, x = np.mgrid[: len(frame), : frame.shape[1]] + 0.5
        centre = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        points = np.tile(centre, (len(self.region.points), 1))
        if self.region is LIPS:
            points[66 - 48, 1] += 5 + self.share * centre[1]
        return points


@pytest.mark.parametrize("region", [LIPS, UPPER_FACE])
def test_repeatability_of_readers_that_agree_with_themselves_or_not(region):
    picture = np.zeros((96, 96, 3), np.uint8)
    cv2.circle(picture, (50, 40), 10, (255, 255, 255), -1, cv2.LINE_AA)
    points, opening = repeatability(Centre(region, 0), [picture, picture], (0, 0, 96, 96))
    assert points.mean_px == pytest.approx(0, abs=0.05)
    assert (opening is None) == (region is UPPER_FACE)
    if region is LIPS:
        assert opening.mean_px == pytest.approx(0, abs=0.05)
        # Openings that follow the height of the picture: mean distance of any two shifts, halved.
        heights = np.array([0, 1.3, 2.2, -2.6, -3.4])
        between = np.abs(heights[:, None] - heights)[np.triu_indices(5, 1)].mean()
        _, opening = repeatability(Centre(region, 0.5), [picture], (0, 0, 96, 96))
        assert opening.mean_px == pytest.approx(between / 2, abs=0.05)
