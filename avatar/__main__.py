"""``python -m avatar VERB``."""

import signal
import sys

from .cli import main


def _end(number: int, frame: object) -> None:
    """Break off as Ctrl-C does, so that nothing half made is left; once, or that could not end."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


signal.signal(signal.SIGTERM, _end)
sys.exit(main())
