"""What a ``Job`` starts: a verb of the command line beside a page.

``python -m avatar.ui.verb VERB ...`` is ``python -m avatar VERB ...`` that can be interrupted
however the server was started, makes room for whoever uses the page meanwhile, and ends when the
server does, even if that is killed.
"""

import os
import signal
import sys
import threading
import time

from .job import CLOSING_S


def main() -> int:
    """Run a verb; returns the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server behind "&" ignores it
    os.nice(5)
    threading.Thread(target=_end_with_server, daemon=True).start()
    from ..cli import main as run

    return run(sys.argv[1:])


def _end_with_server() -> None:
    """The server holds the other end of stdin, which closes however the server ends."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(CLOSING_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
