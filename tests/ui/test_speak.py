"""The handlers, called as plain functions."""

import json
from dataclasses import asdict
from pathlib import Path

import gradio as gr
import pytest

from avatar.render.receipt import Receipt
from avatar.speech import tts
from avatar.speech.audio import load_sound
from avatar.speech.visemes import VisemeTrack
from avatar.ui import request
from avatar.ui.controls import TEXTS, languages, voices_of
from avatar.ui.speak import Handlers


@pytest.fixture
def handlers(backstage) -> Handlers:
    return Handlers(backstage)


def test_a_text_gives_pictures_then_the_video_and_its_files(handlers):
    first, *_, last = handlers.speak(text="Hi.", voice="en-us", strength=0.5)
    assert first[:3] == (None, None, None)
    assert Path(first[3]).suffix == ".jpg"
    video, info, files, preview, status, timeline = last
    assert Path(video).read_bytes()[4:8] == b"ftyp"
    assert info["frames"] == pytest.approx(info["seconds"] * 25)
    assert info["labelled"] and info["voice"] == "en-us" and info["clip"]
    assert json.dumps(info) and Path(preview).exists()
    assert "real time" in status and "<svg" in timeline
    receipt = Receipt.load(files[-1])
    assert json.loads(json.dumps(asdict(receipt))) == json.loads(json.dumps(info["receipt"]))
    assert receipt.passed and receipt.frames == info["frames"] and receipt.line in status
    tracks = [VisemeTrack.load(path) for path in files[:2]]
    assert len(tracks[0]) == len(tracks[1]) == info["frames"]
    assert len(load_sound(files[2])) == pytest.approx(info["seconds"] * 16_000, abs=640)


def test_a_recording_has_no_wav_of_its_own(handlers, tmp_path):
    from avatar.speech.audio import save_wav

    path = tmp_path / "a.wav"
    save_wav(path, tts_sound())
    *_, last = handlers.speak(audio=str(path), label=False)
    assert [Path(f).suffix for f in last[2]] == [".json", ".csv", ".json"]
    assert last[1]["voice"] is None and not last[1]["labelled"]


def tts_sound():
    return next(tts.speak("Yes.", "en-us")).sound


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "nothing to say"),
        ({"text": "  "}, "nothing to say"),
        ({"text": "a", "audio": "b.wav"}, "leave one"),
        ({"text": "?!"}, "no words"),
        ({"text": "a" * 2001}, "2001 characters"),
        ({"text": "Hi.", "voice": "xx-nowhere"}, "voice"),
        ({"text": "Hi.", "voice": "somebody/their-model"}, "no voice"),
        ({"text": "Hi.", "rate": 9}, "rate"),
        ({"text": "Hi.", "strength": 9}, "strength"),
        ({"text": "Hi.", "clip": "../x"}, "no clip"),
        ({"text": "Hi.", "identity": "../../x"}, "no identity"),
        ({"audio": "/nowhere/a.wav"}, "a.wav"),
        ({"text": "Hi.", "film": "/nowhere/f.mp4"}, "f.mp4"),
        ({"text": "Hi.", "film_use": "burn"}, "follow"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(
    handlers, jobs_left, arguments, sentence
):
    before = jobs_left()
    with pytest.raises(gr.Error, match=sentence) as caught:
        list(handlers.speak(**arguments))
    assert not caught.value.print_exception
    assert jobs_left() == before


def test_a_recording_may_not_be_as_large_as_a_film(handlers, tmp_path, monkeypatch):
    monkeypatch.setattr(request, "SOUND_MB", 0)
    path = tmp_path / "long.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(gr.Error, match="long.wav is larger than 0 MB"):
        list(handlers.speak(audio=str(path)))


def test_the_chosen_side_decides_when_both_are_filled(handlers):
    with pytest.raises(gr.Error, match="gone.wav"):
        list(handlers.speak(audio="/gone.wav", text="Hi.", side="audio"))
    job = handlers.speak(audio="/gone.wav", text="Hi.", side="text")
    assert next(job)[3]
    job.close()


def test_markup_in_an_error_stays_text(handlers):
    with pytest.raises(gr.Error) as caught:
        list(handlers.speak(text="Hi.", clip="<img src=x onerror=alert(1)>"))
    assert "<img" not in caught.value.message


def test_an_abandoned_job_leaves_nothing(handlers, jobs_left):
    before = jobs_left()
    job = handlers.speak(text="This is a rather long sentence, which nobody waits for.")
    while "Rendering" not in next(job)[4]:
        pass
    job.close()
    assert jobs_left() == before


def test_a_bug_is_an_apology_and_a_log_entry(handlers, monkeypatch, caplog):
    monkeypatch.setattr(handlers.backstage, "avatar", lambda name: 1 / 0)
    with pytest.raises(gr.Error, match="Sorry") as caught:
        list(handlers.speak(text="Hi."))
    assert "zero" not in caught.value.message
    assert "ZeroDivisionError" in caplog.text


def test_every_example_has_its_voice():
    codes = [code for _, code in languages()]
    for _, language, _ in TEXTS:
        assert language in codes and voices_of(language)


def test_the_head_follows_a_film_which_is_shown_first(handlers, mira_film):
    film = mira_film("dance.mp4")
    *_, shown = handlers.follow(film)
    assert "data:image/webp" in shown
    *_, last = handlers.speak(text="Yes.", film=film)
    assert last[1]["film"] == "dance.mp4" and last[1]["clip"] is None
    assert Path(last[0]).read_bytes()[4:8] == b"ftyp"


def test_a_film_gets_the_new_words(handlers, mira_film):
    *_, last = handlers.speak(text="Yes.", film=mira_film("old.mp4"), film_use="dub")
    assert last[1]["film"] == "old.mp4" and Path(last[0]).read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("use", ["follow", "dub"])
def test_a_file_that_is_no_film_is_one_sentence(handlers, jobs_left, tmp_path, use):
    path, before = tmp_path / "song.mp4", jobs_left()
    path.write_bytes(b"no song" * 99)
    with pytest.raises(gr.Error, match="song.mp4"):
        list(handlers.speak(text="Yes.", film=str(path), film_use=use))
    assert jobs_left() == before


def test_without_a_film_to_follow_nothing_is_shown(handlers):
    assert list(handlers.follow(None)) == list(handlers.follow("a.mp4", "dub")) == [""]


def test_only_who_has_an_avatar_is_offered_it(handlers):
    mine = "0" * 32
    shown = handlers.people(mine, mine)
    assert shown.value == handlers.backstage.names[0]
    assert [value for _, value in shown.choices] == handlers.backstage.names
