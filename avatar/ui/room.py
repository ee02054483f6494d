"""Whether this host has room to make people's own avatars, and how much it takes in."""

import os
import shutil
from pathlib import Path

MEMORY_GB = 6
"""What ``prepare`` and ``train`` want, with the page beside them and something to spare."""
DISK_GB = 5
"""What a few films, their frames and a training take."""
VIDEO_MB = 200
"""The largest video to compare; films for avatars may be larger."""
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container says how much of the machine's memory it may use."""
ELSEWHERE = "On a machine of your own the same page does it: python -m avatar serve."


def home() -> Path:
    """The folder of all that is being made."""
    if os.environ.get("SPACE_ID"):
        return Path("/data/avatar-studio")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "avatar" / "studio"


def obstacle(folder: Path) -> str | None:
    """What stands in the way of making avatars in ``folder``, as a sentence; None if nothing."""
    if os.name != "posix":
        return "Avatars are made on Linux and macOS only, not on this host."
    if os.environ.get("SPACE_ID") and not os.path.ismount("/data"):
        return (
            "This Space keeps nothing when it sleeps, so no avatar can be made in it: "
            f"it would need storage at /data. {ELSEWHERE}"
        )
    if memory_gb() < MEMORY_GB:
        return (
            f"This host has {memory_gb():.0f} GB of memory and making an avatar needs "
            f"{MEMORY_GB}. {ELSEWHERE}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return None
    except OSError:
        pass
    return f"This host has no folder where films could be kept. {ELSEWHERE}"


def memory_gb() -> float:
    """Memory that this process and its children may use, in GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        try:
            total = min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            pass  # no such file, or "max"
    return total / 2**30


def disk_gb(folder: Path) -> float:
    """What is free on the disk of a folder, in GiB."""
    return shutil.disk_usage(folder).free / 2**30
