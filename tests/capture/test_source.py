import os
import signal
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import MIRA, film

from avatar import media
from avatar.capture.source import open_video
from avatar.errors import CaptureError
from avatar.media import Ffmpeg

QUICK = ("-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")


def frames(path: Path, *where: int) -> list[np.ndarray]:
    return [frame.copy() for frame in open_video(path).read(*where)]


def test_says_what_a_film_is():
    film = open_video(MIRA)
    assert (film.width, film.height, film.fps) == (512, 512, Fraction(25, 2))
    assert film.frames == 100 and film.has_sound and not film.hdr
    assert abs(film.seconds - 8) < 0.01 and abs(len(film.sound()) / 16_000 - 8) < 0.1
    assert len(list(film.read())) == 100


@pytest.mark.parametrize("rate, read_at", [
    ("30000/1001", Fraction(30000, 1001)), ("60", Fraction(30)), ("25", Fraction(25)),
    ("24000/1001", Fraction(24000, 1001)), ("50", Fraction(25)), ("15", Fraction(15)),
])  # fmt: skip
def test_reads_at_a_constant_rational_rate(tmp_path: Path, rate: str, read_at: Fraction):
    path = film(tmp_path / "film.mp4", "-vf", f"fps={rate}", *QUICK)
    opened = open_video(path)
    assert opened.fps == read_at
    assert abs(len(frames(path)) - 2 * read_at) <= 1


def test_a_wavering_rate_keeps_its_time(tmp_path: Path):
    """A clock in the picture, every seventh frame missing: it must not run faster."""
    clock = "format=gray,geq=lum='clip(40*T,0,255)':cb=128:cr=128,fps=30"
    drop = ",select='not(eq(mod(n,7),3))'"
    path = film(tmp_path / "vfr.mp4", "-vf", clock + drop, "-fps_mode", "vfr", *QUICK)
    opened = open_video(path)
    seen = np.array([frame.mean() for frame in opened.read()])
    shown = np.arange(len(seen)) / float(opened.fps)
    assert len(seen) > 40
    assert np.abs(np.polyfit(shown, seen, 1)[0] - 40) < 1.5


def test_a_turned_film_stands_upright(tmp_path: Path):
    wide = film(tmp_path / "wide.mp4", "-vf", "scale=480:320", *QUICK)
    turned = film(
        tmp_path / "turned.mp4", "-c", "copy", source=wide, before=("-display_rotation", "90")
    )
    assert (open_video(turned).width, open_video(turned).height) == (320, 480)
    flat, upright = frames(wide, 0, 1)[0], frames(turned, 0, 1)[0]
    assert upright.shape == (480, 320, 3)
    assert np.abs(np.rot90(flat).astype(int) - upright).mean() < 3


def test_oblong_pixels_are_made_square(tmp_path: Path):
    path = film(tmp_path / "dv.mp4", "-vf", "scale=360:512,setsar=64/45", *QUICK)
    assert (open_video(path).width, open_video(path).height) == (512, 512)


def test_hdr_is_mapped_to_an_ordinary_screen(tmp_path: Path):
    hlg = (
        "zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:t=arib-std-b67:m=2020_ncl:p=2020:npl=203,"
        "format=yuv420p10le"
    )
    colours = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:log-level=none"
    path = film(
        tmp_path / "hlg.mp4", "-t", "0.5", "-vf", hlg, "-c:v", "libx265",
        "-x265-params", colours, "-color_trc", "arib-std-b67", "-an",
    )  # fmt: skip
    assert open_video(path).hdr and not open_video(path).has_sound
    before, after = frames(MIRA, 0, 1)[0], frames(path, 0, 1)[0]
    face = slice(180, 300), slice(180, 340)
    assert np.abs(before[face].mean((0, 1)) - after[face].mean((0, 1))).max() < 25


