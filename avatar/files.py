"""Files: what is wrong with their places, told before the work; and writing whole or not at all."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import AvatarError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    If the block raises, nothing is left and an older file at ``path`` stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def unreadable(path: str | Path) -> str | None:
    """Why nothing can be read from a file, as the end of a sentence; None if something can."""
    path = Path(path)
    if not path.exists():
        return "does not exist"
    if not path.is_file():
        return "is a folder" if path.is_dir() else "is no plain file"
    if not os.access(path, os.R_OK):
        return "may not be read"
    return None if path.stat().st_size else "is empty"


def check_places(written: Iterable[str | Path], read: Iterable[str | Path] = ()) -> None:
    """Before the work: files that it writes have a place, each its own, and replace none it reads.

    Args:
        written: files that will be there afterwards; older ones may be replaced.
        read: files that have to stay as they are; names that are none do no harm.

    Raises:
        AvatarError: if a folder is missing or may not be written to, or a name is taken.
    """
    written = [Path(path) for path in written]
    for path in written:
        if not path.absolute().parent.is_dir():
            raise AvatarError(f"The folder {path.parent} does not exist.")
        if path.exists() and not path.is_file():
            raise AvatarError(f"{path} {unreadable(path)}: choose another name for what is made.")
        _check_writable(path.absolute().parent)
    check_kept(written, read)


def check_kept(written: Iterable[str | Path], read: Iterable[str | Path]) -> None:
    """See to it that no file is written twice, nor one that is read; see ``check_places``."""
    kept = [path for path in read if os.path.exists(path)]  # False, too, for no file's name
    places: set[Path] = set()
    for path in map(Path, written):
        if path.exists() and any(os.path.samefile(path, other) for other in kept):
            raise AvatarError(f"{path} is read and would be replaced: choose another name.")
        if path.resolve() in places:
            raise AvatarError(f"{path} would be written twice: choose another name for one.")
        places.add(path.resolve())


def check_folder(path: str | Path) -> None:
    """Before the work: a folder is there to be written to, or can be made.

    Raises:
        AvatarError: if not.
    """
    path = Path(path).absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    if not there.is_dir():
        raise AvatarError(f"{there} is a file, not a folder.")
    _check_writable(there)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AvatarError(f"The folder {folder} may not be written to.")
