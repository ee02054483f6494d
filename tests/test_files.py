"""What is told of files before any work: that they cannot be read, or written, or would be lost."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_engine import QuickEngine
from films import film

from avatar import Avatar, AvatarError
from avatar.baselines import wav2lip
from avatar.cli import main
from avatar.compare.comparison import compare
from avatar.errors import CaptureError, SoundError
from avatar.files import check_folder, check_places
from avatar.identity import load_identity
from avatar.metrics.convert_syncnet import convert
from avatar.render import engine
from avatar.speech.audio import load_sound, save_wav

KEPT = "is read and would be replaced: choose another name."
HUM = (0.3 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused here is refused before an engine is built."""

    def built(*args: object) -> None:
        pytest.fail("an engine was built first")

    monkeypatch.setattr(engine, "make_engine", built)
    monkeypatch.setattr("avatar.avatar.make_engine", built)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a recording, a film, links to it, and a folder."""
    monkeypatch.chdir(tmp_path)
    save_wav("hum.wav", HUM)
    film(tmp_path / "film.mp4", "-t", "1", "-c", "copy")
    os.symlink("hum.wav", "link.wav")
    os.link("film.mp4", "twin.mp4")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def refused(place: Path, capsys: pytest.CaptureFixture) -> Callable[[str], str]:
    """A function that runs a command, which must change nothing; gives what it says."""

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    def refuse(command: str) -> str:
        before = contents()
        assert main(command.split()) == 1 and contents() == before
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("avatar: ") and told.err.count("\n") == 1
        return told.err.removeprefix("avatar: ").strip()

    return refuse


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("speak --audio hum.wav --out hum.wav", "hum.wav"),
        ("speak --audio hum.wav --out folder/../hum.wav", "folder/../hum.wav"),
        ("speak --audio link.wav --out hum.wav", "hum.wav"),
        ("speak --audio hum.wav --json hum.wav", "hum.wav"),
        ("speak --text Hi. --clip film.mp4 --out twin.mp4", "twin.mp4"),
        ("speak --text Hi. --dub film.mp4 --out film.mp4", "film.mp4"),
        ("speak --batch hum.wav --json hum.wav", "hum.wav"),
        ("compare film.mp4 twin.mp4 --json film.mp4", "film.mp4"),
        ("compare film.mp4 --sound hum.wav --progress hum.wav", "hum.wav"),
        ("prepare film.mp4 capture --json twin.mp4", "twin.mp4"),
        ("prepare film.mp4 capture --transcript hum.wav --progress hum.wav", "hum.wav"),
        ("train folder --run run --config hum.wav --json hum.wav", "hum.wav"),
        ("package folder --run run --out me --consent hum.wav --json hum.wav", "hum.wav"),
        ("table folder --out table --syncnet hum.wav --json hum.wav", "hum.wav"),
    ],
)
def test_no_verb_replaces_what_it_reads(
    refused: Callable[[str], str], command: str, name: str
) -> None:
    assert refused(command) == f"{name} {KEPT}"


@pytest.mark.parametrize(
    "command",
    [
        "speak --text Hi. --out v.mp4 --json v.mp4",
        "speak --text Hi. --out v.mp4 --json v.receipt.json",
        "speak --text Hi. --json v.json --visemes folder/../v.json",
        "export mira --out v --json v",
    ],
)
def test_nothing_is_written_twice(refused: Callable[[str], str], command: str) -> None:
    assert "would be written twice" in refused(command)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("speak --text Hi. --out folder", "folder is a folder"),
        ("speak --text Hi. --json folder", "folder is a folder"),
        ("speak --text Hi. --out v.mp4 --visemes folder.csv", "folder.csv is a folder"),
        ("speak --text Hi. --json /dev/null", "/dev/null is no plain file"),
        ("evaluate mira folder test_a --json folder", "folder is a folder"),
        ("benchmark --progress nowhere/p.json", "The folder nowhere does not exist"),
        ("export mira --out folder", "folder is a folder"),
        ("mash mira --clip-i a --clip-j a --frame-i 0 --frame-j 0 --out folder", "is a folder"),
        ("mash mira --clip-i still --clip-j still --frame-i 0 --frame-j 0 --out m.png --strength 9",
         "Mouth strength should be between 0 and 2"),
        ("stretch mira --out folder", "folder is a folder"),
        ("report mira folder --out hum.wav", "hum.wav is a file, not a folder"),
        ("table folder --out hum.wav/table", "hum.wav is a file, not a folder"),
        ("speak --batch jobs.jsonl --out hum.wav", "hum.wav is a file, not a folder"),
        ("speak --text Hi. --strength 9", "Mouth strength should be between 0 and 2"),
        ("speak --text Hi. --strength nan", "Mouth strength should be between 0 and 2"),
        ("speak --audio folder", "The sound file 'folder' is a folder."),
        ("speak --text Hi. --dub folder", "The video 'folder' is a folder."),
        ("speak --text Hi. --identity=", "No identity is named: give a folder"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_told_before_the_work(
    refused: Callable[[str], str], place: Path, command: str, sentence: str
) -> None:
    (place / "folder.csv").mkdir()
    (place / "jobs.jsonl").write_text('{"text": "Hi.", "out": "v.mp4"}')
    assert sentence in refused(command)


@pytest.mark.parametrize("option", ["--out", "--json", "--visemes"])
def test_a_folder_that_may_not_be_written_to(
    refused: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "folder")
    assert "folder may not be written to" in refused(f"speak --text Hi. {option} folder/v.csv")


def test_a_file_that_may_not_be_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    with pytest.raises(SoundError, match="The sound file 'hum.wav' may not be read"):
        load_sound("hum.wav")
    with pytest.raises(CaptureError, match="The video 'film.mp4' may not be read"):
        compare(["film.mp4"])


def test_a_track_is_json_or_csv(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["speak", "--text", "Hi.", "--visemes", "t.txt"])
    assert end.value.code == 2
    assert "expected a name that ends with .json or .csv" in capsys.readouterr().err


def test_the_library_replaces_nothing_that_it_reads(place: Path) -> None:
    avatar, before = Avatar(load_identity("mira"), QuickEngine()), Path("film.mp4").read_bytes()
    calls = [
        lambda: avatar.speak("hum.wav", out="hum.wav"),
        lambda: avatar.speak(Path("hum.wav"), out="link.wav"),
        lambda: avatar.speak("Hi.", clip="film.mp4", out="twin.mp4"),
        lambda: next(avatar.perform("film.mp4", out=place / "film.mp4")),
        lambda: avatar.dub("film.mp4", "Hi.", out="film.mp4"),
        lambda: avatar.dub("film.mp4", "hum.wav", out="hum.wav"),
    ]
    for call in calls:
        with pytest.raises(AvatarError, match=KEPT):
            call()
    assert Path("film.mp4").read_bytes() == before and Path("hum.wav").read_bytes()[:4] == b"RIFF"


def test_a_text_and_a_clip_are_no_files(place: Path) -> None:
    """Nor is a name that no file can have: they do not stand in anybody's way."""
    check_places(["v.mp4"], ["Hi.", "a" * 5_000, "zero\0byte", "gone.wav"])
    check_folder("a/new/folder")


def test_other_programs_replace_nothing_that_they_read(place: Path) -> None:
    sound, video = Path("hum.wav"), Path("film.mp4")
    with pytest.raises(AvatarError, match=KEPT):
        wav2lip.dub(video, sound, "weights", video)
    with pytest.raises(AvatarError, match=KEPT):
        convert(sound, Path("link.wav"))
    (place / "folder" / "side_by_side.mp4").hardlink_to(video)
    with pytest.raises(AvatarError, match=KEPT):
        compare([video], report="folder")
