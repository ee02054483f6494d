import numpy as np
import pytest

from avatar.face import contour
from avatar.face.drawing import DrawingStyle, draw
from avatar.face.keypoints import GROUPS, JAW, MOUTH


def test_groups_cover_every_keypoint_once():
    assert sorted(i for group in GROUPS.values() for i in group) == list(range(68))


def test_mouth_jaw_and_chin_do_not_change_a_bit(face):
    keypoints, irises, outline = face
    before = draw(keypoints, irises, outline)
    moved = keypoints.copy()
    moved[list(MOUTH + JAW)] += np.random.default_rng(0).normal(0, 25, (37, 2)).astype(np.float32)
    assert np.array_equal(draw(moved, irises, outline), before)


@pytest.mark.parametrize("group", ["brows", "nose", "eyes"])
def test_every_other_group_is_drawn(face, group):
    keypoints, irises, outline = face
    moved = keypoints.copy()
    moved[list(GROUPS[group])] += 4
    assert not np.array_equal(draw(moved, irises, outline), draw(keypoints, irises, outline))


def test_nothing_is_drawn_where_the_chin_would_show(face):
    keypoints, irises, outline = face
    drawing = draw(keypoints, irises, outline)
    chin = drawing[300:, 200:312]
    assert not chin.any()
    stretches = contour.cut(outline, keypoints)
    assert sum(len(s) for s in stretches) < len(outline)


def test_irises_show_only_between_open_lids(face):
    keypoints, irises, outline = face
    open_eye = draw(keypoints, irises, outline)[228:233, 213:218]
    assert open_eye.min() == 255
    shut = keypoints.copy()
    shut[36:48, 1] = 232
    below = draw(shut, irises, outline)[224:229, 205:225]
    assert not below.any()


def test_sub_pixel_motion_is_seen(face):
    keypoints, irises, outline = face
    shifted = draw(keypoints + 0.25, irises + 0.25, outline + 0.25)
    difference = np.abs(shifted.astype(int) - draw(keypoints, irises, outline))
    assert 0 < difference.max() < 200


def test_line_width_follows_the_style(face):
    thin = draw(*face, DrawingStyle(line_width=1)).sum(dtype=np.int64)
    assert draw(*face, DrawingStyle(line_width=4)).sum(dtype=np.int64) > 2 * thin


def test_points_far_outside_are_harmless(face):
    keypoints, irises, outline = face
    assert draw(keypoints + 1e9, irises, outline).shape == (512, 512)


def test_bad_input_is_told(face):
    keypoints, irises, outline = face
    with pytest.raises(ValueError, match="expected keypoints"):
        draw(keypoints[:60], irises, outline)
    keypoints[20] = np.nan
    with pytest.raises(ValueError, match="finite"):
        draw(keypoints, irises, outline)
