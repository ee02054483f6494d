import os
import re
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.errors import AvatarError, RenderError
from avatar.media import ffmpeg_exe
from avatar.render.video import VideoWriter, video_writer, write_video
from avatar.timing import SAMPLE_RATE, frame_count

FPS = Fraction(25)
SMALL = (64, 64)


def tone(samples: int) -> np.ndarray:
    return (0.3 * np.sin(np.arange(samples) * 0.2)).astype(np.float32)


def grey(frames: int) -> list[np.ndarray]:
    return [np.full((64, 64, 3), i % 256, np.uint8) for i in range(frames)]


def packets(path: Path) -> dict[int, list[tuple[Fraction, Fraction]]]:
    """Start and length in seconds of every packet of stream 0 (video) and 1 (audio)."""
    command = [ffmpeg_exe(), "-v", "error", "-i", path, "-c", "copy", "-copyts", "-f", "framecrc"]
    text = subprocess.run([*command, "-"], capture_output=True, text=True, check=True).stdout
    bases = {int(i): Fraction(base) for i, base in re.findall(r"#tb (\d): (\S+)", text)}
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    result: dict[int, list[tuple[Fraction, Fraction]]] = {0: [], 1: []}
    for row in rows:
        stream = int(row[0])
        result[stream].append((int(row[2]) * bases[stream], int(row[3]) * bases[stream]))
    return result


def decoded(path: Path, *arguments: str) -> bytes:
    command = [ffmpeg_exe(), "-v", "error", "-i", path, *arguments, "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def heard(path: Path) -> np.ndarray:
    return np.frombuffer(decoded(path, "-vn", "-ar", "16000", "-f", "f32le"), np.float32)


@settings(max_examples=12, deadline=None)
@given(
    samples=st.one_of(st.integers(640, 3_000), st.integers(3_000, 120 * SAMPLE_RATE)),
    fps=st.sampled_from(
        [FPS, Fraction(30000, 1001), Fraction(24), Fraction(60), Fraction(24000, 1001)]
    ),
)
def test_the_timing_law(samples: int, fps: Fraction) -> None:
    frames = frame_count(samples, fps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.mp4"
        video = write_video(path, grey(frames), fps, tone(samples), size=SMALL)
        shown = packets(path)[0]
        sound = len(decoded(path, "-vn", "-f", "s16le")) // 2  # at 48 kHz
    assert video.frames == len(shown) == frames
    assert shown[0][0] == 0 and abs(shown[-1][0] - (frames - 1) / fps) < Fraction(1, 1000)
    assert sound == 3 * samples
    assert 0 <= video.seconds - samples / SAMPLE_RATE < 1 / fps


def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    """A click and a flash at 2 s are found in the file at the same time, within a millisecond."""
    sound, frames = np.zeros(64_000, np.float32), [np.zeros((64, 64, 3), np.uint8)] * 100
    sound[32_000:32_200] = 0.9
    frames[50] = np.full((64, 64, 3), 255, np.uint8)
    path = write_video(tmp_path / "v.mp4", frames, FPS, sound, size=SMALL).path
    pictures = np.frombuffer(decoded(path, "-f", "rawvideo", "-pix_fmt", "gray"), np.uint8)
    assert pictures.reshape(100, -1).mean(axis=1).argmax() == 50
    assert abs(int(np.argmax(np.abs(heard(path)) > 0.4)) - 32_000) < 16


def test_colours_survive(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64)
    picture = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 128.0), axis=2).astype(np.uint8)
    path = write_video(tmp_path / "v.mp4", [picture] * 25, FPS, tone(16_000), size=SMALL).path
    # Asked for BT.709 outright, as a browser would after reading the tags.
    scale = "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int"
    raw = decoded(path, "-vf", scale, "-f", "rawvideo", "-pix_fmt", "rgb24")
    error = np.frombuffer(raw, np.uint8).reshape(25, 64, 64, 3).astype(float) - picture
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 0.7
    assert 10 * np.log10(255**2 / np.square(error).mean()) > 36
    about = subprocess.run([ffmpeg_exe(), "-i", path], capture_output=True, text=True).stderr
    assert "yuv420p(tv, bt709, progressive)" in about


def test_tags_are_kept_and_the_index_comes_first(tmp_path: Path) -> None:
    tags = {"title": 'a "b"; c=d', "comment": "AI-generated", "identity": "mira", "synthetic": "1"}
    path = tmp_path / "v.mp4"
    write_video(path, grey(25), FPS, tone(16_000), size=SMALL, metadata=tags)
    about = decoded(path, "-f", "ffmetadata").decode()
    assert "comment=AI-generated" in about and "identity=mira" in about and "synthetic=1" in about
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_the_label_marks_one_corner(tmp_path: Path) -> None:
    frames = [np.full((512, 512, 3), 90, np.uint8)] * 2
    path = tmp_path / "v.mp4"
    write_video(path, frames, FPS, tone(1_280), label=True)
    raw = decoded(path, "-f", "rawvideo", "-pix_fmt", "gray")
    changed = np.abs(np.frombuffer(raw, np.uint8).reshape(-1, 512, 512)[0].astype(int) - 77) > 40
    rows, columns = np.nonzero(changed)
    assert rows.min() > 470 and columns.max() < 150 and changed.sum() > 100
    assert all((frame == 90).all() for frame in frames)


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, ValueError])
def test_a_broken_off_job_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("the last one")
    writers: list[VideoWriter] = []
    with pytest.raises(error):
        with video_writer(path, FPS, tone(160_000), size=SMALL) as writer:
            writers.append(writer)
            writer.write(grey(1)[0])
            raise error
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"] and path.read_text() == "the last one"
    assert writers[0]._ffmpeg.process.returncode is not None


def test_a_killed_encoder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="could not be written"):
        with video_writer(tmp_path / "v.mp4", FPS, tone(16_000_000)) as writer:
            writer._ffmpeg.process.kill()
            for _ in range(100):
                writer.write(np.zeros((512, 512, 3), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs file size limits as on Linux")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RenderError) as error:
            write_video(tmp_path / "v.mp4", [noise] * 25, FPS, tone(16_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value).endswith(".") and not list(tmp_path.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "avatar-test", disk]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_too_full_for_a_complaint_is_called_full(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    with pytest.raises(RenderError, match="because the disk is full"):
        write_video(small_disk / "v.mp4", [noise] * 5, FPS, tone(3_200))
    assert not list(small_disk.iterdir())


def test_bad_frames_and_places_are_named(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with pytest.raises(RenderError, match="There are 24 frames for the sound's 25"):
        write_video(path, grey(24), FPS, tone(16_000), size=SMALL)
    with pytest.raises(RenderError, match="more frames than the sound's 25"):
        write_video(path, grey(26), FPS, tone(16_000), size=SMALL)
    with pytest.raises(RenderError, match="float64"):
        write_video(path, [np.zeros((64, 64, 3))], FPS, tone(640), size=SMALL)
    with pytest.raises(AvatarError, match="does not exist"):
        write_video(tmp_path / "no" / "v.mp4", grey(25), FPS, tone(16_000), size=SMALL)
    with pytest.raises(RenderError, match="no sound"):
        write_video(path, [], FPS, tone(0), size=SMALL)
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    sound, frame = tone(16_000 * 80), np.zeros((64, 64, 3), np.uint8)
    with video_writer(tmp_path / "v.mp4", FPS, sound, size=SMALL) as writer:
        for i in range(2_000):
            writer.write(frame + np.uint8(i % 200))
            if i == 200:
                start = resident()
        assert resident() - start < 5_000_000
