"""The live room: who is talked to live, on one scheduler whose limit is measured here."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..avatar import Avatar
from ..face.clip import Clip
from ..render.latents import encoded
from ..render.pace import AHEAD_S
from ..render.scheduler import Scheduler, Seat, sessions_held
from ..render.session import LiveSession
from ..timing import SAMPLE_RATE

log = logging.getLogger(__name__)


class LiveRoom:
    """Live sessions with any identity; all share one limit, as they share one machine."""

    def __init__(self, avatar: Callable[[str], Avatar], limit: int | None = None):
        """Do nothing yet: no network is loaded before somebody comes.

        Args:
            avatar: gives an identity and its engine by name, "" for the first.
            limit: sessions at a time; None for what this machine is found to hold.
        """
        self._avatar, self._limit = avatar, limit
        self._scheduler: Scheduler | None = None
        self.encoders = ThreadPoolExecutor(2, "live-jpeg")
        """For the pictures that are sent: they must not hold up the server's loop."""
        self._opening = threading.Lock()

    @property
    def limit(self) -> int:
        """Sessions at a time."""
        return self._open().limit

    def join(
        self,
        identity: str = "",
        clip: str | None = None,
        *,
        idle: tuple[Clip, int] | None = None,
        ahead_s: float = AHEAD_S,
        notify: Callable[[], None] | None = None,
    ) -> Seat:
        """Begin a session; close its seat when it is over.

        Args:
            identity: a name as ``Backstage.identity`` takes it.
            clip: what the head does while she speaks; None for the identity's default.
            idle: as for ``LiveSession``.
            ahead_s: as for ``Scheduler.join``, as is ``notify``.
            notify: see ``ahead_s``.

        Raises:
            PlaceError: if there is no place now.
            AvatarError: if there is no such identity or clip.
        """
        avatar = self._avatar(identity)
        session = LiveSession(avatar.identity, clip=clip, idle=idle)
        return self._open().join(session, avatar.engine, ahead_s=ahead_s, notify=notify)

    def warm_up(self) -> None:
        """Load voice and recogniser, measure the limit, and encode how the first identity moves."""
        self._open()
        avatar = self._avatar("")
        session = LiveSession(avatar.identity)
        session.say("Hello.")
        session.push(np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32))
        clip, style = avatar.identity.clip(), avatar.identity.config.style
        for frame in range(len(clip.keypoints)):
            encoded(avatar.engine, clip, style, [frame])

    def close(self) -> None:
        """End all sessions."""
        with self._opening:
            if self._scheduler is not None:
                self._scheduler.close()
        self.encoders.shutdown()

    def _open(self) -> Scheduler:
        with self._opening:
            if self._scheduler is None:
                avatar = self._avatar("")
                limit = self._limit or sessions_held(avatar.engine, avatar.identity)
                log.info("up to %d live sessions at a time", limit)
                self._scheduler = Scheduler(limit)
            return self._scheduler
