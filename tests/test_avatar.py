import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_engine import QuickEngine
from films import film

from avatar import Avatar, AvatarError
from avatar.avatar import _names_file
from avatar.errors import CaptureError, ClipError, SoundError, TextError
from avatar.identity import load_identity
from avatar.media import ffmpeg_exe
from avatar.render.receipt import receipt_path
from avatar.render.stretching import stretched
from avatar.speech.audio import save_wav
from avatar.timing import frame_count


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return Avatar(load_identity("mira"), QuickEngine())


@pytest.fixture
def hum() -> np.ndarray:
    return (0.3 * np.sin(np.arange(16_001) * 0.1)).astype(np.float32)


def files_under(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.iterdir()}


def test_import_is_light() -> None:
    code = "import avatar, sys; avatar.Avatar; sys.exit('gradio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import avatar, sys; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_resolve() -> None:
    import avatar

    assert all(getattr(avatar, name) is not None for name in avatar.__all__)
    assert set(avatar.__all__) <= set(dir(avatar))
    with pytest.raises(AttributeError):
        avatar.nothing  # noqa: B018


def test_a_text_becomes_a_video(tmp_path: Path) -> None:
    """The real Mira, the real voice, the real encoder."""
    mira = Avatar.load("mira")
    video = mira.speak("Hi.", out=tmp_path / "hi.mp4", label=True)
    speech = video.speech
    assert video.frames == len(speech.track) == frame_count(len(speech.sound), video.fps)
    assert speech.source == "tts" and abs(video.seconds - speech.seconds) < 0.04
    command = [ffmpeg_exe(), "-v", "error", "-i", video.path, "-f", "ffmetadata", "-"]
    tags = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "AI-generated" in tags and "identity=mira" in tags and "software=Avatar 0." in tags


def test_a_sound_file_a_path_and_an_array_are_the_same(
    avatar: Avatar, hum: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "hum.wav"
    save_wav(path, hum)
    videos = [avatar.speak(source, out=tmp_path / "v.mp4") for source in (path, str(path), hum)]
    assert [v.frames for v in videos] == [26, 26, 26]
    for video in videos:
        np.testing.assert_allclose(video.speech.sound, hum, atol=1e-4)


def test_speech_can_be_edited_and_shown(avatar: Avatar, tmp_path: Path) -> None:
    speech = avatar.speech("Hello there.")
    closed = avatar.speech(speech, strength=0)
    assert speech.track.values[:, 21].max() > 0.3 and closed.track.values[:, 21].max() == 0
    assert avatar.speak(speech, out=tmp_path / "v.mp4").frames == len(speech.track)


def test_stream_gives_speech_at_once_and_frames_on_demand(avatar: Avatar) -> None:
    speech, frames = avatar.stream("Hello there.", clip="still")
    shown = [frame.copy() for frame in frames]
    assert len(shown) == len(speech.track)
    levels = (255 * np.clip(speech.track.values[:, 21], 0, 1)).astype(np.uint8)
    assert [frame[0, 0, 0] for frame in shown] == list(levels)


def test_progress_is_told_and_may_cancel(avatar: Avatar, hum: np.ndarray, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    avatar.speak(hum, out=tmp_path / "v.mp4", progress=lambda *step: steps.append(step))
    assert steps[0] == ("speech", 0, 1) and steps[-1] == ("render", 26, 26)
    before = files_under(tmp_path)

    def cancel(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        avatar.speak(hum, out=tmp_path / "other.mp4", progress=cancel)
    assert files_under(tmp_path) == before


def test_a_closed_performance_leaves_nothing(
    avatar: Avatar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    performance = avatar.perform("Hello there, how are you?", out=tmp_path / "v.mp4")
    frames = (step.frame for step in performance if step.frame is not None)
    assert next(frames).shape == (512, 512, 3)
    performance.close()
    assert os.listdir(tmp_path) == ["temporary"] and not os.listdir(tmp_path / "temporary")


def test_without_a_name_the_video_goes_to_the_temporary_folder(
    avatar: Avatar, hum: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    video = avatar.speak(hum)
    assert files_under(tmp_path) == {video.path, receipt_path(video.path)}


def test_motion_of_others_is_pulled_to_what_was_seen(
    avatar: Avatar, hum: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own clips are drawn as they are; others may ask for more than the network has learnt."""
    own, drawn = avatar.identity.clip("lively"), []

    class Sketcher(QuickEngine):
        def __call__(self, drawings: np.ndarray, features: np.ndarray) -> np.ndarray:
            drawn.append(drawings[0].copy())
            return super().__call__(drawings, features)

    sketched = Avatar(avatar.identity, Sketcher())
    far = stretched(own, avatar.identity.seen(), 2)
    for clip, expected in ((own, own), (far, avatar.identity.seen().pull(far).clip)):
        drawn.clear()
        sketched.speak(hum, clip=clip, out=tmp_path / "v.mp4")
        assert np.array_equal(drawn[0], expected.drawing(0, avatar.identity.config.style))
    assert len(caplog.messages) == 1 and "lively-stretched leaves the drawings" in caplog.text


def test_a_video_moves_the_head(avatar: Avatar, hum: np.ndarray, tmp_path: Path) -> None:
    head, steps = film(tmp_path / "head.mp4", "-t", "2"), []
    video = avatar.speak(
        hum, clip=head, out=tmp_path / "v.mp4", progress=lambda *step: steps.append(step)
    )
    assert video.frames == 26 and {"speech", "look", "render"} == {stage for stage, *_ in steps}
    assert ("look", 25, 25) in steps
    speech, frames = avatar.stream(hum, clip=str(head))
    assert sum(1 for _ in frames) == len(speech.track)


@pytest.mark.parametrize(
    ("source", "options", "kind"),
    [
        ("missing.wav", {}, SoundError),
        ("/no/such/talk.MP3", {}, SoundError),
        (Path("missing"), {}, SoundError),
        ("", {}, TextError),
        (np.zeros((2, 100), np.float32), {}, SoundError),
        ("Hello.", {"clip": "dancing"}, ClipError),
        ("Hello.", {"clip": "missing.mp4"}, CaptureError),
        ("Hello.", {"clip": Path(__file__)}, CaptureError),
        ("Hello.", {"voice": "klingon-9"}, AvatarError),
        ("Hello.", {"strength": 5}, AvatarError),
        ("Hello.", {"out": "/no/such/folder/v.mp4"}, AvatarError),
    ],
)
def test_mistakes_are_one_sentence(
    avatar: Avatar, source: object, options: dict, kind: type[AvatarError]
) -> None:
    with pytest.raises(kind) as error:
        avatar.speak(source, **options)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_texts_are_not_taken_for_files() -> None:
    for text in ("Hello.", "Say it. Now", "a\nb.wav", "x" * 5000, "nul\0"):
        assert not _names_file(text)
    assert _names_file("talk.wav") and _names_file(__file__)
