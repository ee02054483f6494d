import cv2
import numpy as np

from avatar.capture.backdrop import background
from avatar.capture.crop import Crop, cut, leaves, place_crop, place_mouth_box
from avatar.capture.matte import clean, cut_out, outline, steady
from avatar.capture.rgba import composite
from avatar.face.keypoints import LEFT_EYE, MOUTH, RIGHT_EYE


def person(x: int = 256, shoulders: bool = True) -> np.ndarray:
    """(512, 512) float32: the matte of a head on shoulders."""
    matte = np.zeros((512, 512), np.float32)
    cv2.ellipse(matte, (x, 220), (100, 160), 0, 0, 360, 1, -1)
    if shoulders:
        cv2.ellipse(matte, (x, 540), (300, 200), 0, 0, 360, 1, -1)
    return cv2.GaussianBlur(matte, (0, 0), 1)


def test_the_outline_goes_over_the_head_from_the_left_to_the_right():
    points = outline(person())
    assert points.shape == (128, 2) and points.dtype == np.float32
    assert points[0, 0] < 2 and points[-1, 0] > 510 and points[[0, -1], 1].min() > 400
    top = points[:, 1].argmin()
    assert 50 < top < 78 and abs(points[top, 0] - 256) < 12 and abs(points[top, 1] - 60) < 2
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.3
    on_side = points[(points[:, 1] > 200) & (points[:, 1] < 240)]
    assert np.abs(np.abs(on_side[:, 0] - 256) - 100).max() < 2


def test_shoulders_that_end_at_the_bottom_and_heads_at_the_side():
    narrow = person(shoulders=False)
    cv2.rectangle(narrow, (180, 300), (330, 511), 1, -1)
    points = outline(narrow)
    assert points[0, 1] > 508 and points[-1, 1] > 508 and points[0, 0] < 190 < 320 < points[-1, 0]
    aside = outline(person(x=60))
    assert aside[0, 1] > 256 and aside[:, 1].min() < 62 and (np.diff(aside[:, 0]) > -8).mean() > 0.5
    assert outline(np.zeros((512, 512), np.float32)) is None


def test_others_and_holes_are_cleaned_away():
    matte = person()
    matte[100:140, 460:500] = 1
    matte[200:230, 240:270] = 0
    cleaned = clean(matte)
    assert cleaned[120, 480] == 0 and cleaned[215, 255] == 1
    assert cleaned[220, 256 + 101] > 0.9 and cleaned[220, 256 + 110] < 0.1


def test_edges_do_not_tremble():
    mattes = [np.full((2, 2), v, np.float32) for v in (0, 1, 0, 1, 0)]
    assert [float(m[0, 0]) for m in steady(mattes)] == [0.5, 0.5, 0.5]


def test_the_background_is_what_is_seen_beside_the_person():
    rows = np.tile(np.linspace(50, 200, 512), (512, 1))
    wall = np.stack([rows, rows[::-1], rows], axis=2).astype(np.uint8)
    places = np.linspace(200, 312, 12).astype(int)
    mattes = np.stack([person(x) for x in places])
    pictures = np.stack([_over(wall, matte) for matte in mattes])
    found, still = background(pictures, np.stack([clean(matte) for matte in mattes]))
    assert still and np.abs(found[:40].astype(int) - wall[:40]).max() <= 1
    assert np.abs(found[200:300, 250:260].astype(int) - wall[200:300, 250:260]).mean() < 40
    moving = np.stack([np.roll(p, 40 * n, axis=1) for n, p in enumerate(pictures)])
    assert not background(moving, mattes)[1]


def test_over_what_stands_still_the_picture_comes_back():
    wall = np.full((512, 512, 3), (40, 160, 90), np.uint8)
    matte = clean(person())
    picture = _over(wall, person())
    again = composite(cut_out(picture, matte, wall), wall)
    assert np.abs(again.astype(int) - picture).max() <= 8
    assert np.square(again.astype(float) - picture).mean() < 0.5
    assert np.array_equal(cut_out(picture, matte, None)[..., :3], picture)


def face(x: float, y: float, eyes: float) -> np.ndarray:
    keypoints = np.zeros((68, 2), np.float32)
    keypoints[:] = x, y + eyes / 2
    keypoints[list(RIGHT_EYE)] = x - eyes / 2, y
    keypoints[list(LEFT_EYE)] = x + eyes / 2, y
    keypoints[list(MOUTH)] = np.stack([np.linspace(-1, 1, 20) * eyes / 3 + x, [y + eyes] * 20], 1)
    return keypoints


def test_the_crop_brings_a_face_to_its_place():
    keypoints = np.stack([face(960 + n, 500, 147) for n in range(-10, 11)])
    crop = place_crop(keypoints, np.full(21, 147.0), 1920, 1080)
    assert crop.side == 768 and crop.scale == 1.5
    eyes = crop.to_canvas(keypoints)[10][[36, 42]]
    assert np.allclose(eyes.mean(axis=0), (262, 242), atol=1)
    assert np.isclose(np.linalg.norm(eyes[1] - eyes[0]), 98, atol=0.5)


def test_the_crop_stays_in_the_picture():
    assert place_crop(face(40, 60, 98)[None], np.array([98.0]), 640, 600) == Crop(0, 0, 512)
    assert place_crop(face(620, 580, 98)[None], np.array([98.0]), 640, 600) == Crop(128, 88, 512)
    assert place_crop(face(180, 300, 300)[None], np.array([300.0]), 360, 640).side == 360


def test_the_crop_of_a_near_face_in_an_upright_film_holds_all_of_it():
    keypoints = face(162, 300, 124)[None]
    keypoints[0, :17] = np.stack([np.linspace(60, 264, 17), [510] * 17], 1)
    crop = place_crop(keypoints, np.array([124.0]), 324, 576)
    assert crop.side == 324 and not leaves(crop.to_canvas(keypoints)).any()


def test_the_mouth_is_cut_from_the_films_own_pixels():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255  # a canvas of 512 cannot hold them
    mouth = cut(stripes, (128, 256, 192, 192))
    assert mouth.shape == (512, 512, 3) and mouth.std() > 80
    assert cut(stripes).std() < 20


def test_the_mouth_box_lies_around_the_mouth():
    keypoints = np.stack([face(262 + 3 * n, 242, 98) for n in range(-5, 6)])
    assert place_mouth_box(keypoints) == (166, 244, 192, 192)
    assert place_mouth_box(keypoints + 400) == (320, 320, 192, 192)


def test_faces_that_leave_the_crop():
    keypoints = np.stack([face(262, 242, 98)] * 9 + [face(560, 242, 98), face(262, 242, 40)])
    assert leaves(keypoints).tolist() == [False] * 9 + [True, True]


def _over(wall: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A brown person before a wall."""
    share = matte[..., None]
    return (wall * (1 - share) + np.array((120, 70, 40)) * share + 0.5).astype(np.uint8)
