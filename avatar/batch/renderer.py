"""One job to one video: what every worker does, in a pool or on a cluster."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AvatarError
from ..files import check_kept
from ..render.receipt import receipt_path
from .jobs import Job, Outcome, Task

if TYPE_CHECKING:
    from ..avatar import Avatar
    from ..render.video import Video

_LOGGER = logging.getLogger(__name__)


class Renderer:
    """Makes one video after another; the identity of the last one stays loaded.

    Doing a job twice does no harm: a video takes its place when it is finished, whole.

    Args:
        folder: where the videos go.
        scratch: a folder on the same disk for what is unfinished; whoever made it removes it, and
            with it what a killed worker leaves.
    """

    def __init__(self, folder: Path, scratch: Path):
        self.scratch, self._folder = scratch, folder
        self._loaded: tuple[tuple[str | None, ...], Avatar] | None = None

    def __call__(self, task: Task) -> Outcome:
        """Make the video of a job; what goes wrong is in the outcome."""
        start = time.monotonic()
        known = Outcome(task.line, task.job.out, fingerprint=task.fingerprint)
        with _warnings() as warnings:
            try:
                video = self._render(task.job)
            except AvatarError as error:
                return replace(known, error=str(error))
            except OSError as error:
                told = f"{error.strerror}: {error.filename}" if error.filename else str(error)
                return replace(known, error=f"{told}.")
            except Exception as error:  # the other jobs go on
                _LOGGER.debug("line %d failed", task.line, exc_info=error)
                return replace(known, error=f"It failed unexpectedly: {error!r}.")
        return replace(
            known, frames=video.frames, seconds=video.seconds, warnings=tuple(warnings),
            took=round(time.monotonic() - start, 2), bytes=video.path.stat().st_size,
        )  # fmt: skip

    def _render(self, job: Job) -> "Video":
        from ..speech.speech import Speech

        place = self._folder / job.out
        check_kept([place, receipt_path(place)], filter(None, [job.audio, job.clip]))
        avatar = self._avatar(job)
        with _desk(self.scratch) as desk:
            source = Path(job.audio) if job.audio is not None else None
            if source is None:  # spoken here, since ``speak`` takes "my talk.mp3" for a file
                fps = avatar.identity.config.fps
                source = Speech.from_text(job.text, fps, job.voice, job.rate, job.pitch)
            video = avatar.speak(
                source, clip=job.clip, out=desk / "video.mp4", label=job.label,
                transcript=job.transcript, strength=job.strength,
            )  # fmt: skip
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(video.path, place)
            os.replace(receipt_path(video.path), receipt_path(place))
        return replace(video, path=place)

    def _avatar(self, job: Job) -> "Avatar":
        from ..avatar import Avatar

        wanted = job.identity, job.revision, job.engine
        if self._loaded is None or self._loaded[0] != wanted:
            self._loaded = None  # its memory is wanted for the next one
            avatar = Avatar.load(job.identity, job.revision, engine=job.engine)
            self._loaded = wanted, avatar
        return self._loaded[1]


@contextmanager
def _desk(scratch: Path) -> Iterator[Path]:
    """A folder for one job, in which all of its temporary files lie too."""
    desk = Path(tempfile.mkdtemp(dir=scratch))
    usual, tempfile.tempdir = tempfile.tempdir, str(desk)
    try:
        yield desk
    finally:
        tempfile.tempdir = usual
        shutil.rmtree(desk, ignore_errors=True)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """The warnings that the package logs meanwhile."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())
    logger = logging.getLogger("avatar")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
