"""Several live sessions share one engine: fairly, up to a limit, and nothing is left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from fake_engine import QuickEngine
from live import LoudnessRecogniser

from avatar.errors import RenderError
from avatar.identity import Identity, load_identity
from avatar.render.pace import LATE_S, Pace
from avatar.render.scheduler import ROOM, Frame, Scheduler, Seat, sessions_held
from avatar.render.session import LiveSession
from avatar.speech.features import Wav2Vec2

PATIENCE_S = 120


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture
def new(mira: Identity) -> Callable[[], LiveSession]:
    return lambda: LiveSession(mira, recogniser=LoudnessRecogniser)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler of ten places; when it is closed no thread of it is left."""
    before = threading.active_count()
    scheduler = Scheduler(10, waiting=2)
    yield scheduler
    scheduler.close()
    assert threading.active_count() == before


def loud(seconds: float) -> np.ndarray:
    return np.ones(round(16_000 * seconds), np.float32)


def taken(seat: Seat, frames: int) -> list[Frame]:
    return [*islice(seat, frames)]


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class SlowEngine(QuickEngine):
    """So slow that the sessions cannot all be shown in real time."""

    batch = 4

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        time.sleep(0.04)
        return super().__call__(drawings, windows)


class FailingEngine(QuickEngine):
    """Fails on what it is told to."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        if self.fails:
            self.fails = False
            raise RuntimeError("the network broke down")
        return super().__call__(drawings, windows)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_frames_come_in_order_with_the_sound_and_mouth_of_their_time(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    with scheduler.join(new(), QuickEngine()) as seat:
        frames = taken(seat, 3)
        seat.session.push(loud(0.4))
        seat.session.end()
        frames += taken(seat, 20)
    assert [frame.shot.index for frame in frames] == [*range(23)]
    levels = [int(frame.picture[0, 0, 0]) for frame in frames]
    assert levels == [255 * int(np.abs(frame.shot.sound).max()) for frame in frames]
    assert levels.count(255) == 10 and levels[:2] == [0, 0] and levels[-3:] == [0, 0, 0]


def test_ten_sessions_are_rendered_in_turn_when_there_is_not_time_for_all(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    """One talks ahead of time, the others listen; none gets more than its share."""
    engine = SlowEngine()
    seats = [scheduler.join(new(), engine) for _ in range(10)]
    seats[0].session.push(loud(30))
    counts = [0] * 10

    def shown() -> int:
        for i, seat in enumerate(seats):
            while seat.get() is not None:
                counts[i] += 1
        return min(counts)

    wait_for(lambda: shown() >= 10)
    assert max(counts) - min(counts) <= 2


def test_sessions_of_one_engine_share_batches_though_others_sit_between(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    class Counting(SlowEngine):
        def __init__(self) -> None:
            self.batches: list[int] = []

        def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
            self.batches.append(len(windows))
            return super().decode(latents, windows)

    engines = Counting(), Counting()
    seats = [scheduler.join(new(), engines[i % 2]) for i in range(10)]
    wait_for(lambda: all(seat.get() for seat in seats))
    wait_for(lambda: all(len(engine.batches) >= 10 for engine in engines))
    assert all(np.mean(engine.batches) > 1.4 for engine in engines)


def test_who_comes_too_late_waits_in_order_or_is_refused(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    engine = QuickEngine()
    seats = [scheduler.join(new(), engine) for _ in range(12)]
    assert [seat.place for seat in seats] == [0] * 10 + [1, 2]
    with pytest.raises(RenderError, match="All 10 live places are taken and 2 wait"):
        scheduler.join(new(), engine)
    told = []
    seats[11]._notify = lambda: told.append(seats[11].place)
    seats[3].close()
    assert [seats[10].place, seats[11].place, told[0]] == [0, 1, 1]
    assert len(taken(seats[10], 2)) == 2
    seats[10].close()
    seats[10].close()
    assert seats[11].place == 0
    assert scheduler.join(new(), engine).place == 1


def test_a_place_is_given_on_only_while_somebody_waits(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    seats = [scheduler.join(new(), QuickEngine()) for _ in range(10)]
    assert not seats[0].give_on() and not seats[0].closed
    waiting = scheduler.join(new(), QuickEngine())
    assert not waiting.give_on()
    assert [seat.give_on() for seat in seats] == [True] + [False] * 9
    assert seats[0].closed and not seats[1].closed and waiting.place == 0


def test_a_failing_call_loses_its_frames_alone(
    scheduler: Scheduler, new: Callable[[], LiveSession], caplog: pytest.LogCaptureFixture
) -> None:
    engine = FailingEngine()
    with scheduler.join(new(), engine) as seat:
        taken(seat, 3)
        engine.fails = True
        frames = taken(seat, 6)
    lost = [frame.picture is None for frame in frames]
    assert 1 <= sum(lost) <= 2 and not lost[-1] and "could not be rendered" in caplog.text


def test_a_session_that_breaks_down_ends_alone(
    scheduler: Scheduler, new: Callable[[], LiveSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (scheduler.join(new(), QuickEngine()) for _ in range(2))
    monkeypatch.setattr(bad.session, "take", lambda idle: 1 / 0)
    wait_for(lambda: bad.closed)
    assert len(taken(good, 2 * ROOM)) == 2 * ROOM and not good.closed


def test_nothing_piles_up_before_somebody_who_does_not_look(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    seat = scheduler.join(new(), QuickEngine())
    wait_for(lambda: len(seat._frames) == ROOM)
    time.sleep(0.2)
    assert len(seat._frames) == ROOM
    assert [frame.shot.index for frame in taken(seat, 2 * ROOM)] == [*range(2 * ROOM)]


def test_closing_ends_everybody(new: Callable[[], LiveSession]) -> None:
    scheduler, engine = Scheduler(1), QuickEngine()
    seats = [scheduler.join(new(), engine) for _ in range(3)]
    ends = [threading.Thread(target=lambda s=seat: [*s]) for seat in seats]
    for end in ends:
        end.start()
    scheduler.close()
    for end in ends:
        end.join(PATIENCE_S)
        assert not end.is_alive()
    with pytest.raises(RenderError, match="going down"):
        scheduler.join(new(), engine)


def test_fifty_people_who_come_and_go_leave_nothing(
    scheduler: Scheduler, new: Callable[[], LiveSession]
) -> None:
    refused, engine = [], QuickEngine()

    def visit() -> None:
        try:
            with scheduler.join(new(), engine) as seat:
                seat.session.push(loud(0.1))
                taken(seat, 2)
        except RenderError as error:
            refused.append(error)

    people = [threading.Thread(target=visit) for _ in range(50)]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE_S)
        assert not person.is_alive()
    assert len(refused) < 50 and not scheduler._seated and not scheduler._queue


def test_listening_is_made_just_in_time_and_speech_a_little_ahead(
    new: Callable[[], LiveSession]
) -> None:
    clock, session = Clock(), new()
    pace = Pace(session, ahead_s=0.2, clock=clock)
    assert pace.take() and pace.take() is None
    clock.now += 0.05
    shot, due = pace.take()
    assert shot.index == 1 and due == pytest.approx(100.04) and pace.take() is None
    session.push(loud(2))
    ahead = [*iter(pace.take, None)]
    assert len(ahead) == 5 and all(shot.speaking for shot, _ in ahead)
    assert [due for _, due in ahead] == pytest.approx([100.08, 100.12, 100.16, 100.2, 100.24])


def test_who_is_far_behind_does_not_hurry(new: Callable[[], LiveSession]) -> None:
    clock = Clock()
    pace = Pace(new(), clock=clock)
    pace.take()
    clock.now += 60
    assert len([*iter(pace.take, None)]) == 1
    clock.now += 0.2
    assert len([*iter(pace.take, None)]) == 5


def test_she_listens_where_the_sound_stays_away(new: Callable[[], LiveSession]) -> None:
    clock, session = Clock(), new()
    pace, shots = Pace(session, clock=clock), []

    def seconds(count: float) -> list[bool]:
        shots.clear()
        for _ in range(round(100 * count)):
            clock.now += 0.01
            shots.extend(shot for shot, _ in iter(pace.take, None))
        return [shot.speaking for shot in shots]

    session.push(loud(1))
    assert seconds(0.8)[-1] and not seconds(LATE_S / 2)
    assert not seconds(1)[-1]
    session.push(loud(1))
    assert seconds(0.5)[0]


def test_the_limit_is_at_least_one(mira: Identity) -> None:
    class Snail(SlowEngine):
        batch = 1

    assert sessions_held(Snail(), mira, LoudnessRecogniser, rounds=4) == 1
    assert sessions_held(QuickEngine(), mira, LoudnessRecogniser) > 3


def test_the_limit_holds_for_those_who_talk_by_microphone(mira: Identity) -> None:
    class HardOfHearing(LoudnessRecogniser):
        def push(self, sound: np.ndarray) -> np.ndarray:
            time.sleep(0.25 * len(sound) / 16_000)
            return super().push(sound)

    assert sessions_held(QuickEngine(), mira, HardOfHearing, rounds=4) == 2


def test_the_limit_is_measured_with_whoever_comes_first(mira: Identity) -> None:
    """Though that one cannot speak live, others may."""
    deaf = replace(mira, config=replace(mira.config, features=Wav2Vec2()))
    assert sessions_held(QuickEngine(), deaf, LoudnessRecogniser) > 3
