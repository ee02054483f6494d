import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avatar import media
from avatar.errors import SoundError
from avatar.media import ffmpeg_exe
from avatar.speech.audio import from_array, load_sound, save_wav, stream_sound
from avatar.timing import SAMPLE_RATE

SWEEP_AT = 0.7


def sweep(rate: int, seconds: float = 2.0) -> np.ndarray:
    """Quiet but for 0.2 s of rising tone at ``SWEEP_AT``: its place in time is unmistakable."""
    time = np.arange(round(rate * seconds)) / rate - SWEEP_AT
    tone = 0.5 * np.sin(2 * np.pi * (300 * time + 6000 * time**2))
    return np.where((time >= 0) & (time < 0.2), tone, 0).astype(np.float32)


def delay(sound: np.ndarray) -> float:
    """Seconds by which the sweep is late, by correlation with a true one."""
    reference = sweep(SAMPLE_RATE, len(sound) / SAMPLE_RATE)
    match = np.correlate(sound, reference[11000:15000], mode="valid")
    return (int(match.argmax()) - 11000) / SAMPLE_RATE


def convert(source: Path, target: Path, *options: str) -> Path:
    command = [ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "sweep.wav", sweep(48000), 48000)
    return tmp_path / "sweep.wav"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", ["-c:a", "pcm_u8"]),
        ("a.wav", ["-c:a", "pcm_s24le", "-ar", "44100"]),
        ("a.wav", ["-c:a", "pcm_f32le", "-ac", "2"]),
        ("a.wav", ["-c:a", "pcm_f64le", "-ar", "11025"]),
        ("a.wav", ["-c:a", "pcm_s16le", "-ar", "16000"]),
        ("a.wav", ["-ac", "6"]),
        ("a.mp3", []),
        ("a.mp3", ["-ar", "22050", "-ac", "2", "-write_xing", "0", "-id3v2_version", "0"]),
        ("a.m4a", ["-ac", "2"]),
        ("a.ogg", ["-c:a", "libvorbis"]),
        ("a.ogg", ["-c:a", "libopus"]),
        ("a.opus", []),
        ("a.flac", ["-ar", "96000"]),
        ("a.webm", ["-c:a", "libopus"]),
        ("a.mp4", ["-f", "mp4"]),
    ],
)
def test_any_format_keeps_time_and_length(wav: Path, name: str, options: list[str]) -> None:
    sound = load_sound(convert(wav, wav.with_name(name), *options))
    assert sound.dtype == np.float32 and sound.ndim == 1
    untagged_mp3 = "-write_xing" in options  # nothing in it says how much padding it has
    assert abs(delay(sound)) < (0.06 if untagged_mp3 else 0.005)
    assert abs(len(sound) - 2 * SAMPLE_RATE) <= (2000 if untagged_mp3 else 2)
    assert 0.05 < np.abs(sound).max() <= 1


def test_sound_of_a_video_keeps_its_place_beside_the_picture(wav: Path) -> None:
    late = wav.with_name("late.mp4")
    picture = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-itsoffset", "0.5"]
    command = [ffmpeg_exe(), "-v", "error", *picture, "-i", str(wav), str(late)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    assert abs(delay(load_sound(late)) - 0.5) < 0.005


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 37800, 44100, 48000, 192000])
@pytest.mark.parametrize("samples_over", [0, 1, 17])
def test_length_follows_the_rate(tmp_path: Path, rate: int, samples_over: int) -> None:
    count = rate * 6 // 5 + samples_over
    soundfile.write(tmp_path / "a.wav", sweep(rate)[:count], rate)
    sound = load_sound(tmp_path / "a.wav")
    assert abs(len(sound) - round(count * SAMPLE_RATE / rate)) <= 1
    assert abs(delay(sound)) < 0.001


def test_blocks_are_the_whole(wav: Path) -> None:
    blocks = list(stream_sound(wav))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), load_sound(wav))


def test_names_that_look_like_options_or_addresses(wav: Path, monkeypatch) -> None:
    monkeypatch.chdir(wav.parent)
    for name in ("-y.wav", "http:x.wav", "it's 50% é.wav"):
        os.link(wav, name)
        assert len(load_sound(name)) == 2 * SAMPLE_RATE


def test_channels_are_averaged_without_loss_or_clipping(tmp_path: Path) -> None:
    tone = 0.9 * np.sin(np.arange(16000) / 5).astype(np.float32)
    rest = np.zeros_like(tone)
    loudest = {}
    for name, channels in {
        "both": [tone, tone], "left": [tone, rest], "opposite": [tone, -tone],
        "centre": [rest, rest, tone, rest, rest, rest],
    }.items():  # fmt: skip
        soundfile.write(tmp_path / f"{name}.wav", np.stack(channels, 1), 16000, subtype="FLOAT")
        loudest[name] = np.abs(load_sound(tmp_path / f"{name}.wav")).max()
    expected = {"both": 0.9, "left": 0.45, "opposite": 0.9, "centre": 0.15}
    assert loudest == pytest.approx(expected, abs=0.01)


def test_too_loud_floats_are_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 4 * sweep(16000), 16000, subtype="FLOAT")
    assert np.abs(load_sound(tmp_path / "a.wav")).max() == 1


