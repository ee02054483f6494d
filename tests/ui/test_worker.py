import time
from collections.abc import Generator
from fractions import Fraction

import pytest

from avatar.errors import AvatarError, TextError
from avatar.speech.speech import Speech
from avatar.ui.worker import Worker

FPS = Fraction(25)


@pytest.fixture(scope="module")
def worker():
    worker = Worker()
    yield worker
    worker.stop()


def result_of(call: Generator):
    while True:
        try:
            next(call)
        except StopIteration as end:
            return end.value


def test_answers_as_a_plain_call_would(worker):
    speech = result_of(worker.call(Speech.from_text, "Hello.", FPS))
    assert len(speech.track) == len(Speech.from_text("Hello.", FPS).track)


def test_sentences_for_people_come_through(worker):
    with pytest.raises(TextError, match="no text"):
        result_of(worker.call(Speech.from_text, "", FPS))


def test_other_errors_are_told_without_their_text(worker):
    with pytest.raises(RuntimeError, match="the call failed"):
        result_of(worker.call(int, "x"))


def test_closing_ends_the_call_and_the_next_one_starts_afresh(worker):
    call = worker.call(time.sleep, 600)
    next(call)
    process = worker._process
    start = time.monotonic()
    call.close()
    assert time.monotonic() - start < 60
    assert process.returncode is not None
    assert result_of(worker.call(abs, -3)) == 3


def test_a_process_that_dies_is_one_sentence_and_is_replaced(worker):
    call = worker.call(time.sleep, 600)
    next(call)
    worker._process.kill()
    with pytest.raises(AvatarError, match="broke down"):
        result_of(call)
    assert result_of(worker.call(abs, -3)) == 3