@pytest.mark.parametrize("rate", ["12.5", "30000/1001"])
def test_the_same_frames_wherever_one_starts(tmp_path: Path, rate: str):
    path = film(tmp_path / "film.mp4", "-vf", f"fps={rate}", *QUICK)
    whole = frames(path)
    for start in (1, 9, len(whole) - 3):
        part = frames(path, start, start + 3)
        assert len(part) == 3
        for one, other in zip(part, whole[start:], strict=False):
            np.testing.assert_array_equal(one, other)
    assert frames(path, 3, 3) == []


def test_small_for_a_quick_look():
    assert next(open_video(MIRA).read(height=128)).shape == (128, 128, 3)
    assert next(open_video(MIRA).read(height=4000)).shape == (512, 512, 3)


def test_without_sound_it_is_silent(tmp_path: Path):
    opened = open_video(film(tmp_path / "mute.mp4", "-c", "copy", "-an"))
    assert not opened.has_sound
    sound = opened.sound()
    assert len(sound) == 8 * 16_000 and not sound.any()


def test_leaving_early_stops_ffmpeg():
    reading = open_video(MIRA).read()
    next(reading)
    reading.close()
    with pytest.raises(StopIteration):
        next(reading)


@pytest.mark.parametrize("name, content", [
    ("empty.mp4", b""), ("noise.mp4", bytes(range(256)) * 400), ("talk.txt", b"hello " * 99),
    ("still.png", cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()),
    ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"),
])  # fmt: skip
def test_what_is_no_film_gets_a_sentence(tmp_path: Path, name: str, content: bytes):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=name):
        open_video(path)


def test_half_a_film_sound_alone_and_nothing_get_a_sentence(tmp_path: Path):
    half = tmp_path / "half.mp4"
    half.write_bytes(MIRA.read_bytes()[:100_000])
    sound = film(tmp_path / "sound.m4a", "-vn", "-c:a", "copy")
    for path in (half, sound, tmp_path / "missing.mp4"):
        with pytest.raises(CaptureError, match=path.name):
            open_video(path)


def test_an_interrupted_ffmpeg_is_not_the_end_of_the_film(monkeypatch: pytest.MonkeyPatch):
    begun = []

    class Seen(Ffmpeg):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            begun.append(self.process.pid)

    source = open_video(MIRA)
    monkeypatch.setattr(media, "Ffmpeg", Seen)
    frames = source.read()
    next(frames)
    assert os.getsid(begun[0]) != os.getsid(0)  # Ctrl-C in a terminal does not reach it
    os.kill(begun[0], signal.SIGKILL)
    with pytest.raises(CaptureError, match="stopped from outside"):
        list(frames)


def test_a_square_alone_is_that_part_of_the_whole_frame():
    source = open_video(MIRA)
    whole, part = next(source.read(7)), next(source.read(7, square=(100, 64, 256)))
    cut = whole[64:320, 100:356]
    assert part.shape == cut.shape
    assert np.abs(part.astype(int) - cut)[2:-2, 2:-2].max() <= 2  # colours end at the edges


def test_a_file_that_does_not_count_from_zero_keeps_sound_and_picture_together(tmp_path: Path):
    source, stream = open_video(MIRA), open_video(film(tmp_path / "a.ts", "-c", "copy"))
    assert stream.begins > 1 and source.begins == 0
    true, read = (list(video.read(height=64)) for video in (source, stream))
    late = min(range(5), key=lambda k: np.abs(np.int16(read[40 + k]) - true[40]).mean())
    a, b = (video.sound()[: 6 * 16_000] for video in (source, stream))
    heard = (np.correlate(b, a[8_000:-8_000], "valid").argmax() - 8_000) / 16_000
    assert abs(late / 12.5 - heard) < 0.05


def test_another_rate_shows_the_same_moments():
    source = open_video(MIRA).at(Fraction(25))
    frames = list(source.read(height=64))
    assert source.frames == 200 and len(frames) == 200
    twice = [np.abs(np.int16(a) - b).mean() for a, b in zip(frames[::2], frames[1::2], strict=True)]
    assert np.median(twice) == 0
