"""librosa, loaded so that processes that begin together do not spoil what one compiles for all.

Numba compiles librosa's kernels when it is first used on a machine, for half a minute, and keeps
them in a folder for later processes. Two that fill it at once give their files the same names, and
whoever loads one kernel by the name of another crashes. So one fills it while the others wait.
"""

import atexit
import hashlib
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from filelock import FileLock


@cache
def load_librosa() -> ModuleType:
    """The librosa package with its kernels; the one place where this package imports it."""
    import librosa

    folder = _folder(librosa)
    filled = folder / f"avatar-{_fingerprint(librosa)}.filled"
    if not filled.exists():
        with FileLock(filled.with_suffix(".lock")):
            _ = librosa.yin  # what is loaded for it, and so for the rest, compiles as it is loaded
            filled.touch()
    return librosa


def _folder(librosa: ModuleType) -> Path:
    """Where numba keeps what it compiles of librosa; of this process alone if nothing lasts."""
    import numba
    from numba.core.caching import FunctionCache

    try:
        folder = FunctionCache(librosa.show_versions).cache_path
    except RuntimeError:  # neither librosa's folder nor a home can be written to
        folder = numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="avatar-numba-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _fingerprint(librosa: ModuleType) -> str:
    """Another one wherever numba compiles anew: for other versions, and for another CPU."""
    import numba
    from numba.core.registry import cpu_target

    installed = Path(librosa.__file__).stat().st_mtime_ns
    cpu = cpu_target.target_context.codegen().magic_tuple()
    made_for = sys.version, numba.__version__, librosa.__version__, installed, cpu
    return hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]
