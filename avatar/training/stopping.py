"""Ctrl-C and SIGTERM, heard between two steps, so that what was done can be saved first."""

import logging
import signal
import threading
from types import FrameType

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what ``timeout`` and a machine that shuts down send."""


class Stopping:
    """While this context is open, the first signal asks to stop and the second one interrupts."""

    def __init__(self):
        self.asked = False
        """Whether to stop after this step."""
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Stopping":
        if threading.current_thread() is threading.main_thread():  # Python lets no other listen
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        log.info("stopping after this step; a second signal stops at once")