def write(path: Path, samples: np.ndarray, rate: int = 44100) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def bad_files(folder: Path) -> dict[str, Path]:
    """A file for each error, by a piece of its sentence."""
    tone = sweep(44100)
    nan, infinite = tone.copy(), tone.copy()
    nan[60000], infinite[-1] = np.nan, -np.inf
    (folder / "text.wav").write_text("This is not a sound. " * 100)
    (folder / "nothing.wav").touch()
    (folder / "folder.wav").mkdir()
    whole = write(folder / "whole.wav", np.tile(tone, 5))
    picture = ["-f", "lavfi", "-i", "color=red:s=64x64:d=1", str(folder / "mute.mp4")]
    subprocess.run([ffmpeg_exe(), "-v", "error", *picture], check=True, stdin=subprocess.DEVNULL)
    m4a = convert(whole, folder / "whole.m4a", "-movflags", "+faststart").read_bytes()
    (folder / "cut.m4a").write_bytes(m4a[: len(m4a) // 2])
    mp3 = bytearray(convert(whole, folder / "whole.mp3").read_bytes())
    mp3[2000:] = np.random.default_rng(0).integers(0, 256, len(mp3) - 2000, np.uint8).tobytes()
    (folder / "noise.flac").write_bytes(bytes(mp3[2000:]))
    return {
        "'gone.wav' does not exist": folder / "gone.wav",
        "'folder.wav' is a folder": folder / "folder.wav",
        "'text.wav' is not a sound or video file": folder / "text.wav",
        "'noise.flac' is not a sound or video file": folder / "noise.flac",
        "'nothing.wav' is empty": folder / "nothing.wav",
        "'no_samples.wav' is empty": write(folder / "no_samples.wav", tone[:0]),
        "'mute.mp4' has no sound track": folder / "mute.mp4",
        "'cut.m4a' is damaged or cut short": folder / "cut.m4a",
        "'short.wav' is shorter than 40 ms": write(folder / "short.wav", tone[:1700]),
        "'nan.wav' holds samples that are not numbers": write(folder / "nan.wav", nan),
        "'inf.wav' holds samples that are not numbers": write(folder / "inf.wav", infinite),
    }


def test_every_problem_is_one_sentence(tmp_path: Path) -> None:
    for sentence, path in bad_files(tmp_path).items():
        with pytest.raises(SoundError) as caught:
            load_sound(path)
        assert sentence in str(caught.value)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_long_sound_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    hours = tmp_path / "hours.flac"
    silence = ["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "10800", str(hours)]
    subprocess.run([ffmpeg_exe(), "-v", "error", *silence], check=True, stdin=subprocess.DEVNULL)
    blocks = []
    with pytest.raises(SoundError, match="longer than the limit of 3 seconds"):
        blocks.extend(stream_sound(hours, max_seconds=3))
    assert len(blocks) <= 3
    with pytest.raises(SoundError, match="longer than the limit of 3 seconds"):
        load_sound(hours, max_seconds=3)


def test_the_limit_itself_is_allowed(wav: Path) -> None:
    assert len(load_sound(wav, max_seconds=2)) == 2 * SAMPLE_RATE
    with pytest.raises(SoundError, match="limit of 1.99 seconds"):
        load_sound(wav, max_seconds=1.99)


def test_leaving_a_stream_stops_the_decoder(wav: Path, monkeypatch) -> None:
    started = []

    class Watched(media.Ffmpeg):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            started.append(self.process)

    monkeypatch.setattr(media, "Ffmpeg", Watched)
    stream = stream_sound(wav)
    next(stream)
    stream.close()
    assert [process.returncode is not None for process in started] == [True]


def test_arrays_of_every_kind_agree() -> None:
    tone = sweep(44100)
    expected = from_array(44100, tone)
    assert abs(delay(expected)) < 0.001 and len(expected) == 2 * SAMPLE_RATE
    kinds = {
        "int16": (tone * 32767).astype(np.int16),
        "int32": (tone * (2**31 - 1)).astype(np.int32),
        "uint8": (tone * 127 + 128).astype(np.uint8),
        "double": tone.astype(float),
        "stereo": np.stack([tone, tone], 1),
    }
    for name, samples in kinds.items():
        error = np.abs(from_array(44100, samples) - expected).max()
        assert error < (0.02 if name == "uint8" else 1e-4), name


def test_file_and_array_take_the_same_path(wav: Path) -> None:
    rate, samples = 48000, soundfile.read(wav, dtype="int16")[0]
    np.testing.assert_array_equal(load_sound(wav), from_array(rate, samples))


@pytest.mark.parametrize(
    ("rate", "samples", "sentence"),
    [
        (16000, np.zeros(0, np.int16), "empty"),
        (16000, np.zeros(600, np.int16), "shorter than 40 ms"),
        (16000, np.full(1000, np.nan), "not numbers"),
        (0, np.zeros(1000), "rate of 1 to"),
        (16000, np.zeros((10, 10, 10)), "expected"),
        (16000, np.array(["a"] * 1000), "expected"),
        (16000, np.zeros(50000), "limit of 3 seconds"),
    ],
)
def test_bad_arrays(rate: int, samples: np.ndarray, sentence: str) -> None:
    with pytest.raises(SoundError, match=sentence):
        from_array(rate, samples, max_seconds=3)


def test_wav_round_trip(tmp_path: Path) -> None:
    sound = np.array([0, 0.5, -1, 1, 2, -2] * 200, np.float32)
    save_wav(tmp_path / "a.wav", sound)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (1, 2, SAMPLE_RATE, 1200)
    np.testing.assert_allclose(load_sound(tmp_path / "a.wav"), np.clip(sound, -1, 1), atol=1e-4)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    monkeypatch.setattr(wave.Wave_write, "writeframes", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_wav(path, np.zeros(1000, np.float32))
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"] and path.read_bytes() == b"old"
