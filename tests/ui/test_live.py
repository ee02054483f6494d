"""The Live tab's handlers, called as plain functions, with an engine that costs nothing."""

import threading
import time
from base64 import b64encode
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from fake_engine import QuickEngine

from avatar.avatar import Avatar
from avatar.render.scheduler import Scheduler
from avatar.render.session import LiveSession
from avatar.speech.audio import LiveSound, load_sound
from avatar.ui import answer
from avatar.ui.backstage import Backstage
from avatar.ui.controls import EXAMPLES
from avatar.ui.live import Handlers
from avatar.ui.live_room import LiveRoom
from avatar.ui.workshop import Workshop


@pytest.fixture(scope="module")
def quick(uploads, tmp_path_factory):
    """Whom a quick engine renders, one visitor at a time."""
    backstage = Backstage(workshop=Workshop(tmp_path_factory.mktemp("workshop")))
    person = Avatar(backstage.identity(), QuickEngine())
    backstage.avatar = lambda name="": person
    backstage.live = LiveRoom(backstage.avatar, limit=1)
    yield backstage
    backstage.live.close()
    backstage.workshop.close()


@pytest.fixture
def handlers(quick) -> Handlers:
    return Handlers(quick)


def sounds(run) -> list[bytes]:
    """The segments of a run, in which things are heard."""
    return [chunk["data"] for chunk, _ in run if "data" in chunk]


def heard(parts: list[bytes], folder: Path) -> np.ndarray:
    """What is heard in segments that are joined."""
    path = folder / "joined.ts"
    path.write_bytes(b"".join(parts))
    return load_sound(path)


def test_a_text_is_said_in_whole_segments(handlers, jobs_left, tmp_path):
    before = jobs_left()
    run = [chunk for chunk, _ in handlers.say("Hello, this is said as you watch.")]
    chunks = [chunk for chunk in run if "data" in chunk]
    assert {chunk["duration"] for chunk in chunks} == {13 / 25} and len(chunks) >= 5
    said = heard([chunk["data"] for chunk in chunks], tmp_path)
    assert abs(said[:16_000]).max() > 0.1
    assert abs(said[-3200:]).max() < 0.01  # she listens again
    assert jobs_left() == before


def test_status_tells_how_far_it_is_and_the_stream_opens_with_two_segments(handlers):
    (first, finding), (second, made), *_, (last, facts) = handlers.say("Yes.")
    assert first == last == gr.skip() and second["extension"] == ".ts"
    assert "voice" in finding and "1 s" in made and "made in" in facts


@pytest.mark.parametrize(
    ("text", "voice", "sentence"),
    [("  ", "en-us", "no text"), ("a" * 2001, "en-us", "2001"), ("Hi.", "xx", "voice")],
)
def test_what_cannot_be_said_is_one_sentence_and_frees_the_place(
    handlers, jobs_left, text, voice, sentence
):
    before = jobs_left()
    with pytest.raises(gr.Error, match=sentence):
        list(handlers.say(text, voice))
    assert jobs_left() == before
    assert sounds(handlers.say("Yes."))


def test_who_comes_second_is_told_so_and_comes_next(handlers):
    first, second = handlers.say("One, two, three, four, five."), handlers.say("Me too.")
    while "data" not in next(first)[0]:
        pass
    next(second)
    skipped, told = next(second)
    assert skipped == gr.skip() and "number 1 in the line" in told
    first.close()
    assert len(sounds(second)) >= 1


def test_an_answer_that_is_left_ends_its_threads(handlers, tmp_path, monkeypatch):
    sounds(handlers.say("Yes."))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    threads = threading.active_count()
    run = handlers.say("This is a sentence. " * 60)
    while "data" not in next(run)[0]:
        pass
    assert len(list(tmp_path.iterdir())) == 1
    run.close()
    assert not list(tmp_path.iterdir()) and threading.active_count() == threads


def test_a_session_that_breaks_down_is_one_sentence(handlers, jobs_left, monkeypatch):
    before = jobs_left()
    monkeypatch.setattr(LiveSession, "take", lambda self, idle=True: 1 / 0)
    with pytest.raises(gr.Error, match="broke off.*try again"):
        list(handlers.say("Hi."))
    monkeypatch.undo()
    assert jobs_left() == before and sounds(handlers.say("Hi."))


def test_a_talk_is_said_after_whom_it_comes_from(handlers, tmp_path):
    said = load_sound(EXAMPLES / "hello.wav")
    pcm = np.repeat((said * 32767).astype("<i2"), 3)  # a microphone at 48 kHz, more or less
    key = "0" * 32
    assert not handlers.hear((key, 48_000, ""))
    run = handlers.talk("", 0, SimpleNamespace(key=key))
    next(run)
    for start in range(0, len(pcm), 12_000):
        piece = b64encode(pcm[start : start + 12_000].tobytes()).decode()
        assert handlers.hear((key, 48_000, piece))
    handlers.hush(key)
    after = heard(sounds(run), tmp_path)
    assert not handlers.hear((key, 48_000, ""))
    late = int(np.argmax(np.correlate(after, said, "valid"))) if len(after) > len(said) else 0
    assert np.corrcoef(after[late : late + len(said)], said)[0, 1] > 0.9


@pytest.mark.parametrize("event", [{}, {"key": ["odd"]}])
def test_an_event_that_no_page_sends_takes_no_place(handlers, event):
    run = handlers.talk("", 0, SimpleNamespace(**event))
    with suppress(gr.Error):
        next(run)
    run.close()
    assert not handlers.backstage.live._open()._seated


def test_two_talks_of_one_key_free_both_places(handlers):
    runs = [handlers.talk("", 0, SimpleNamespace(key="the same")) for _ in range(2)]
    for run in runs:
        next(run)
    for run in runs:
        run.close()
    assert not handlers.backstage.live._open()._seated


def test_a_talk_ends_when_its_microphone_falls_silent_for_good(handlers, monkeypatch):
    monkeypatch.setattr(answer, "GONE_S", 0.5)
    run = handlers.talk("", 0, SimpleNamespace(key="gone"))
    assert sounds(islice(run, 8))
    assert next(run, None) is None


def test_no_frame_is_missing_where_a_late_answer_ends(quick):
    class Slow(QuickEngine):
        batch = 1

        def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
            time.sleep(0.06)
            return super().__call__(drawings, windows)

    avatar, scheduler = Avatar(quick.identity(), Slow()), Scheduler(1)
    seat = scheduler.join(LiveSession(avatar.identity), avatar.engine, ahead_s=answer.LEAD_S)
    late = answer.Answer(avatar, seat)
    try:
        late.say("Yes.", "en-us")
        indices = [frame.shot.index for frame in late._frames()]
    finally:
        late.close()
        scheduler.close()
    assert indices == [*range(len(indices))]


def test_sound_that_comes_in_pieces_is_resampled_without_a_seam():
    tone = (0.5 * np.sin(np.arange(44_100) * 0.05)).astype(np.float32)
    whole, cut = LiveSound(44_100), LiveSound(44_100)
    at_once = whole.push(tone)
    pieces = np.concatenate([cut.push(part) for part in np.split(tone, [1, 500, 501, 30_000])])
    assert len(at_once) > 15_500 and np.array_equal(pieces, at_once[: len(pieces)])
