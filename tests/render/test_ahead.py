import threading
import time
from collections.abc import Iterator

import pytest

from avatar.render.ahead import ahead


class Source:
    """Numbers, counted as they are made; closed at the end."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.made, self.closed, self.fails_at = 0, False, fails_at

    def __iter__(self) -> Iterator[int]:
        try:
            for i in range(100):
                if i == self.fails_at:
                    raise ValueError("broken")
                self.made += 1
                yield i
        finally:
            self.closed = True


def settled(source: Source) -> int:
    """How many are made when no more come."""
    before = -1
    while before != source.made:
        before = source.made
        time.sleep(0.05)
    return before


def test_all_come_in_order_and_no_thread_is_left() -> None:
    threads, source = threading.active_count(), Source()
    assert list(ahead(iter(source), 3)) == list(range(100))
    assert source.closed and threading.active_count() == threads


def test_only_so_many_are_made_ahead() -> None:
    source = Source()
    items = ahead(iter(source), 3)
    assert source.made == 0  # nothing before the first request
    next(items)
    assert settled(source) <= 1 + 3 + 1  # taken, waiting, at hand
    items.close()
    assert source.closed and source.made <= 6


def test_what_goes_wrong_is_raised_after_what_was_made() -> None:
    items = ahead(iter(Source(fails_at=2)), 8)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(items)
