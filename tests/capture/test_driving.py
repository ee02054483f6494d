from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from films import MIRA, film, truth
from PIL import Image

from avatar.capture.driving import Driven, driving_clip, driving_preview
from avatar.capture.performance import opening
from avatar.errors import CaptureError, ClipError
from avatar.face.pose import from_motion, middle_pose, pose_distance, to_motion
from avatar.identity import Identity, load_identity

FPS = 12.5
"""Of the film; the identity has twice as many frames a second."""


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def driven(mira: Identity) -> Driven:
    """Mira led by a film of herself, whose true motion is known."""
    return driving_clip(MIRA, mira)


def true_track(track: np.ndarray, frames: int = 200) -> np.ndarray:
    """What is true of the film's 100 frames at the times of a clip's."""
    at, times = (np.arange(n) + 0.5 for n in (frames, len(track)))
    columns = [np.interp(at / 25, times / FPS, c) for c in track.reshape(len(track), -1).T]
    return np.stack(columns, axis=1).reshape(frames, *track.shape[1:])


def lag(wanted: np.ndarray, got: np.ndarray) -> float:
    """Frames by which ``got`` comes later, as correlation says, to a tenth."""
    every = np.arange(10, len(wanted) - 10)
    moved = np.arange(-6, 6.05, 0.1)
    fit = [np.corrcoef(wanted[every], np.interp(every + m, np.arange(len(got)), got))[0, 1]
           for m in moved]  # fmt: skip
    return float(moved[int(np.argmax(fit))])


def test_the_head_turns_as_in_the_film(driven: Driven, mira: Identity) -> None:
    clip, seen = driven.clip, mira.seen()
    assert (len(clip), clip.fps, clip.name) == (200, 25, "mira") and not driven.warnings
    wanted = true_track(to_motion(truth()["pose"], middle_pose(truth()["pose"])))
    got = to_motion(clip.pose, middle_pose(clip.pose))
    middle = seen.space.middle
    error = pose_distance(from_motion(wanted, middle), from_motion(got, middle))
    assert np.median(error) < 1.2 and error.max() < 3.5
    assert abs(lag(wanted[:, 2], got[:, 2])) <= 0.5  # yaw, the widest turn
    assert pose_distance(middle_pose(clip.pose), middle) < 1.5


def test_eyes_close_when_they_close_and_look_where_they_look(
    driven: Driven, mira: Identity
) -> None:
    clip, space, t = driven.clip, mira.seen().space, truth()
    got = space.canonical(clip.keypoints, clip.irises, clip.pose)
    wanted = true_track(space.canonical(t["keypoints"], t["irises"], t["pose"]))
    lids = opening(wanted), opening(got)
    assert np.corrcoef(*lids)[0, 1] > 0.95 and abs(lag(*lids)) <= 0.5
    assert lids[1].min() < 0.1 < 0.3 < np.median(lids[1])
    gaze = [points[:, 68:, 0].mean(axis=1) for points in (wanted, got)]
    assert np.corrcoef(*gaze)[0, 1] > 0.9 and abs(lag(*gaze)) <= 0.5
    brows = [points[:, 17:27, 2].mean(axis=1) for points in (wanted, got)]
    assert np.corrcoef(*brows)[0, 1] > 0.5


def test_the_clip_lies_in_what_was_seen(driven: Driven, mira: Identity) -> None:
    frames = slice(None, None, 20)
    clip = driven.clip
    parts = (clip.keypoints, clip.irises, clip.pose, clip.contour)
    some = type(clip)("some", clip.fps, *(part[frames] for part in parts))
    assert all(px.max() < 0.3 for px in mira.seen().distance(some).values())


def test_gaps_are_bridged_evenly(mira: Identity, tmp_path: Path) -> None:
    """The face is covered for one second, and again at the end."""
    hidden = "drawbox=t=fill:c=gray:enable='between(t,2,2.99)+gte(t,5)'"
    path = film(tmp_path / "my gap.mp4", "-t", "6", "-vf", hidden)
    told: list[tuple[str, int, int]] = []
    driven = driving_clip(path, mira, lambda *step: told.append(step))
    assert told[0] == ("look", 0, 75) and told[-1] == ("look", 75, 75)
    assert driven.clip.name == "my-gap" and len(driven.clip) == 150
    (start, stop), (end, last) = driven.gaps
    assert abs(start - 2) < 0.4 and abs(stop - 3) < 0.4 and abs(end - 5) < 0.4 and last == 6
    assert "No face was seen" in driven.warnings[-1] and "6.0 s" in driven.warnings[-1]
    nose = driven.clip.keypoints[:, 30]
    speed = np.linalg.norm(np.diff(nose, axis=0), axis=1)
    assert speed[55:70].max() < np.percentile(speed[:45], 95) and speed[140:].max() < 0.05


@pytest.mark.parametrize(("rate", "frames"), [("30000/1001", 38), ("50", 38)])
def test_any_rate_and_shape_becomes_the_identitys(
    mira: Identity, tmp_path: Path, rate: str, frames: int
) -> None:
    upright = f"pad=720:1280:100:500,fps={rate}"
    path = film(tmp_path / "v.mov", "-t", "1.5", "-r", rate, "-vf", upright)
    clip = driving_clip(path, mira).clip
    assert abs(len(clip) - frames) <= 1 and clip.fps == Fraction(25)


def test_the_preview_shows_the_drawings(driven: Driven, mira: Identity) -> None:
    with Image.open(BytesIO(driving_preview(driven.clip, mira.config.style))) as preview:
        assert preview.size == (256, 256) and preview.n_frames == 100
        assert np.asarray(preview.convert("L")).max() > 128


def test_films_without_a_face_and_other_mistakes_are_one_sentence(
    mira: Identity, tmp_path: Path
) -> None:
    blank = film(tmp_path / "blank.mp4", "-t", "1", "-vf", "drawbox=t=fill:c=gray")
    brief = film(tmp_path / "brief.mp4", "-t", "0.3")
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    for path, said in (
        (blank, "'blank.mp4' cannot move a head: there is no face in it"),
        (brief, "'brief.mp4' cannot move a head: its face is seen in only"),
        (text, "not a video"),
        (tmp_path / "gone.mp4", "does not exist"),
    ):
        with pytest.raises(CaptureError, match=said) as error:
            driving_clip(path, mira)
        assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_an_identity_without_seen_drawings_says_so(mira: Identity, tmp_path: Path) -> None:
    bare = Identity(mira.config, mira.renderer, mira.clips, tmp_path)
    with pytest.raises(ClipError, match="package it again"):
        driving_clip(MIRA, bare)


def test_what_is_raised_while_looking_stops_it(mira: Identity) -> None:
    def cancel(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driving_clip(MIRA, mira, cancel)


def test_who_comes_nearer_than_was_seen_is_held_back_with_a_warning(
    mira: Identity, tmp_path: Path
) -> None:
    middle = "x='iw/2-iw/zoom/2':y='ih/2.2-ih/zoom/2.2'"
    walk = f"zoompan=z='1+0.8*abs(sin(in/25))':d=1:{middle}:s=512x512:fps=12.5"
    driven = driving_clip(film(tmp_path / "walk.mp4", "-t", "4", "-vf", walk), mira)
    assert driven.pulled.far.any() and "was pulled to the nearest" in driven.warnings[0]
