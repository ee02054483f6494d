"""Segments, alone and as Gradio's streaming video joins them."""

import asyncio
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avatar.media import ffmpeg_exe
from avatar.render.segments import Moment, segment_frames, segments
from avatar.timing import SAMPLE_RATE, frame_start

FPS = Fraction(25)
streams = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not on the PATH"
)


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


@pytest.mark.parametrize(("fps", "length"), [(FPS, 25), (Fraction(30000, 1001), 30)])
def test_segments_are_equal_and_nothing_is_lost_between_them(tmp_path, fps, length):
    given = moments(2 * length + 7, fps)
    paths = list(segments(given, fps, tmp_path, {"title": "hers (AI-generated)"}))
    assert segment_frames(fps) == length
    assert [grey for path in paths for grey in greys(path)] == [
        i % 28 for i in range(2 * length + 7)
    ]
    heard = [np.frombuffer(decoded(p, "-vn", "-f", "s16le"), np.int16) for p in paths]
    assert [len(part) for part in heard] == [
        frame_start((n + 1) * length, fps) - frame_start(n * length, fps) for n in range(2)
    ] + [frame_start(2 * length + 7, fps) - frame_start(2 * length, fps)]
    assert abs(np.concatenate(heard) / 32768 - sound(sum(map(len, heard)))).max() < 1e-4
    assert all(b"AI-generated" in path.read_bytes() for path in paths)
    assert sorted(tmp_path.iterdir()) == paths


def test_each_segment_starts_at_zero_with_a_key_frame(tmp_path):
    for path in segments(moments(50), FPS, tmp_path):
        show = subprocess.run(
            [ffmpeg_exe(), "-i", path, "-c", "copy", "-copyts", "-f", "framecrc", "-"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows = [line.split(",") for line in show.stdout.splitlines() if line[0] != "#"]
        video = [(int(dts), int(pts)) for stream, dts, pts, *_ in rows if stream == "0"]
        assert video == [(512 * i, 512 * i) for i in range(25)]  # in order: no B-frames
        assert next(int(pts) for stream, _, pts, *_ in rows if stream == "1") == 0
        first = "select=eq(n\\,0)*eq(pict_type\\,I)"
        key = decoded(path, "-vf", first, "-fps_mode", "passthrough", "-f", "rawvideo")
        assert len(key) == 64 * 64 * 3 // 2


def test_they_come_as_they_can_be_made_and_a_close_leaves_nothing_half_made(tmp_path):
    taken = []

    def stream():
        for moment in moments(60):
            taken.append(moment)
            yield moment

    parts = segments(stream(), FPS, tmp_path)
    first = next(parts)
    assert len(taken) == 25
    parts.close()
    assert list(tmp_path.iterdir()) == [first]


def test_a_stream_that_breaks_leaves_only_whole_segments(tmp_path):
    def stream():
        yield from moments(30)
        raise RuntimeError("no more")

    parts = segments(stream(), FPS, tmp_path)
    first = next(parts)
    with pytest.raises(RuntimeError, match="no more"):
        next(parts)
    assert list(tmp_path.iterdir()) == [first]


@streams
def test_gradio_joins_them_without_a_gap_or_a_click(tmp_path, monkeypatch):
    import gradio as gr

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    video = gr.Video(streaming=True)
    chunks, durations = [], []

    async def stream() -> None:
        for n, path in enumerate(segments(moments(125), FPS, tmp_path, {"title": "AI-generated"})):
            chunk, _ = await video.stream_output(str(path), "test", n == 0)
            chunks.append(chunk["data"])
            durations.append(chunk["duration"])
        chunks.append((await video.flush_stream_output("test"))["data"])

    asyncio.run(stream())
    assert durations == [1] * 5
    assert all(b"AI-generated" in chunk for chunk in chunks[:-1])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(chunks))
    assert greys(joined) == [i % 28 for i in range(125)]
    heard = np.frombuffer(decoded(joined, "-vn", "-f", "f32le"), np.float32)
    said, late = sound(5 * SAMPLE_RATE), 1024  # samples by which AAC decodes late
    error = heard[late : late + len(said)] - said
    assert np.sqrt(np.square(error[800:-800]).mean()) < 0.01  # of 0.21
    seams = [
        abs(error[n - 400 : n + 400]).max() for n in range(SAMPLE_RATE, len(said), SAMPLE_RATE)
    ]
    assert max(seams) < 0.03
