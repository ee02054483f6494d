import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil
import pytest
from fake_capture import make_capture
from fake_engine import QuickEngine
from masher import make_masher

from avatar.cli import main
from avatar.render import engine, video
from avatar.render.receipt import Receipt
from avatar.speech.audio import save_wav
from avatar.speech.visemes import VisemeTrack

TESTS = Path(__file__).resolve().parent


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mira whose pictures cost nothing: her rendering is tested elsewhere."""
    monkeypatch.setattr(engine, "make_engine", lambda *args: QuickEngine())


def test_a_process_of_its_own_tells_a_problem_in_one_line() -> None:
    command = [sys.executable, "-m", "avatar", "speak", "--audio", "missing.wav"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "avatar: The sound file 'missing.wav' does not exist.\n"


def test_speak_writes_the_video_the_visemes_and_the_facts(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, facts, visemes = (tmp_path / name for name in ("v.mp4", "v.json", "v.csv"))
    arguments = ["speak", "--text", "Yes.", "--out", str(out), "--clip", "still"]
    assert main([*arguments, "--json", str(facts), "--visemes", str(visemes)]) == 0
    result = json.loads(facts.read_text())
    assert out.read_bytes()[4:8] == b"ftyp" and result["path"] == str(out)
    assert result["frames"] == len(VisemeTrack.load(visemes)) == result["seconds"] * 25
    assert (result["identity"], result["visemes_from"]) == ("mira", "tts")
    assert result["receipt"] == json.loads((tmp_path / "v.receipt.json").read_text())
    assert Receipt.load(tmp_path / "v.receipt.json").line in capsys.readouterr().out


QUICK = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
from fake_engine import QuickEngine
from avatar.render import engine
engine.make_engine = lambda *args: QuickEngine()
runpy.run_module("avatar", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_told_to_end_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    paths = os.pathsep.join(map(str, (TESTS, TESTS.parent)))
    arguments = ["speak", "--text", "And so on, and so on. " * 80, "--out", str(out / "v.mp4")]
    speaking = subprocess.Popen(
        [sys.executable, "-c", QUICK, *arguments], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": paths},
    )  # fmt: skip
    while not list(out.iterdir()):
        assert speaking.poll() is None, speaking.stderr.read()
        time.sleep(0.01)
    encoders = psutil.Process(speaking.pid).children(recursive=True)
    assert encoders and list(scratch.glob("avatar-*"))
    speaking.send_signal(number)
    assert speaking.communicate()[1] == "avatar: interrupted\n" and speaking.returncode == code
    assert not list(out.iterdir()) and not list(scratch.glob("avatar-*"))
    assert not any(encoder.is_running() for encoder in encoders)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    output, full = video._output, Path("/dev/full")
    monkeypatch.setattr(video, "_output", lambda _, *more: ["-y", *output(full, *more)])
    assert main(["speak", "--text", "Yes.", "--out", str(tmp_path / "v.mp4")]) == 1
    told = capsys.readouterr().err
    assert told == "avatar: The video could not be written because the disk is full.\n"
    assert not list(tmp_path.iterdir())


def test_the_page_listens_on_ipv6_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = str(free.getsockname()[1])
    told = tmp_path / "told.txt"
    with told.open("w") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "avatar", "serve", "--host", "::1", "--port", port,
             "--no-training"],
            stdout=log, stderr=log, cwd=TESTS.parent, start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        while f"http://[::1]:{port}" not in told.read_text():
            assert serving.poll() is None, told.read_text()
            time.sleep(0.05)
        assert "Avatar" in httpx.get(f"http://[::1]:{port}/", timeout=60).text
    finally:
        with suppress(ProcessLookupError):
            os.killpg(serving.pid, signal.SIGKILL)
        serving.wait()


def test_a_text_is_never_taken_for_a_file(quick: None, tmp_path: Path) -> None:
    out = tmp_path / "v.mp4"
    assert main(["speak", "--text", "Listen to song.mp3", "--out", str(out)]) == 0
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--text", "😀🎉"], "The text has no words to say"),
        (["--text", "Hi.", "--strength", "9"], "Mouth strength should be between 0 and 2"),
        (["--text", "Hi.", "--rate", "9"], "The rate must be between 0.5 and 2"),
        (["--text", "Hi.", "--pitch", "nan"], "The pitch must be between 0.5 and 2"),
        (["--text", "Hi.", "--voice", "klingon"], "There is no voice 'klingon'"),
        (["--text", "Hi.", "--clip", "dance"], "There is no clip 'dance'"),
        (["--text", "Hi.", "--clip", "dance.mp4"], "The video 'dance.mp4' does not exist"),
        (["--text", "Hi.", "--json", "/no/such/r.json"], "The folder /no/such does not exist"),
        (["--text", "Hi.", "--visemes", "/no/such/v.csv"], "The folder /no/such does not exist"),
        (["--text", "Hi.", "--out", "/no/such/v.mp4"], "The folder /no/such does not exist"),
        (["--text", "Hi.", "--out", "."], "is a folder"),
    ],
)
def test_problems_are_told_in_one_sentence(
    quick: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["speak", *arguments]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("avatar: ") and told.err.count("\n") == 1 and sentence in told.err
    assert told.out == "" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--audio", "missing.wav"], "The sound file 'missing.wav' does not exist"),
        (["--audio", "text.wav"], "'text.wav'"),
        (["--audio", "hum.wav", "--transcript", "Volcanic dinosaurs of Peru"], "transcript"),
        (["--text", "Hi.", "--voice", "klingon"], "There is no voice 'klingon'"),
        (["--text", "Hi.", "--clip", "dance"], "There is no clip 'dance'"),
        (["--text", "Hi.", "--clip", "dance.mp4"], "The video 'dance.mp4' does not exist"),
        (["--text", "Hi.", "--clip", "text.wav"], "'text.wav' is not a video"),
        (["--text", "Hi.", "--dub", "film.mp4"], "The video 'film.mp4' does not exist"),
        (["--text", "Hi.", "--out", "no/such/v.mp4"], "The folder no/such does not exist"),
    ],
)
def test_what_is_refused_is_refused_before_an_engine_is_built(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    sentence: str,
) -> None:
    def built(*args: object) -> None:
        pytest.fail("an engine was built first")

    monkeypatch.setattr(engine, "make_engine", built)
    monkeypatch.setattr("avatar.avatar.make_engine", built)
    monkeypatch.chdir(tmp_path)
    save_wav(tmp_path / "hum.wav", (0.3 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32))
    (tmp_path / "text.wav").write_text("This is a text, whatever its name says.\n" * 50)
    assert main(["speak", *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_a_wrong_transcript_is_told(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sound = tmp_path / "hum.wav"
    save_wav(sound, (0.3 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32))
    arguments = ["speak", "--audio", str(sound), "--transcript", "Volcanic dinosaurs of Peru"]
    assert main([*arguments, "--out", str(tmp_path / "v.mp4")]) == 1
    assert "transcript" in capsys.readouterr().err and list(tmp_path.iterdir()) == [sound]


@pytest.fixture(scope="module")
def masher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_masher(tmp_path_factory.mktemp("masher") / "mira")


MASH = ["--clip-i", "lively", "--frame-i", "40", "--clip-j", "still", "--frame-j", "7"]


def test_mash_writes_a_sheet_of_pictures(masher: Path, tmp_path: Path) -> None:
    out, facts = tmp_path / "mash.png", tmp_path / "mash.json"
    assert main(["mash", str(masher), *MASH, "--out", str(out), "--json", str(facts)]) == 0
    assert cv2.imread(str(out)).shape == (2 * 552, 3 * 512, 3)
    result = json.loads(facts.read_text())
    assert result["pose_distance_degrees"] > 0 and result["rendered"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--frame-j", "375"], "The clip still has the frames 0 to 374, not 375"),
        (["--clip-i", "dance"], "There is no clip 'dance'"),
        (["--max-distance", "0.1"], "more than the 0.1 allowed"),
        (["--strength", "9"], "Mouth strength should be between 0 and 2"),
        (["--strength", "nan"], "Mouth strength should be between 0 and 2"),
        (["--out", "/no/such/mash.png"], "The folder /no/such does not exist"),
    ],
)
def test_what_cannot_be_mashed_is_told(
    masher: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    sentence: str,
) -> None:
    out = tmp_path / "mash.png"
    assert main(["mash", str(masher), *MASH, "--out", str(out), *arguments]) == 1
    assert sentence in capsys.readouterr().err and not out.exists()


def test_stretch_writes_a_sheet_of_drawings_none_of_which_leaves_the_hull(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("avatar.render.engine.make_engine", lambda *_: QuickEngine())
    out, facts = tmp_path / "sheet.png", tmp_path / "sheet.json"
    assert main(["stretch", "mira", "--out", str(out), "--json", str(facts)]) == 0
    assert cv2.imread(str(out)).shape == (4 * 276, 6 * 256, 3)
    result = json.loads(facts.read_text())
    assert result["frames"] == 375 and result["frames_outside"] > 100 and result["pulled_px"] > 20
    assert max(result["left_px"].values()) < 0.3 and "outline" in result["left_px"]


def test_what_cannot_be_stretched_is_told(
    masher: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (masher / "seen.safetensors").unlink(missing_ok=True)
    out = tmp_path / "sheet.png"
    assert main(["stretch", str(masher), "--out", str(out)]) == 1
    assert "has no seen drawings" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_nothing_is_not_benchmarked(seconds: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["benchmark", "--seconds", seconds]) == 1
    assert "too short" in capsys.readouterr().err


def test_evaluate_writes_its_figures(tmp_path: Path) -> None:
    capture = make_capture(tmp_path / "capture", {"test_a": range(4)})
    report = tmp_path / "scores.json"
    assert main(["evaluate", "mira", str(capture), "test_a", "--json", str(report)]) == 0
    wanted = "psnr ssim mouth_psnr mouth_ssim dlip_px dlip_iod offset_frames frames"
    scores = json.loads(report.read_text())
    assert set(wanted.split()) <= set(scores) and scores["frames"] == 4


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["speak"], ["speak", "--text", "a", "--audio", "b"], ["train"]]
)
def test_wrong_arguments_are_2(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb", ["speak", "serve", "mash", "stretch", "train", "evaluate", "benchmark", "export"]
)
def test_every_verb_has_help_and_json(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0 and "--json FILE" in capsys.readouterr().out
