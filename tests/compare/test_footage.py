"""Videos on one clock."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from films import MIRA, film

from avatar.compare.controls import make_controls
from avatar.compare.footage import follow, open_footage, same_shape, warnings
from avatar.errors import CaptureError, MetricError
from avatar.render.steps import finished, looking


def test_other_rates_and_sizes_show_the_same_moments_in_the_first_one_s_size(tmp_path: Path):
    other = film(tmp_path / "other.mp4", "-r", "30", "-vf", "scale=256:256", "-crf", "10")
    first, second = open_footage([MIRA, other])
    assert (first.fps, first.frames) == (second.fps, second.frames) == (Fraction(25, 2), 100)
    for i, (a, b) in enumerate(zip(first.pictures(), second.pictures(first.size), strict=True)):
        assert a.shape == b.shape == (512, 512, 3)
        if i % 20 == 0:
            assert np.abs(a.astype(int) - b).mean() < 2.5


def test_the_common_time_is_the_shortest_video_s(tmp_path: Path):
    short = film(tmp_path / "short.mp4", "-t", "4")
    footages = open_footage([MIRA, short])
    assert {footage.frames for footage in footages} == {50}
    assert all(len(footage.sound) == 4 * 16_000 for footage in footages)
    assert len(list(footages[0].pictures())) == 50
    assert warnings(footages) == [
        "'mira.mp4' is 4.0 s longer than what all have in common: its first 4.0 s are measured.",
        *(w for w in warnings(footages) if "frames a second" in w),
    ]


def test_a_delay_holds_the_first_picture_and_the_first_face():
    from dataclasses import replace

    first = open_footage([MIRA])[0]
    tracked, trouble = finished(looking(follow(first)))
    late = replace(tracked, delay=3)
    pictures = list(late.pictures())
    assert not trouble and len(pictures) == 100
    assert (pictures[3] == pictures[0]).all() and (pictures[4] != pictures[0]).any()
    assert (late.face().keypoints[3:] == tracked.face().keypoints[:-3]).all()
    at_25 = late.face(Fraction(25))
    assert len(at_25) == 200 and (at_25.keypoints[:7] == tracked.track.keypoints[0]).all()


def test_whose_sound_the_lips_are_judged_by(tmp_path: Path):
    silent = film(tmp_path / "silent.mp4", "-an", "-c:v", "copy")
    own = open_footage([MIRA, silent])
    assert own[0].sound.any() and not own[1].sound.any()
    assert any("no sound" in warning for warning in warnings(own))
    common = open_footage([MIRA, silent], common_sound=True)
    assert (common[1].sound == common[0].sound).all()
    given = open_footage([MIRA, silent], sound=Path("examples/hello.wav"))
    assert (given[0].sound == given[1].sound).all() and len(given[0].sound) == 8 * 16_000


def test_what_is_told_about_odd_videos(tmp_path: Path):
    slow = film(tmp_path / "slow.mp4", "-r", "10", "-vf", "scale=640:360")
    first, odd = open_footage([MIRA, slow])
    told = " ".join(warnings([first, odd]))
    assert "10 frames a second" in told and "640x360" in told and not same_shape(first, odd)


def test_two_videos_of_one_name_are_told_apart(tmp_path: Path):
    (tmp_path / "mira.mp4").write_bytes(MIRA.read_bytes())
    names = [footage.name for footage in open_footage([MIRA, tmp_path / "mira.mp4", MIRA])]
    assert names == ["mira.mp4", "mira.mp4 (2)", "mira.mp4 (3)"]


def test_no_face_is_a_sentence_not_an_end(tmp_path: Path):
    plain = film(tmp_path / "plain.mp4", "-t", "2", "-r", "25", "-vf", "drawbox=t=fill:c=green")
    footage, trouble = finished(looking(follow(open_footage([plain])[0])))
    assert footage.track is None and footage.face() is None
    assert trouble.startswith("No face was found in 'plain.mp4'")


def test_two_faces_are_told(tmp_path: Path):
    side = "scale=288:288,split[a][b];[b]hflip[c];[a][c]hstack"
    both = film(tmp_path / "both.mp4", "-t", "2", "-filter_complex", side)
    footage, trouble = finished(looking(follow(open_footage([both])[0])))
    assert "'both.mp4' shows two faces in 100% of its frames" in trouble
    assert np.ptp(footage.track.keypoints.mean(axis=(1, 2))) < 40  # one and the same


def test_no_mouth_is_pasted_where_no_face_is(tmp_path: Path):
    cover = "scale=288:288,drawbox=t=fill:c=gray:enable='gte(t,1)'"
    hidden = film(tmp_path / "hidden.mp4", "-t", "2", "-vf", cover)
    footage, _ = finished(looking(follow(open_footage([hidden])[0])))
    (*_, frozen), _ = finished(looking(make_controls(footage, tmp_path)))
    assert np.ptp(list(frozen.pictures())[-1]) < 20


def test_pictures_or_sounds_that_end_early_are_told(tmp_path: Path):
    still = film(tmp_path / "still.mp4", "-i", str(MIRA), "-map", "0:v", "-map", "1:a", source=MIRA,
                 before=("-t", "1"))  # fmt: skip
    footage, trouble = finished(looking(follow(open_footage([still])[0])))
    assert footage.seconds > 7 and "'still.mp4' end after 1.0 s: the last one is held" in trouble
    assert "shows a face" not in trouble
    short = film(tmp_path / "short.wav", "-t", "2")
    assert "judged by ends after 2.0 s" in warnings(open_footage([MIRA], sound=short))[-1]
    assert "judged by" not in " ".join(warnings(open_footage([MIRA])))


def test_what_cannot_be_compared_gets_a_sentence(tmp_path: Path):
    short = film(tmp_path / "short.mp4", "-t", "0.3", "-r", "25")
    with pytest.raises(MetricError, match="'short.mp4' is shorter than half a second"):
        open_footage([MIRA, short])
    tiny = film(tmp_path / "tiny.mp4", "-t", "1", "-vf", "scale=64:8")
    with pytest.raises(MetricError, match=r"'tiny.mp4' is 64x8: too small to measure"):
        open_footage([MIRA, tiny])
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    with pytest.raises(CaptureError, match=r"text\.mp4"):
        open_footage([MIRA, text])
