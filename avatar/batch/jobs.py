"""A file of jobs: one JSON object a line, with the arguments of one video, read and checked."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from ..errors import AvatarError
from ..speech.tts import DEFAULT_VOICE


@dataclass(frozen=True)
class Job:
    """One video to make; what is not said here is as for ``Avatar.speak``."""

    out: str
    """The MP4's name in the folder of the batch."""
    text: str | None = None
    audio: str | None = None
    """Any sound or video file; either this or ``text``."""
    transcript: str | None = None
    clip: str | None = None
    voice: str = DEFAULT_VOICE
    rate: float = 1.0
    pitch: float = 1.0
    strength: float = 1.0
    label: bool = False
    identity: str = "mira"
    """As ``Avatar.load`` takes it; so are ``revision`` and ``engine``."""
    revision: str | None = None
    engine: str = "auto"


@dataclass(frozen=True)
class Task:
    """A job and where it stands in its file."""

    line: int
    job: Job
    fingerprint: str
    """Changes with the job, the files that it reads and the identity's network."""


@dataclass(frozen=True)
class Outcome:
    """What became of a line."""

    line: int
    out: str | None
    """The MP4's name; None where the line has none that can be used."""
    error: str | None = None
    """One sentence; None: the video is there."""
    frames: int | None = None
    seconds: float | None = None
    """Length of the video."""
    took: float | None = None
    """Seconds that it took to make."""
    bytes: int | None = None
    """Size of the MP4."""
    warnings: tuple[str, ...] = ()
    fingerprint: str | None = None


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """An outcome from what ``asdict`` and JSON made of it.

    Raises:
        KeyError, TypeError: if it is none.
    """
    return Outcome(**{**row, "warnings": tuple(row["warnings"])})


def read_jobs(
    path: Path, defaults: Mapping[str, Any] | None = None
) -> tuple[list[tuple[int, Job]], list[Outcome]]:
    """Read a file of jobs; empty lines are skipped.

    Args:
        path: the file, UTF-8.
        defaults: fields of ``Job`` for lines that do not name them.

    Returns:
        The jobs with their line's number, and the lines that are none.

    Raises:
        AvatarError: if the file has no jobs, or is not text.
        OSError: if it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise AvatarError(f"{path.name} is not a text in UTF-8.") from error
    jobs: list[tuple[int, Job]] = []
    refused: list[Outcome] = []
    taken: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            job = _job(line, defaults or {})
            first = taken.setdefault(job.out.casefold(), number)
            if first != number:
                raise AvatarError(f"The name {job.out} is taken by line {first}.")
            jobs.append((number, job))
        except AvatarError as error:
            refused.append(Outcome(number, None, str(error)))
    if not jobs and not refused:
        raise AvatarError(f"There are no jobs in {path.name}.")
    return jobs, refused


def planned(jobs: Iterable[tuple[int, Job]]) -> tuple[list[Task], list[Outcome]]:
    """Give each job its fingerprint; those whose identity cannot be loaded are refused.

    An identity of the Hub is fetched here, once, before the workers all ask for it.
    """
    tasks: list[Task] = []
    refused: list[Outcome] = []
    network_of = cache(_network)
    for line, job in jobs:
        network = network_of(job.identity, job.revision)
        if isinstance(network, AvatarError):
            refused.append(Outcome(line, job.out, str(network)))
        else:
            tasks.append(Task(line, job, _fingerprint(job, network)))
    return tasks, refused


def _job(line: str, defaults: Mapping[str, Any]) -> Job:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise AvatarError(f"The line is not JSON: {error}.") from error
    except RecursionError as error:
        raise AvatarError("The line is not a job: it is nested too deeply.") from error
    if not isinstance(given, dict):
        raise AvatarError('The line is not a JSON object: {"text": ..., "out": ...}.')
    kinds = {field.name: field.type for field in fields(Job)}
    for key in given:
        if key not in kinds:
            raise AvatarError(f"A job has no {key[:40]!r}; it has: {', '.join(kinds)}.")
    values = {key: _typed(key, value, kinds[key]) for key, value in given.items()}
    if (values.get("text") is None) == (values.get("audio") is None):
        raise AvatarError("A job needs either a text or an audio file.")
    return Job(**{**defaults, **values, "out": _name(values.get("out"))})


def _typed(key: str, value: Any, kind: Any) -> Any:
    """A value of the kind that a field wants."""
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind):
        wanted = {bool: "true or false", float: "a number"}.get(kind, "a text")
        raise AvatarError(f"{key!r} should be {wanted}, not {str(value)[:40]!r}.")
    return value


def _name(out: str | None) -> str:
    """A name for an MP4 inside the folder, as plain as can be."""
    if not out:
        raise AvatarError("A job needs a name for its video: \"out\": \"hello.mp4\".")
    path = PurePath(out)
    inside = not path.anchor and not any(part.startswith(".") for part in path.parts)
    if not (inside and out.isprintable() and path.suffix == ".mp4"):
        raise AvatarError(
            f"The video cannot be called {out[:80]!r}: give a name that ends with .mp4, inside "
            "the output folder, without a leading dot."
        )
    return path.as_posix()


def _network(identity: str, revision: str | None) -> list[int] | AvatarError:
    """The state of an identity's network, or why there is none."""
    from ..identity import WEIGHTS, load_identity  # with torch, which workers import in parallel

    try:
        return _state(load_identity(identity, revision).folder / WEIGHTS)
    except AvatarError as error:
        return error


def _fingerprint(job: Job, network: list[int]) -> str:
    files = [_state(Path(name)) for name in (job.audio, job.clip) if name]
    facts = json.dumps([asdict(job), files, network])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _state(path: Path) -> list[int]:
    """Changes with a file; nothing for what is no file, as a clip's name."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: zero bytes in it
        return []
    return [found.st_size, found.st_mtime_ns]
