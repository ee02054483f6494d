"""One answer of the Live tab: a live session whose frames are cut into segments."""

import threading
import time
from collections.abc import Iterator

import numpy as np

from ..avatar import Avatar
from ..errors import AvatarError, RenderError
from ..render.scheduler import Frame, Seat
from ..render.segments import Moment, Segment, segment_frames, segments
from ..render.shot import Shot, rendered
from ..speech.audio import LiveSound
from ..timing import SAMPLE_RATE

LEAD_S = 3.0
"""How far ahead of its visitor an answer is made: enough for a player, and others want to be
answered too."""
MAX_TALK_S = 300
"""The longest sound that is said after somebody at once."""
GONE_S = 10
"""Seconds without a piece of sound, be it of silence, after which nobody is at the microphone."""
POLL_S = 0.02
"""Seconds between two looks at what another thread does."""
PLACE_S = 0.5
"""Seconds between two words about one's place in the line."""


class Answer:
    """What she says, and how it looks; it ends when she listens again.

    Use ``say``, or ``hear`` as often as you like and then ``end``; and ``close`` in any case.
    """

    def __init__(self, avatar: Avatar, seat: Seat):
        """Begin.

        Args:
            avatar: whose session it is.
            seat: its place, joined ``LEAD_S`` ahead.
        """
        self._avatar, self._seat, self._session = avatar, seat, seat.session
        self._microphone: LiveSound | None = None
        self._heard_s, self._heard_at = 0.0, time.monotonic()
        self._hearing = threading.RLock()
        self._over = threading.Event()
        self._reading: threading.Thread | None = None
        self._error: AvatarError | None = None

    def say(self, text: str, voice: str) -> None:
        """Have a text read; returns once there is something to hear of it.

        Raises:
            AvatarError: if it cannot be read.
        """
        self._reading = threading.Thread(target=self._read, args=(text, voice), daemon=True)
        self._reading.start()
        while self._reading.is_alive() and not self._session.waiting_s:
            time.sleep(POLL_S)
        if self._error:
            raise self._error

    def hear(self, rate: int, samples: np.ndarray) -> None:
        """Go on with what a microphone hears, as ``LiveSound`` takes it.

        Raises:
            SoundError: if that cannot be used; it is left out.
        """
        with self._hearing:
            if self._over.is_set():
                return
            self._heard_at = time.monotonic()
            self._microphone = self._microphone or LiveSound(rate)
            sound = self._microphone.push(samples)
            self._session.push(sound)
            self._heard_s += len(sound) / SAMPLE_RATE
            if self._heard_s > MAX_TALK_S:
                self.end()

    def end(self) -> None:
        """Nothing more is said."""
        with self._hearing:
            self._session.end()
            self._over.set()

    def close(self) -> None:
        """Stop whatever goes on, and give the place to the next."""
        self._over.set()
        self._session.interrupt()
        self._seat.close()
        if self._reading:
            self._reading.join()

    def segments(self) -> Iterator[int | Segment]:
        """All of it, each part as soon as it is made.

        Yields:
            The place in the line, again and again, as long as there is one; then segments, all of
            them of one length.

        Raises:
            AvatarError: if the text cannot be read to its end, or the session breaks down.
        """
        while self._seat.place and not self._seat.closed:
            yield self._seat.place
            time.sleep(PLACE_S)
        yield from segments(
            self._moments(), self._avatar.identity.config.fps, self._avatar.metadata()
        )
        if self._error:
            raise self._error

    def _moments(self) -> Iterator[Moment]:
        picture = None
        for frame in self._frames():
            picture = frame.picture if frame.picture is not None else picture
            if picture is not None:
                yield Moment(picture, frame.shot.sound)

    def _frames(self) -> Iterator[Frame]:
        """What the scheduler renders until all is said, then her going back to listening."""
        number = 0
        for frame in self._seat:
            number += 1
            yield frame
            if self._over.is_set():
                if not self._session.waiting_s:
                    break
            elif self._reading is None and time.monotonic() > self._heard_at + GONE_S:
                self.end()
        if self._seat.closed:
            raise RenderError("This answer broke off, for no fault of yours; please try again.")
        # The scheduler renders listening when it is due, too late for who watches a little behind.
        self._seat.close()
        after = self._session.take()
        while frame.shot.index < after.index - 1:  # what was begun is rendered even now
            if (under_way := self._seat.get()) is None:
                time.sleep(POLL_S)
            else:
                number, frame = number + 1, under_way
                yield frame
        yield from self._rest(after, number)

    def _rest(self, shot: Shot, number: int) -> Iterator[Frame]:
        """She goes back to listening, until the segment that the ``number`` + 1st frame is in ends.

        Or the one after it, if the way back is longer.
        """
        engine, who = self._avatar.engine, self._avatar.identity
        listening = self._session.idle_clip
        shots = [shot]
        while shot.clip is not listening or (number + len(shots)) % segment_frames(listening.fps):
            shots.append(shot := self._session.take())
        for start in range(0, len(shots), engine.batch):
            batch = shots[start : start + engine.batch]
            pictures = rendered(engine, [(who, shot) for shot in batch])
            yield from (Frame(*pair, late_s=0) for pair in zip(batch, pictures, strict=True))

    def _read(self, text: str, voice: str) -> None:
        try:
            self._session.say(text, voice)
        except AvatarError as error:
            self._error = error
        finally:
            self._over.set()
