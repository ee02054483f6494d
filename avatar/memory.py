"""Memory that was freed goes back to the system, where glibc would keep it for the next time."""

import ctypes

M_ARENA_MAX = -8


def keep_little() -> None:
    """For a server of many threads, at its start: they share two arenas to allocate from.

    Each would have its own, of which little ever comes back.
    """
    _glibc("mallopt", M_ARENA_MAX, 2)


def give_back() -> None:
    """What is free now."""
    _glibc("malloc_trim", 0)


def _glibc(name: str, *values: int) -> None:
    try:
        getattr(ctypes.CDLL(None), name)(*values)
    except (OSError, AttributeError, TypeError):  # no glibc, no Linux, Windows
        pass
