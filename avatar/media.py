"""The bundled ffmpeg, and how every room starts it: argument lists, no shell, errors captured."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from .errors import RenderError


@lru_cache(maxsize=1)
def ffmpeg_exe() -> str:
    """Path of an ffmpeg that starts, the one in imageio-ffmpeg's wheel by default.

    Raises:
        RenderError: if there is none.
    """
    import imageio_ffmpeg

    try:
        exe = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([exe, "-version"], check=True, capture_output=True)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        raise RenderError(
            "ffmpeg cannot be started; reinstall it with 'pip install --force-reinstall "
            "imageio-ffmpeg'."
        ) from error
    return exe


class Ffmpeg:
    """A running ffmpeg; use ``running_ffmpeg`` to start one.

    Its stderr goes to an unnamed file, so that a chatty run can never block on a full pipe.
    """

    def __init__(
        self, arguments: list[str], stdin: int, stdout: int, pass_fds: tuple[int, ...] = ()
    ):
        self._log = tempfile.TemporaryFile()
        command = [ffmpeg_exe(), "-hide_banner", "-nostats", "-loglevel", "error", *arguments]
        # In a session of its own: at Ctrl-C it would end politely, as if the film were over.
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=self._log, start_new_session=True,
            pass_fds=pass_fds,
        )  # fmt: skip
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        return self.process.wait()

    def complaints(self) -> str:
        """What ffmpeg has written to stderr, its last 10 kB."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 10_000))
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        """Stop it if it still runs, and free its pipes."""
        self.process.kill()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # unsent bytes for a process that is gone
        self.process.wait()
        self._log.close()


@contextmanager
def running_ffmpeg(
    arguments: list[str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    pass_fds: tuple[int, ...] = (),
) -> Iterator[Ffmpeg]:
    """Start ffmpeg; on leaving the block, finished or not, it no longer runs.

    Args:
        arguments: everything after the program's name, one item an argument.
        stdin: ``subprocess.PIPE`` to write to it.
        stdout: ``subprocess.PIPE`` to read from it.
        pass_fds: more of this process's pipes that it may read, as ``pipe:N``.

    Raises:
        RenderError: if there is no ffmpeg.
    """
    ffmpeg = Ffmpeg(arguments, stdin, stdout, pass_fds)
    try:
        yield ffmpeg
    finally:
        ffmpeg.close()


def input_arguments(path: str | Path) -> list[str]:
    """Arguments that make ffmpeg read a local file, whatever its name looks like.

    Other protocols are shut, so that an uploaded playlist cannot make the server fetch addresses.
    """
    return ["-protocol_whitelist", "file", "-i", f"file:{Path(path).resolve()}"]
