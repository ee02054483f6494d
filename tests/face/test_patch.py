"""A mouth that is cut and pasted: it moves with the head, and nothing else changes."""

import numpy as np
from films import MIRA, truth

from avatar.capture.source import open_video
from avatar.face.keypoints import MOUTH
from avatar.face.patch import paste_mouth
from avatar.metrics.lips import opening
from avatar.metrics.reader import LIPS, point_reader

BOX = (164, 259, 192, 192)
FRAMES, POINTS = list(open_video(MIRA).read()), truth()["keypoints"]
OPEN = opening(POINTS[:, list(MOUTH)])


def read(frame: np.ndarray) -> float:
    return float(opening(point_reader(LIPS).read(frame, BOX)))


def test_an_open_mouth_is_closed_by_a_closed_one_and_the_other_way_round() -> None:
    wide, closed = int(OPEN.argmax()), int(OPEN.argmin())
    shut = paste_mouth(FRAMES[wide], POINTS[wide], FRAMES[closed], POINTS[closed])
    opened = paste_mouth(FRAMES[closed], POINTS[closed], FRAMES[wide], POINTS[wide])
    assert abs(read(shut) - OPEN[closed]) < 2.5 and abs(read(opened) - OPEN[wide]) < 3.5


def test_eyes_hair_and_background_stay_as_they_are() -> None:
    frame, before = FRAMES[30], FRAMES[30].copy()
    made = paste_mouth(frame, POINTS[30], FRAMES[80], POINTS[80])
    eyes_down_to = int(POINTS[30, 36:48, 1].max()) + 10
    changed = (made != frame).any(axis=2)
    assert (frame == before).all() and changed.any()
    assert not changed[:eyes_down_to].any() and changed.mean() < 0.15


def test_a_picture_s_own_mouth_leaves_it_all_but_untouched() -> None:
    made = paste_mouth(FRAMES[10], POINTS[10], FRAMES[10], POINTS[10])
    assert np.abs(made.astype(int) - FRAMES[10]).max() <= 1


def test_a_face_outside_the_picture_changes_nothing() -> None:
    far = POINTS[10] + 5000
    assert (paste_mouth(FRAMES[10], far, FRAMES[10], POINTS[10]) == FRAMES[10]).all()
