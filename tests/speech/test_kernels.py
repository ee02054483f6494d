"""Processes that use librosa for the first time on a machine, together and alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
USE = "from avatar.speech.prosody import hertz_of, np; print(hertz_of(np.zeros(2048, np.float32)))"
PATIENCE_S = 300


def begin(folder: Path, **more: str) -> subprocess.Popen:
    """A process that reads a pitch with kernels that numba keeps in a folder, and says which."""
    quickly = {"NUMBA_OPT": "0", "NUMBA_DEBUG_CACHE": "1", "NUMBA_CACHE_DIR": str(folder)}
    environment = os.environ | quickly | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.Popen(
        [sys.executable, "-c", USE], stdout=subprocess.PIPE, text=True, env=environment
    )


def said(process: subprocess.Popen) -> str:
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and "\n[" in out
    return out


@pytest.fixture(scope="module")
def two_at_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that two processes found empty, and what each of them said."""
    folder = tmp_path_factory.mktemp("kernels")
    both = [begin(folder), begin(folder)]
    return folder, [said(process) for process in both]


def test_one_of_two_processes_compiles_and_the_other_waits(
    two_at_once: tuple[Path, list[str]],
) -> None:
    _, outs = two_at_once
    assert sorted("data saved" in out for out in outs) == [False, True]
    assert all("data loaded" in out for out in outs if "data saved" not in out)


def test_what_is_compiled_is_loaded_without_waiting(two_at_once: tuple[Path, list[str]]) -> None:
    folder, _ = two_at_once
    (filled,) = folder.rglob("avatar-*.filled")
    with FileLock(filled.with_suffix(".lock")):
        assert "data saved" not in said(begin(folder))


def test_where_nothing_can_be_kept_it_compiles_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (scratch := tmp_path / "scratch").mkdir()
    out = said(begin(
        tmp_path / "file", NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator",
        TMPDIR=str(scratch),
    ))  # fmt: skip
    assert "data saved" in out and not any(scratch.iterdir())
