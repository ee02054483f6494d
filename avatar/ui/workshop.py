"""Where people's own avatars are made: a folder for each, and one job at a time for all."""

import json
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import AvatarError
from ..files import replacing
from ..training.consent import Consent
from . import room
from .job import CLOSING_S, Job
from .project import Project

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600
"""A project is deleted when nothing was done with it for so long."""
SWEPT_S = 600
"""Seconds between two looks for old projects."""
FILMS = 10
"""The most films of a project."""
MINUTES = (1, 240)
"""The shortest and the longest training, all together."""
KEY = re.compile("[0-9a-f]{32}")
DOING = {"prepare": "preparing", "train": "training", "package": "packaging"}
"""What a project is doing while a verb is at work for it."""
OFF = "Making avatars of one's own is switched off on this host."


class Workshop:
    """All projects of this host, and the job at work.

    Args:
        home: folder of the projects.
        obstacle: a sentence that says why nothing can be made here, if so.
    """

    def __init__(self, home: Path, obstacle: str | None = None):
        self.home, self.obstacle = home, obstacle
        self._jobs: dict[str, Job] = {}
        self._lock, self._closed = threading.RLock(), threading.Event()
        if obstacle is None:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            threading.Thread(target=self._sweep_often, daemon=True).start()

    def project(self, key: str) -> Project:
        """The project of a key.

        Raises:
            AvatarError: if there is none, or no more.
        """
        self._check_open()
        if not KEY.fullmatch(key or "") or not (self.home / key).is_dir():
            raise AvatarError("There is no such project, or no more: please begin with a film.")
        return Project(self.home / key)

    def begin(self, films: Sequence[str], transcript: str, consent: Consent) -> Project:
        """Take films over and start to prepare them.

        Args:
            films: paths of uploads, which are moved away.
            transcript: what is said in a single film; may be empty.
            consent: of the person in the films.

        Raises:
            AvatarError: if a film is missing, or somebody is at work.
        """
        self._check_open()
        if not 0 < len(films) <= FILMS:
            raise AvatarError(f"Please add one to {FILMS} films of the person.")
        if transcript.strip() and len(films) > 1:
            raise AvatarError("A transcript goes with one film: leave it empty, or add one film.")
        if room.disk_gb(self.home) < room.DISK_GB:
            raise AvatarError("The disk of this host is full; please come back later.")
        with self._lock:
            self._check_idle()
            project = Project(self.home / secrets.token_hex(16))
            try:
                _fill(project, films, transcript, consent)
                self.prepare(project)
            except BaseException:
                shutil.rmtree(project.folder, ignore_errors=True)
                raise
        return project

    def prepare(self, project: Project) -> None:
        """Start to prepare the films of a project, or go on with it."""
        words = project.transcript
        self._start(project, [
            "prepare", *map(str, project.films), str(project.capture_path),
            f"--subject={project.consent.who}",
            *(["--transcript", str(words)] if words else []),
        ])  # fmt: skip

    def train(self, project: Project, minutes: float, anyway: bool = False) -> None:
        """Start a training, or go on with it; the avatar is made when it ends or is stopped.

        Args:
            project: whose films are prepared.
            minutes: how long to train, with what was trained before.
            anyway: even if the films were refused.

        Raises:
            AvatarError: if it is not prepared, refused, without consent, or somebody is at work.
        """
        Consent.read(project.consent_path)  # which says so where there is none
        if project.capture is None:
            raise AvatarError("The films are not prepared yet.")
        if not MINUTES[0] <= minutes <= MINUTES[1]:
            raise AvatarError(f"A training takes {MINUTES[0]} to {MINUTES[1]} minutes.")
        if project.capture["verdict"] == "refuse" and not anyway:
            raise AvatarError("These films are refused: the report says what to film again.")
        what = [str(project.capture_path), "--run", str(project.run_path)]
        project.bundle_path.parent.mkdir(exist_ok=True)
        self._start(
            project,
            ["train", *what, "--minutes", f"{minutes:g}", *(["--force"] if anyway else [])],
            ["package", *what, "--out", str(project.bundle_path),
             "--consent", str(project.consent_path)],
        )  # fmt: skip

    def stop(self, project: Project) -> None:
        """Stop what is at work for a project; what it has done is kept."""
        with self._lock:
            if job := self._jobs.get(project.key):
                job.stop()

    def forget(self, project: Project) -> None:
        """Delete a project, whatever is at work for it."""
        with self._lock:
            if job := self._jobs.pop(project.key, None):
                job.close()
            shutil.rmtree(project.folder, ignore_errors=True)

    def state(self, project: Project) -> dict[str, Any]:
        """Where a project stands: what the page shows and other programs read.

        Returns:
            "project", "name", "stage" (filmed, preparing, prepared, training, packaging or ready);
            while a job is at work "doing", "done", "total", "seconds_left" and "stopping"; after
            one that failed "problem", a sentence; once the films are prepared "verdict", "reasons"
            and "marks".
        """
        job, capture = self._jobs.get(project.key), project.capture or {}
        rest = "ready" if project.bundle else "prepared" if capture else "filmed"
        state: dict[str, Any] = {"project": project.key, "name": project.name, "stage": rest}
        if job and job.running:
            keys = ("doing", "done", "total", "seconds_left")
            state |= {"stage": DOING[job.verb], "stopping": job.stopped}
            state |= dict(zip(keys, job.progress(), strict=True))
        elif job and job.error:
            state["problem"] = str(job.error)
        return state | {k: capture[k] for k in ("verdict", "reasons", "marks") if k in capture}

    def bundle(self, key: str) -> Path | None:
        """The avatar of a project's key; None where it is no such key, or nothing is made yet."""
        try:
            return self.project(key).bundle
        except AvatarError:
            return None

    def close(self) -> None:
        """The server ends, and so does the job; it can be gone on with."""
        self._closed.set()
        with self._lock:
            for job in self._jobs.values():
                job.close(CLOSING_S)

    def sweep(self) -> None:
        """Delete projects that nothing was done with for ``KEPT_S``."""
        for folder in filter(lambda path: KEY.fullmatch(path.name), self.home.iterdir()):
            with self._lock:
                job = self._jobs.get(folder.name)
                if job and job.running:
                    os.utime(folder)
                elif time.time() - folder.stat().st_mtime > KEPT_S:
                    self.forget(Project(folder))

    def _sweep_often(self) -> None:
        while True:
            try:
                self.sweep()
            except OSError:
                log.exception("could not look for old projects")
            if self._closed.wait(SWEPT_S):
                return

    def _start(self, project: Project, *verbs: Sequence[str]) -> None:
        with self._lock:
            self._check_idle()
            os.utime(project.folder)
            self._jobs[project.key] = Job(project.folder, *verbs)

    def _check_open(self) -> None:
        if self.obstacle:
            raise AvatarError(self.obstacle)

    def _check_idle(self) -> None:
        job = next((job for job in self._jobs.values() if job.running), None)
        if job is not None:
            left = job.progress()[-1]
            about = f", for about {max(round(left / 60), 1)} min more" if left else ""
            raise AvatarError(
                f"An avatar is being made here, one at a time{about}; please come back then."
            )


def open_workshop(training: bool = True) -> Workshop:
    """The workshop of this host, shut if it has no room for one, or if it is not wanted."""
    home = room.home()
    return Workshop(home, room.obstacle(home) if training else OFF)


def _fill(project: Project, films: Sequence[str], transcript: str, consent: Consent) -> None:
    """Lay out the folder of a new project."""
    for n, film in enumerate(map(Path, films), 1):
        place = project.folder / "films" / f"{n:02d}"  # two may have one name
        place.mkdir(parents=True, mode=0o700)
        try:
            shutil.move(film, place / film.name)
        except FileNotFoundError as error:
            raise AvatarError(f"{film.name} is here no more; please add it again.") from error
    if transcript.strip():
        _write(project.folder / "transcript.txt", transcript)
    _write(project.consent_path, json.dumps(asdict(consent), indent=2))


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
