"""Finished files, looked at again: real frames of Mira, in time and out of time in every way."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fake_engine import PlainEngine
from films import film

from avatar import Avatar
from avatar.errors import RenderError
from avatar.metrics import lip_check
from avatar.metrics.inspection import inspection
from avatar.metrics.lip_check import OPENING, PIECE_S, PIECES, Mouth
from avatar.render.receipt import Receipt, receipt_path
from avatar.render.video import Video
from avatar.speech.speech import Speech
from avatar.speech.visemes import SILENCE

HELLO = Path(__file__).parents[2] / "examples" / "hello.wav"
FPS = Fraction(25)


class Replay(PlainEngine):
    """An engine that shows frames that are there already, some of them late."""

    name, batch = "replay", 8

    def __init__(self, frames: np.ndarray, late: int = 0):
        numbers = np.clip(np.arange(len(frames)) - late, 0, len(frames) - 1)
        self._rest = iter(frames[numbers])

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        return np.stack([next(self._rest) for _ in drawings])


@pytest.fixture(scope="module")
def mira() -> Avatar:
    return Avatar.load("mira")


@pytest.fixture(scope="module")
def speech(mira: Avatar) -> Speech:
    return mira.speech(HELLO)


@pytest.fixture(scope="module")
def frames(mira: Avatar, speech: Speech) -> np.ndarray:
    return np.stack([*mira.stream(speech, clip="still")[1]])


@pytest.fixture(scope="module")
def good(mira: Avatar, speech: Speech, frames: np.ndarray, tmp_path_factory) -> Video:
    out = tmp_path_factory.mktemp("good") / "hello.mp4"
    return Avatar(mira.identity, Replay(frames)).speak(speech, clip="still", out=out)


@pytest.fixture
def look(mira: Avatar, speech: Speech) -> Callable[[Path], Receipt]:
    return inspection(FPS, speech.sound, Mouth.of(mira.identity, speech.track))


def test_a_good_video_has_a_receipt_beside_it(good: Video, speech: Speech):
    receipt = good.receipt
    assert abs(receipt.offset_ms) < 20 and receipt.correlation > 0.75
    assert receipt.offset_frames == pytest.approx(receipt.offset_ms / 40, abs=0.01)
    assert receipt.frames == len(speech.track) and receipt.frames_dropped == 0
    assert receipt.length_error_ms == pytest.approx(1000 * (good.seconds - speech.seconds), abs=1)
    assert receipt.sound_late_ms == pytest.approx(0, abs=1) and receipt.silence == "closed"
    assert receipt.passed and not receipt.reasons and not receipt.notes
    assert good.path.with_name("hello.receipt.json") == receipt_path(good.path)
    assert Receipt.load(receipt_path(good.path)) == receipt
    assert json.loads(json.dumps(asdict(receipt)))["offset_ms"] == receipt.offset_ms
    assert "In sync" in receipt.line and "closed in silence, no frame lost" in receipt.line


@pytest.mark.parametrize(("late", "word"), [(2, "late"), (-2, "early")])
def test_an_engine_out_of_time_fails_and_loses_nothing(
    mira: Avatar, speech: Speech, frames: np.ndarray, tmp_path: Path, late: int, word: str
):
    older = {"v.mp4": "older", "v.receipt.json": "its receipt"}
    for name, text in older.items():
        (tmp_path / name).write_text(text)
    slow = Avatar(mira.identity, Replay(frames, late))
    with pytest.raises(RenderError, match=rf"lips are \d+ ms {word}, more than a frame") as told:
        slow.speak(speech, clip="still", out=tmp_path / "v.mp4")
    assert str(told.value).endswith(".") and "\n" not in str(told.value)
    assert abs(abs(late) * 40 - int(str(told.value).split("lips are ")[1].split()[0])) < 20
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == older


def test_one_frame_late_is_told_and_kept(
    mira: Avatar, speech: Speech, frames: np.ndarray, tmp_path: Path
):
    slow = Avatar(mira.identity, Replay(frames, 1))
    assert 25 < slow.speak(speech, clip="still", out=tmp_path / "v.mp4").receipt.offset_ms < 50


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("-vf", "select=not(between(n\\,40\\,42))", "-c:a", "copy"), "it lacks 3 of its frames"),
        (("-af", "atrim=end=3.2", "-c:v", "copy"), r"picture is 7\d\d ms longer than its sound"),
        (("-af", "adelay=120,atrim=end=3.9", "-c:v", "copy"), "its sound is 120 ms late"),
        (("-af", "atrim=start=0.1,apad=pad_dur=0.1,asetpts=N/SR/TB", "-c:v", "copy"),
         "its sound is 100 ms early"),
        (("-af", "areverse", "-c:v", "copy"), "its sound is not the one that was given"),
        (("-vf", "setpts=PTS+0.2/TB", "-c:a", "copy"), "its lips are 2\\d\\d ms late"),
    ],
)  # fmt: skip
def test_what_went_wrong_on_the_way_to_the_file_is_found(
    good: Video, look: Callable, tmp_path: Path, change: tuple[str, ...], sentence: str
):
    spoilt = film(tmp_path / "v.mp4", *change, source=good.path)
    with pytest.raises(RenderError, match=sentence):
        look(spoilt)


def test_a_good_copy_passes(good: Video, look: Callable, tmp_path: Path):
    again = look(film(tmp_path / "v.mp4", "-crf", "30", "-c:a", "copy", source=good.path))
    assert again.offset_ms == pytest.approx(good.receipt.offset_ms, abs=12)


def test_nothing_to_measure_is_said_and_passes(mira: Avatar, tmp_path: Path):
    video = mira.speak(np.zeros(9_600, np.float32), clip="still", out=tmp_path / "v.mp4")
    receipt = video.receipt
    assert receipt.passed and receipt.offset_ms is None and receipt.offset_frames is None
    assert receipt.silence == "closed" and receipt.sound_late_ms is None
    assert receipt.line.startswith("Sync not measured: the mouth is to stay closed")
    assert "silent" in receipt.notes[0] and receipt.lips_read_s == pytest.approx(0.6)


def test_open_lips_in_silence_are_told(
    mira: Avatar, speech: Speech, frames: np.ndarray, tmp_path: Path
):
    """And with grey pictures, of which nothing can be read, nothing fails."""
    widest = int(np.argmax(speech.track.values[:, :21] @ [*OPENING.values()]))
    silent = replace(
        speech, sound=np.zeros(12_800, np.float32),
        track=replace(speech.track, values=np.tile(SILENCE, (20, 1))),
    )  # fmt: skip
    talker = Avatar(mira.identity, Replay(np.repeat(frames[widest : widest + 1], 20, axis=0)))
    receipt = talker.speak(silent, clip="still", out=tmp_path / "v.mp4").receipt
    assert receipt.passed and receipt.silence == "open" and receipt.open_s > 0.7
    assert "open in silence for 0.8 s" in receipt.line
    grey = Avatar(mira.identity, Replay(np.full_like(frames, 128)))
    receipt = grey.speak(speech, clip="still", out=tmp_path / "v.mp4").receipt
    assert receipt.passed and receipt.offset_ms is None and "clearly" in receipt.why


def test_without_a_mouth_lengths_and_frames_are_told(good: Video, speech: Speech):
    receipt = inspection(FPS, speech.sound, "many faces are in it")(good.path)
    assert receipt.passed and receipt.silence == "not read" and receipt.lips_read_s == 0
    assert receipt.line.startswith("Sync not measured: many faces are in it; length")


def test_a_long_film_costs_no_more(mira: Avatar, speech: Speech):
    """Of half an hour some seconds are read, from all of it, and a pause."""
    values = np.tile(speech.track.values, (45_000 // len(speech.track), 1))
    mouth = Mouth.of(mira.identity, replace(speech.track, values=values))
    chosen = np.flatnonzero(lip_check._chosen(mouth, mouth.silent, FPS))
    assert len(chosen) <= (PIECES[1] * PIECE_S + lip_check.SILENT_READ_S) * FPS
    assert mouth.silent[chosen].sum() >= 10
    assert all((chosen // (len(values) / 4)).astype(int).tolist().count(n) > 20 for n in range(4))


def test_only_what_is_sure_is_told(speech: Speech):
    asked = speech.track.values[:, :21] @ np.array([*OPENING.values()])
    noise = np.random.default_rng(0).normal(0, 2, len(asked))
    assert lip_check._offset(np.roll(asked, 4) + noise, asked, FPS)[0] == pytest.approx(4, abs=0.4)
    for read in (noise, np.roll(asked, 4) + 5 * noise, np.full(len(asked), 9.0)):
        assert lip_check._offset(read, asked, FPS)[0] is None
    assert lip_check._offset(np.full(len(asked), np.nan), asked, FPS)[2] == (
        "the new mouth is never seen in full"
    )
    short = slice(15, 25)
    assert lip_check._offset(asked[short], asked[short], FPS)[2] == "too little is said"


def test_a_mouth_in_a_film_of_another_size_and_rate(mira: Avatar, speech: Speech):
    own = Mouth.of(mira.identity, speech.track)
    there = Mouth.of(
        mira.identity, speech.track, fps=Fraction(50), place=(100, 40, 0.5),
        shown=np.ones(2 * len(speech.track), bool),
    )  # fmt: skip
    assert own.square[2] == 192 and own.canvas == 1
    assert there.square == (182, 168, 96) and there.canvas == 2
    middle = (there.openings[::2] + there.openings[1::2]) / 2
    assert np.abs(middle - own.openings)[2:-2].mean() < 0.6


def test_a_receipt_is_read_or_refused(tmp_path: Path):
    (tmp_path / "v.receipt.json").write_text("{}")
    with pytest.raises(RenderError, match=r"v\.receipt\.json is not a receipt"):
        Receipt.load(tmp_path / "v.receipt.json")
