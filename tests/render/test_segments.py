"""Segments, alone and joined as players join them."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avatar.media import ffmpeg_exe
from avatar.render.segments import Moment, Segment, segment_frames, segments
from avatar.timing import SAMPLE_RATE, frame_start

FPS = Fraction(25)


def sound(samples: int) -> np.ndarray:
    """A tone that rises, so that each part of it is known from every other."""
    time = np.arange(samples) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * (200 + 60 * time) * time)).astype(np.float32)


def moments(frames: int, fps: Fraction = FPS) -> list[Moment]:
    """Frames whose grey counts by 8, with their shares of ``sound``."""
    heard = sound(frame_start(frames, fps))
    return [
        Moment(
            np.full((64, 64, 3), 16 + 8 * (i % 28), np.uint8),
            heard[frame_start(i, fps) : frame_start(i + 1, fps)],
        )
        for i in range(frames)
    ]


def decoded(path: Path, *arguments: str) -> bytes:
    command = [ffmpeg_exe(), "-v", "error", "-i", path, *arguments, "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def greys(path: Path) -> list[int]:
    """Which of 28 greys each frame of a video is, in its middle."""
    pixels = np.frombuffer(decoded(path, "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8)
    middle = pixels.reshape(-1, 64, 64, 3)[:, 32, 40].mean(axis=1)
    return [round((float(level) - 16) / 8) for level in middle]


def joined(parts: list[Segment], tmp_path: Path) -> Path:
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.data for part in parts))
    return path


@pytest.mark.parametrize(("fps", "length"), [(FPS, 13), (Fraction(30000, 1001), 15)])
def test_segments_are_equal_and_nothing_is_lost_between_them(tmp_path, fps, length):
    count = 4 * length + 7
    parts = list(segments(moments(count, fps), fps, {"title": "hers (AI-generated)"}))
    assert segment_frames(fps) == length
    lengths = [length] * 4 + [7]
    assert [part.seconds for part in parts] == pytest.approx([n / float(fps) for n in lengths])
    assert all(b"AI-generated" in part.data for part in parts)
    shown = greys(joined(parts, tmp_path))
    assert shown == [i % 28 for i in range(count)]


def test_each_segment_can_be_decoded_alone(tmp_path):
    for number, part in enumerate(segments(moments(52), FPS)):
        shown = greys(joined([part], tmp_path))
        assert shown == [i % 28 for i in range(13 * number, 13 * number + 13)]


def test_sound_fits_the_picture_and_has_no_click_at_the_seams(tmp_path):
    path = joined(list(segments(moments(125), FPS)), tmp_path)
    heard = np.frombuffer(decoded(path, "-vn", "-ar", "16000", "-f", "f32le"), np.float32)
    said, late = sound(5 * SAMPLE_RATE), 341  # 1024 samples of AAC at 48 kHz; the picture waits
    error = heard[late : late + len(said)] - said
    assert np.sqrt(np.square(error[800:-800]).mean()) < 0.02  # of 0.21
    seams = [abs(error[n - 400 : n + 400]).max() for n in range(8320, len(said) - 800, 8320)]
    assert max(seams) < 0.05
    show = subprocess.run(
        [ffmpeg_exe(), "-i", path, "-c", "copy", "-copyts", "-f", "framecrc", "-"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split(",") for line in show.stdout.splitlines() if line[0] != "#"]
    starts = {stream: int(next(row[2] for row in rows if row[0] == stream)) for stream in "01"}
    assert starts["0"] - starts["1"] == 1920  # of 90 kHz: 1024 of 48 kHz


def test_they_come_as_they_can_be_made_and_a_close_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = []

    def stream():
        for moment in moments(1000):
            taken.append(moment)
            yield moment

    parts = segments(stream(), FPS)
    assert next(parts).seconds == 13 / 25
    assert 13 <= len(taken) < 1000
    parts.close()
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def stream():
        yield from moments(30)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(segments(stream(), FPS))
    assert list(tmp_path.iterdir()) == []
