from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import MIRA, film, truth

from avatar import Avatar
from avatar.capture.crop import Crop
from avatar.capture.dub import Step, dub
from avatar.capture.paste import Paster, face_mask
from avatar.capture.source import open_video
from avatar.errors import CaptureError
from avatar.face.keypoints import BROWS, EYES, MOUTH
from avatar.render.receipt import Receipt, receipt_path
from avatar.render.video import Video
from avatar.speech.speech import Speech
from avatar.speech.visemes import between
from avatar.timing import frame_count

KEYPOINTS = truth()["keypoints"]


@pytest.fixture(scope="module")
def mira() -> Avatar:
    return Avatar.load("mira")


@pytest.fixture(scope="module")
def speech(mira: Avatar) -> Speech:
    return mira.speech("Papa may know.")


def finished(steps: Iterator[Step]) -> tuple[list[Step], Video]:
    seen = []
    while True:
        try:
            seen.append(replace(next(steps), frame=None))
        except StopIteration as end:
            return seen, end.value


def test_the_mask_covers_the_mouth_and_spares_eyes_and_brows():
    for points in KEYPOINTS[::20]:
        mask = face_mask(points)
        at = {name: mask[points[list(group), 1].astype(int), points[list(group), 0].astype(int)]
              for name, group in (("eyes", EYES), ("brows", BROWS), ("mouth", MOUTH))}  # fmt: skip
        assert at["mouth"].min() > 0.9
        assert at["eyes"].max() < 0.05 and at["brows"].max() == 0
        assert mask[0].max() == mask[:, 0].max() == mask[:, -1].max() == 0


def test_the_same_picture_changes_nothing():
    frame = next(open_video(MIRA).read())
    pasted = Paster(Crop(0, 0, 512))(frame, frame, KEYPOINTS[0])
    assert np.abs(pasted.astype(int) - frame).max() <= 1


def test_a_picture_takes_on_the_colours_of_the_film():
    """A picture in another light leaves no seam, and the rest of the film as it was."""
    picture = next(open_video(MIRA).read())
    frame = np.full((700, 900, 3), 90, np.uint8)
    warm = np.clip(picture * np.array([1.1, 1.0, 0.8]) + 6, 0, 255).astype(np.uint8)
    crop = Crop(150, 40, 640)
    crop.of(frame)[:] = cv2.resize(warm, (640, 640), interpolation=cv2.INTER_CUBIC)
    pasted = Paster(crop)(frame, picture, KEYPOINTS[0])
    mask = cv2.resize(face_mask(KEYPOINTS[0]), (640, 640))
    changed = np.abs(crop.of(pasted).astype(int) - crop.of(frame)).mean(axis=-1)
    assert changed[mask > 0.99].mean() < 4  # unmatched: over 15
    assert changed[mask == 0].max() <= 1
    outside = np.ones(frame.shape[:2], bool)
    crop.of(outside)[:] = False
    assert (pasted[outside] == 90).all()


def test_no_share_no_change():
    frame = next(open_video(MIRA).read())
    black = np.zeros_like(frame)
    np.testing.assert_array_equal(Paster(Crop(0, 0, 512))(frame, black, KEYPOINTS[0], 0.0), frame)


def test_new_words_in_a_whole_scene(mira: Avatar, speech: Speech, tmp_path: Path):
    """Size, rate and length are the film's and the sound's; only the lower face is another."""
    scene = film(
        tmp_path / "scene.mp4", "-t", "3", "-vf",
        "scale=400:400,pad=640:480:160:40:0x446655,fps=30000/1001", "-c:v", "libx264", "-crf", "12",
        "-c:a", "aac",
    )  # fmt: skip
    out = tmp_path / "dubbed.mp4"
    steps, video = finished(dub(mira.identity, mira.engine, scene, speech, out, label=True))
    fps = Fraction(30000, 1001)
    made = open_video(out)
    assert (made.width, made.height, made.fps) == (640, 480, fps)
    assert video.frames == frame_count(len(speech.sound), fps) == len(list(made.read()))
    assert {step.stage for step in steps} == {"look", "render"} and steps[-1].done == video.frames
    assert video.receipt == Receipt.load(receipt_path(out))
    assert video.receipt.frames == video.frames and video.receipt.lips_read_s > 0.5
    assert video.receipt.silence in ("closed", "none in it")
    before, after = (np.stack(list(open_video(path).read(0, 20))).astype(int)
                     for path in (scene, out))  # fmt: skip
    change = np.abs(before - after).mean(axis=(0, 3))
    x, y = (KEYPOINTS[0, list(MOUTH)].mean(axis=0) * 400 / 512 + (160, 40)).astype(int)
    assert change[y - 12 : y + 12, x - 20 : x + 20].mean() > 4
    assert change[40:140, 200:500].mean() < 2  # hair, brows and what is behind


def test_a_short_film_is_shown_forth_and_back(mira: Avatar, tmp_path: Path):
    short = film(tmp_path / "short.mp4", "-t", "0.6", "-c:v", "libx264", "-crf", "12", "-an")
    speech = mira.speech(np.zeros(16_000 * 2, np.float32))
    steps, video = finished(dub(mira.identity, mira.engine, short, speech, tmp_path / "out.mp4"))
    assert video.frames == 25
    given, made = (np.stack(list(open_video(path).read())).astype(int)
                   for path in (short, tmp_path / "out.mp4"))  # fmt: skip
    brow = np.s_[:, 120:230, 150:370]
    order = [np.abs(given[brow] - frame[brow[1:]]).mean((1, 2, 3)).argmin() for frame in made]
    length = len(given)
    forth_and_back = [*range(length), *range(length - 2, 0, -1)]
    wanted = (forth_and_back * 4)[:25]
    assert np.mean(np.array(order) == wanted) > 0.8  # the head hardly moves between some


def test_the_sound_is_heard_when_it_is_said(mira: Avatar):
    """Whatever the rates, the window in a film's frame is the one of the same moment."""
    ramp = np.tile(np.arange(50, dtype=np.float32)[:, None, None], (1, 6, 34))
    same = between(ramp, np.arange(50), Fraction(25), Fraction(25))
    np.testing.assert_array_equal(same, ramp)
    double = between(ramp, np.arange(100), Fraction(50), Fraction(25))[:, 0, 0]
    seconds = (np.arange(100) + 0.5) / 50
    np.testing.assert_allclose(double[2:-2], seconds[2:-2] * 25 - 0.5, atol=1e-4)


def test_closing_and_films_without_a_face_leave_nothing(
    mira: Avatar, speech: Speech, tmp_path: Path
):
    steps = dub(mira.identity, mira.engine, MIRA, speech, tmp_path / "out.mp4")
    while next(steps).stage != "render":
        pass
    steps.close()
    grey = film(tmp_path / "grey.mp4", "-t", "1", "-vf", "drawbox=t=fill:c=gray", "-c:v", "libx264")
    with pytest.raises(CaptureError, match="grey.mp4.*no face"):
        finished(dub(mira.identity, mira.engine, grey, speech, tmp_path / "out.mp4"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grey.mp4"]
