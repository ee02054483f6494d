"""Several live sessions share what renders: a frame of each in turn, many in one batch."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import PlaceError
from ..identity import Identity
from ..timing import SAMPLE_RATE
from .engine import Engine
from .pace import AHEAD_S, Pace
from .session import LiveSession, Recogniser, causal
from .shot import Shot, rendered

_LOGGER = logging.getLogger(__name__)

WAITING = 8
"""Sessions that may wait for a place."""
ROOM = 12
"""Frames that wait for somebody who does not take them; no more are made then."""
TICK_S = 0.004
"""Seconds between two looks at what is due."""
SHARE = 0.7
"""Of the time, what networks and recognisers may take: the rest is for voices and JPEGs."""


@dataclass(frozen=True)
class Frame:
    """A shot that was rendered."""

    shot: Shot
    picture: np.ndarray | None
    """(512, 512, 3) uint8 RGB; None where rendering failed: show the one before."""
    late_s: float
    """Seconds after it was due; below zero where it was ahead."""


class Seat:
    """One session's place: its frames, as they are made."""

    def __init__(
        self,
        scheduler: "Scheduler",
        session: LiveSession,
        engine: Engine,
        ahead_s: float,
        notify: Callable[[], None] | None,
    ):
        self.session, self.engine = session, engine
        self.place = 0
        """0: it is rendered; n: it is the n-th of those that wait."""
        self.speaking = self.closed = False
        self._scheduler, self._ahead_s, self._notify = scheduler, ahead_s, notify
        self._pace: Pace | None = None
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> "Seat":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they are made, until the seat is closed."""
        while not self.closed:
            with self._changed:
                self._changed.wait_for(lambda: self._frames or self.closed)
            if (frame := self.get()) is not None:
                yield frame

    def get(self) -> Frame | None:
        """The next frame, if one is ready."""
        return self._frames.popleft() if self._frames else None

    def close(self) -> None:
        """Give the place to the next at once; may be called twice."""
        self._scheduler.leave(self)

    def give_on(self) -> bool:
        """Close it if somebody waits for the place; whether that was so."""
        return self._scheduler.give_on(self)

    def take(self) -> tuple[Shot, float] | None:
        """For the scheduler: the next shot and when it is due, if it is time and there is room."""
        if self._pace is None:  # time begins with the place
            self._pace = Pace(self.session, self._ahead_s)
        return self._pace.take() if len(self._frames) < ROOM else None

    def give(self, frame: Frame) -> None:
        """For the scheduler: hand over a frame."""
        self._frames.append(frame)
        self.tell()

    def tell(self) -> None:
        """For the scheduler: there is a frame, another place, or an end."""
        with self._changed:
            self._changed.notify_all()
        if self._notify is not None:
            self._notify()


class Scheduler:
    """One thread that renders for all sessions, each in its turn.

    Sessions of several identities may share it, each with its own engine.
    """

    def __init__(self, limit: int, waiting: int = WAITING):
        """Start when the first session comes.

        Args:
            limit: sessions that are rendered at a time; see ``sessions_held``.
            waiting: sessions that may wait for one of those places.
        """
        self.limit, self.waiting = limit, waiting
        self._seated: deque[Seat] = deque()
        self._queue: list[Seat] = []
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closed = False

    def join(
        self,
        session: LiveSession,
        engine: Engine,
        *,
        ahead_s: float = AHEAD_S,
        notify: Callable[[], None] | None = None,
    ) -> Seat:
        """Take a place, or wait for one.

        Args:
            session: whose shots are rendered, from now on in real time.
            engine: what renders its identity.
            ahead_s: see ``pace.AHEAD_S``.
            notify: called, in some thread, when there is a frame, another place, or an end.

        Raises:
            PlaceError: if all places are taken and no more may wait, or it is closed.
        """
        seat = Seat(self, session, engine, ahead_s, notify)
        with self._lock:
            if self._closed:
                raise PlaceError("The server is going down: come back in a few minutes.")
            if len(self._seated) >= self.limit and len(self._queue) >= self.waiting:
                raise PlaceError(
                    f"All {self.limit} live places are taken and {len(self._queue)} wait for one: "
                    "come back in a few minutes."
                )
            self._queue.append(seat)
            self._seat_next()
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a place to the next who waits; see ``Seat.close``."""
        with self._lock:
            for places in (self._seated, self._queue):
                if seat in places:
                    places.remove(seat)
            seat.closed = True
            self._seat_next()
        seat.tell()

    def give_on(self, seat: Seat) -> bool:
        """Give a place to the next if anybody waits; see ``Seat.give_on``."""
        with self._lock:
            if wanted := bool(self._queue) and not seat.place:
                self.leave(seat)
        return wanted

    def close(self) -> None:
        """End all sessions and the thread."""
        with self._lock:
            self._closed = True
            seats = [*self._seated, *self._queue]
            self._seated.clear()
            self._queue.clear()
            self._wake.notify_all()
        for seat in seats:
            seat.closed = True
            seat.tell()
        if self._thread is not None:
            self._thread.join()

    def _seat_next(self) -> None:
        """Fill the places, tell the others theirs, and see that somebody renders."""
        while self._queue and len(self._seated) < self.limit:
            seat = self._queue.pop(0)
            self._seated.append(seat)
            self._set_place(seat, 0)
        for place, seat in enumerate(self._queue, 1):
            self._set_place(seat, place)
        if self._seated and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="live", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    @staticmethod
    def _set_place(seat: Seat, place: int) -> None:
        if seat.place != place:
            seat.place = place
            seat.tell()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                shots = self._collected()
                if not shots:
                    self._wake.wait(TICK_S if self._seated else None)
            by_engine: dict[Engine, list[tuple[Seat, Shot, float]]] = {}
            for entry in shots:
                by_engine.setdefault(entry[0].engine, []).append(entry)
            for engine, group in by_engine.items():
                self._render(engine, group)

    def _collected(self) -> list[tuple[Seat, Shot, float]]:
        """What is due now: a frame of each in turn, until a batch is full or nothing is due."""
        shots: list[tuple[Seat, Shot, float]] = []
        idle = 0
        while self._seated and idle < len(self._seated):
            seat = self._seated[0]
            self._seated.rotate(-1)
            taken = self._taken(seat)
            idle = 0 if taken else idle + 1
            if taken:
                shots.append((seat, *taken))
                begins = taken[0].speaking and not seat.speaking
                seat.speaking = taken[0].speaking
                if begins or len(shots) >= seat.engine.batch:
                    break  # the first frame of speech does not wait for those behind it
        return shots

    def _taken(self, seat: Seat) -> tuple[Shot, float] | None:
        try:
            return seat.take()
        except Exception:  # a bundle from a stranger: the others' sessions go on
            _LOGGER.exception("a live session broke down")
            self.leave(seat)
            return None

    def _render(self, engine: Engine, shots: list[tuple[Seat, Shot, float]]) -> None:
        try:
            pictures = rendered(engine, [(seat.session.identity, shot) for seat, shot, _ in shots])
        except Exception:  # those frames are lost, not the sessions
            _LOGGER.exception("%d live frames could not be rendered", len(shots))
            pictures = [None] * len(shots)
        now = time.monotonic()
        for (seat, shot, due), picture in zip(shots, pictures, strict=True):
            own = None if picture is None else picture.copy()  # a view would keep the whole batch
            seat.give(Frame(shot, own, now - due))


