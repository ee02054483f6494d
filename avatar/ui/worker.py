"""A second process for work that must not stop the page and can be broken off at any moment.

Recognising phones holds Python's lock for seconds: in this process no other visitor would be
answered meanwhile, and a cancelled job would go on. A process can simply be ended.
"""

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

from ..errors import AvatarError

log = logging.getLogger(__name__)

POLL_S = 0.1
"""Seconds between two looks at a call under way; it can be broken off at each."""


class Worker:
    """One process that makes one call after another; it starts when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._busy = threading.Lock()

    def call(self, function: Callable, *args: Any, **kwargs: Any) -> Generator[None, None, Any]:
        """Make a call, yielding while it lasts; ``result = yield from worker.call(...)``.

        Closing the generator ends the process, and with it the call; the next one starts afresh.

        Args:
            function: anything that pickle finds by name, such as a class method.
            args: picklable positional arguments.
            kwargs: picklable keyword arguments.

        Raises:
            AvatarError: what the call raised, or that the process broke down.
        """
        with self._busy:
            process = self._running()
            answer: Future = Future()
            request = pickle.dumps((function, args, kwargs))
            exchange = (process, request, answer)
            threading.Thread(target=_exchange, args=exchange, daemon=True).start()
            try:
                while not answer.done():
                    yield
                    wait([answer], POLL_S)
                good, value = answer.result()
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                raise AvatarError("Reading it broke down; please try again.") from error
            finally:
                if not answer.done() or answer.exception() is not None:
                    self.stop()
        if not good:
            raise value
        return value

    def start(self) -> None:
        """Start the process ahead of the first call, so that it need not wait for imports."""
        with self._busy:  # or a call that begins meanwhile would start a second one
            self._running()

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # the unsent end of a request to a process that is gone
            self._process = None

    def _running(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
            )
        return self._process


def environment() -> dict[str, str]:
    """What a process needs to find this package, wherever it starts."""
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    # Its systems are small: more threads would wait for each other on a busy machine.
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": paths}


def _exchange(process: subprocess.Popen, request: bytes, answer: Future) -> None:
    """Send a request, wait for what comes back."""
    try:
        process.stdin.write(request)
        process.stdin.flush()
        answer.set_result(pickle.load(process.stdout))
    except Exception as error:  # handed to whoever asked
        answer.set_exception(error)


def _serve() -> None:
    """Answer the calls that come through stdin until it closes."""
    logging.basicConfig(level=logging.WARNING)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that nothing a library prints gets between the answers
    _warm_up()
    while True:
        try:
            function, args, kwargs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = True, function(*args, **kwargs)
        except AvatarError as error:
            answer = False, error
        except Exception:
            log.exception("the call failed")
            answer = False, RuntimeError("the call failed; the worker's log says why")
        pickle.dump(answer, answers)
        answers.flush()


def _warm_up() -> None:
    """Load models and compiled code ahead of the first call."""
    from fractions import Fraction

    import numpy as np

    from ..speech.speech import Speech

    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    Speech.from_sound(noise, Fraction(25))
    Speech.from_text("Hello.", Fraction(25))


if __name__ == "__main__":
    try:
        _serve()
    except KeyboardInterrupt:
        pass
