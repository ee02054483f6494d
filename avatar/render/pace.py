"""The clock of a live session: when each of its frames is due. Nothing else in it knows a clock."""

import time
from collections.abc import Callable

from .session import LiveSession, Shot

AHEAD_S = 0.24
"""Seconds by which speech that is known may be rendered before it is due: what was handed out
cannot be taken back by an interruption."""
LATE_S = 0.5
"""A session that is further behind does not hurry to catch up; where it is for want of sound, she
listens until more comes."""


class Pace:
    """Takes a session's shots when it is time: frame i is due at start + i / fps.

    Speech may be taken a little ahead, listening only just in time, so that speech that begins is
    shown at once.
    """

    def __init__(
        self,
        session: LiveSession,
        ahead_s: float = AHEAD_S,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._session, self._ahead_s, self._clock = session, ahead_s, clock
        self._step = float(1 / session.fps)
        self._due = clock()

    def take(self) -> tuple[Shot, float] | None:
        """The next shot, and when it is due by the clock, if it is time for it."""
        now = self._clock()
        if now < self._due - self._ahead_s:
            return None
        shot = self._session.take(idle=now >= self._due)
        if shot is None and now > self._due + LATE_S:
            self._session.pause()
            shot = self._session.take()
        if shot is None:
            return None
        due = self._due
        self._due = self._step + (due if now <= due + LATE_S else now)
        return shot, due
