"""One answer of the Live tab: a session whose frames are cut into segments, and what feeds it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..avatar import Avatar
from ..errors import AvatarError
from ..face.clip import Clip
from ..identity import Identity
from ..render.scheduler import Frame, Scheduler, Seat, rendered
from ..render.segments import Moment, segment_frames, segments
from ..render.session import LISTENING, LiveSession, Shot
from ..speech.audio import LiveSound

LEAD_S = 3.0
"""How far ahead of its visitor an answer is made: enough for a player, and others want to be
answered too."""
POLL_S = 0.02
"""Seconds between two looks at what another thread does."""
PLACE_S = 0.5
"""Seconds between two words about one's place in the line."""


def listening(identity: Identity) -> Clip:
    """What somebody does who listens."""
    return identity.clips.get(LISTENING) or identity.clip()


class Answer:
    """What is said by her, or to her, and how it looks; begins and ends with her listening.

    Use ``say``, or ``hear`` as often as you like and then ``end``.
    """

    def __init__(self, avatar: Avatar, scheduler: Scheduler):
        self.avatar, self.session = avatar, LiveSession(avatar.identity)
        self.session.take()  # from here on her head goes on as she listened
        self._scheduler = scheduler
        self._microphone: LiveSound | None = None
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
        while self._reading.is_alive() and not self.session.waiting_s:
            time.sleep(POLL_S)
        if self._error:
            raise self._error

    def hear(self, rate: int, samples: np.ndarray) -> None:
        """Go on with what a microphone hears, as ``LiveSound`` takes it.

        Raises:
            SoundError: if that cannot be used; it is left out.
        """
        if not self._over.is_set():
            self._microphone = self._microphone or LiveSound(rate)
            self.session.push(self._microphone.push(samples))

    def end(self) -> None:
        """Nothing more is said."""
        self.session.end()
        self._over.set()

    def close(self) -> None:
        """Stop whatever goes on."""
        self.session.interrupt()
        self._over.set()
        if self._reading:
            self._reading.join()

    def segments(self, folder: Path) -> Iterator[int | Path]:
        """All of it, each part as soon as it is made, but never far ahead of its time.

        Args:
            folder: for the files; each is removed when the next one is asked for.

        Yields:
            The place in the line, again and again, as long as there is one; then segments, all of
            them of one length.

        Raises:
            AvatarError: if there is no place, or the text cannot be read to its end.
        """
        fps, engine = self.avatar.identity.config.fps, self.avatar.engine
        with self._scheduler.join(self.session, engine, ahead_s=LEAD_S) as seat:
            while seat.place and not seat.closed:
                yield seat.place
                time.sleep(PLACE_S)
            for path in segments(self._moments(seat), fps, folder, self.avatar.metadata()):
                yield path
                path.unlink()
        if self._error:
            raise self._error

    def _moments(self, seat: Seat) -> Iterator[Moment]:
        picture = None
        for frame in self._frames(seat):
            picture = frame.picture if frame.picture is not None else picture
            if picture is not None:
                yield Moment(picture, frame.shot.sound)

    def _frames(self, seat: Seat) -> Iterator[Frame]:
        """What the scheduler renders until she has said it, then her listening."""
        number, shot = 0, None
        for frame in seat:
            number, shot = number + 1, frame.shot
            yield frame
            if self._over.is_set() and not self.session.waiting_s:
                break
        if shot is None:
            return
        # Listening is only rendered in time, which is late for somebody who watches behind time.
        after = self.session.take()
        while shot.index < after.index - 1 and not seat.closed:
            if (frame := seat.get()) is None:
                time.sleep(POLL_S)
            else:
                number, shot = number + 1, frame.shot
                yield frame
        seat.close()
        yield from self._rest(number, after)

    def _rest(self, number: int, shot: Shot) -> Iterator[Frame]:
        """She goes back to listening, for as many frames as complete a segment."""
        engine, rest = self.avatar.engine, listening(self.avatar.identity)
        shots = [shot]
        while shots[-1].clip is not rest or (number + len(shots)) % segment_frames(rest.fps):
            shots.append(self.session.take())
        for start in range(0, len(shots), engine.batch):
            batch = shots[start : start + engine.batch]
            pictures = rendered(engine, [(self.avatar.identity, shot) for shot in batch])
            yield from (Frame(*pair, 0.0) for pair in zip(batch, pictures, strict=True))

    def _read(self, text: str, voice: str) -> None:
        try:
            self.session.say(text, voice)
        except AvatarError as error:
            self._error = error
        finally:
            self._over.set()
