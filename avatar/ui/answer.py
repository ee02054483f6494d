"""One answer of the Live tab: a session whose shots are rendered and cut into segments."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ..avatar import Avatar
from ..face.clip import Clip
from ..identity import Identity
from ..render.segments import Moment, segment_frames, segments
from ..render.session import LISTENING, LiveSession, Shot

POLL_S = 0.02
"""Seconds between two looks whether more is known of what she says."""
LEAD_S = 4.0
"""How far ahead of its visitor an answer is made: others want the engine too."""


def listening(identity: Identity) -> Clip:
    """What somebody does who listens."""
    return identity.clips.get(LISTENING) or identity.clip()


class Answer:
    """What is said to her or by her, and how it looks; begins and ends with her listening.

    Feed ``session`` from any thread, then call ``end``.
    """

    def __init__(self, avatar: Avatar):
        self.avatar = avatar
        self.session = LiveSession(avatar.identity)
        self.first_s: float | None = None
        """Seconds until the first segment was ready."""
        self._over = threading.Event()

    def end(self) -> None:
        """Nothing more will be fed."""
        self.session.end()
        self._over.set()

    def segments(self, folder: Path) -> Iterator[Path]:
        """Segments of one length, each as soon as it is made, but never far ahead of their time.

        Args:
            folder: for the files; each is removed when the next one is asked for.

        Raises:
            RenderError: if one cannot be written.
        """
        start, fps = time.monotonic(), self.avatar.identity.config.fps
        parts = segments(self._moments(), fps, folder, self.avatar.metadata())
        for number, path in enumerate(parts):
            yield path
            path.unlink()
            self.first_s = self.first_s or time.monotonic() - start
            due = start + self.first_s + number * segment_frames(fps) / fps - LEAD_S
            time.sleep(max(due - time.monotonic(), 0))

    def _moments(self) -> Iterator[Moment]:
        """Rendered in batches that never make a segment wait for the one behind it."""
        engine, style = self.avatar.engine, self.avatar.identity.config.style
        shots = self._shots()
        while part := list(islice(shots, segment_frames(self.session.fps))):
            for start in range(0, len(part), engine.batch):
                batch = part[start : start + engine.batch]
                drawings = np.stack([shot.clip.drawing(shot.frame, style) for shot in batch])
                frames = engine(drawings, np.stack([shot.window for shot in batch]))
                yield from map(Moment, frames, (shot.sound for shot in batch))

    def _shots(self) -> Iterator[Shot]:
        """Whole segments: once she has said it she listens, until one of them ends."""
        rest = listening(self.avatar.identity)
        shot = self.session.take()
        number = 1
        yield shot
        while not (over := self._over.is_set()) or (
            shot.speaking or shot.clip is not rest or number % segment_frames(self.session.fps)
        ):
            told = self.session.take(idle=over)
            if told is None:
                time.sleep(POLL_S)
                continue
            shot = told
            number += 1
            yield shot