def sessions_held(
    engine: Engine,
    identity: Identity,
    recogniser: Callable[[Fraction], Recogniser] = causal,
    rounds: int = 8,
) -> int:
    """How many sessions by microphone keep real time here, at least one, by a short measurement.

    Args:
        engine: what renders all of them.
        identity: who is shown.
        recogniser: makes what hears each of them, given the frame rate.
        rounds: how often each part is measured.
    """
    clip, config = identity.clip(), identity.config
    window = np.zeros((config.network.window, config.network.k), np.float32)
    silence = np.empty(0, np.float32)
    frames = enumerate(clip.frame_indices(engine.batch))
    shots = [(identity, Shot(i, clip, frame, window, silence, False)) for i, frame in frames]
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    hearer = recogniser(config.fps)
    # Of every second that a session lasts, how much of one each takes.
    drawing = _fastest(lambda: rendered(engine, shots), rounds) * float(config.fps) / engine.batch
    hearing = _fastest(lambda: hearer.push(noise), rounds)
    # All cores draw; but those that hear wait for each other's Python, as if on one core.
    spent = max(drawing + hearing / (os.cpu_count() or 1), hearing)
    return max(1, int(SHARE / spent))


def _fastest(work: Callable[[], object], rounds: int) -> float:
    """Seconds that it takes when it is warm and this machine is not busy with other things."""

    def took() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    took()  # clips are encoded once, and models loaded; what counts is what it takes ever after
    return min(took() for _ in range(rounds))
