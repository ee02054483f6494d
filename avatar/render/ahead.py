"""Frames made ahead in a thread, while those before them are written or shown."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

ENDED = object()


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """What ``items`` gives, with up to ``count`` made ahead from the first request on.

    ``items`` runs in a thread of its own; closing this iterator stops it after the item that it is
    at, and waits for that. What it raises is raised here.
    """
    made: queue.Queue = queue.Queue(count)
    stopped = threading.Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                pass

    def make() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    break
            put(ENDED)
        except BaseException as error:  # raised where it is waited for
            put(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not ENDED:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
        if hasattr(items, "close"):
            items.close()
