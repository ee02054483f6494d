"""Verbs of the command line beside the page: in a process that is followed, stopped, never left."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from ..errors import AvatarError
from .worker import environment

log = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-m", "avatar.ui.verb")
"""What is called with the arguments of a verb."""
GRACE_S = 60
"""How long a verb that is interrupted may take to keep what it has done."""
CLOSING_S = 10
"""The same when the server ends, or is gone."""
TOLD = "avatar: "
"""How the command line begins a line for people."""


class Job:
    """Verbs at work, one after the other, from the moment that the job is made.

    Args:
        folder: for ``progress.json`` and ``job.log``; must exist.
        verbs: the arguments of each, all of which understand ``--progress``.
        scratch: folder for temporary files, which is made, and left to whoever made the job: a
            verb that is killed cannot clean up; None: the system's.
    """

    def __init__(self, folder: Path, *verbs: Sequence[str], scratch: Path | None = None):
        self.folder = folder
        self._environment = environment()
        if scratch is not None:
            scratch.mkdir()
            self._environment["TMPDIR"] = str(scratch)
        self.verb = verbs[0][0]
        """Name of the one that is at work, or was last."""
        self.error: AvatarError | None = None
        """Why it ended early, if it did."""
        self.stopped = False
        """Whether it was asked to stop."""
        self._process: subprocess.Popen | None = None
        self._lock, self._killed = threading.Lock(), False
        self._thread = threading.Thread(target=self._run, args=(verbs,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether anything is still at work."""
        return self._thread.is_alive()

    def progress(self) -> tuple[str, int, int, float | None]:
        """Stage, done, total and seconds left; an empty stage before the verb has said anything."""
        try:
            said = json.loads((self.folder / "progress.json").read_text(encoding="utf-8"))
            return said["stage"], said["done"], said["total"], said["seconds_left"]
        except (OSError, ValueError):
            return "", 0, 0, None

    def stop(self) -> None:
        """Interrupt the verb at work, which keeps what it has done; the next one begins.

        One that does not end within ``GRACE_S`` is killed.
        """
        self.stopped = True
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                return
            process.send_signal(signal.SIGINT)
        killer = threading.Timer(GRACE_S, _kill, (process,))
        killer.daemon = True
        killer.start()

    def close(self, grace_s: float = 0) -> None:
        """End everything and wait for it.

        Args:
            grace_s: how long the verb may take to keep what it has done.
        """
        with self._lock:
            self._killed = True
            process = self._process
        if grace_s:
            self.stop()
            self._thread.join(grace_s)
        if process is not None:
            _kill(process)
        self._thread.join()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended, if it does so in time (s)."""
        self._thread.join(timeout)

    def _run(self, verbs: Sequence[Sequence[str]]) -> None:
        try:
            for verb in verbs:
                self._do(verb)
        except AvatarError as error:
            self.error = error
        except Exception:
            log.exception("a job could not be run")
            self.error = AvatarError("Sorry, this could not be started; the server's log says why.")

    def _do(self, verb: Sequence[str]) -> None:
        progress, logged = self.folder / "progress.json", self.folder / "job.log"
        with logged.open("w+b") as output:
            with self._lock:
                if self._killed:
                    return
                progress.unlink(missing_ok=True)
                self.verb = verb[0]
                self._process = subprocess.Popen(
                    [*PROGRAM, *verb, "--progress", str(progress)],
                    stdin=subprocess.PIPE, stdout=output, stderr=output,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
            code = self._process.wait()
            self._process.stdin.close()
        interrupted = self.stopped and code != 1  # 130, or by the signal itself
        if code and not interrupted and not self._killed:
            raise AvatarError(_why(code, logged.read_text(encoding="utf-8", errors="replace")))


def _kill(process: subprocess.Popen) -> None:
    """End a process and what it has started."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended meanwhile


def _why(code: int, said: str) -> str:
    """The sentence of a verb that failed."""
    if code == -signal.SIGKILL:
        return "The machine ended the work, most likely for want of memory; it can be gone on with."
    told = [line for line in said.splitlines() if line.startswith(TOLD)]
    if code == 1 and told:
        return told[-1].removeprefix(TOLD)
    log.error("a job ended with %d: %s", code, said[-4000:])
    return "Sorry, something went wrong here, not with what you sent; please try again."
