"""Work in pieces, on several processes, that goes on where it was stopped.

Each piece leaves one file, written whole or not at all; a piece whose file is there is done.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..files import replacing


@dataclass(frozen=True)
class Piece:
    """A part of the work."""

    result: Path
    """An .npz file."""
    function: Callable[..., dict[str, np.ndarray]]
    """Found by its name in another process."""
    arguments: tuple[Any, ...]
    size: int
    """How much of the whole it is."""

    def do(self) -> None:
        """Do it and keep the result."""
        arrays = self.function(*self.arguments)
        self.result.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.result) as temporary:
            np.savez(temporary, **arrays)

    def load(self) -> dict[str, np.ndarray]:
        """What it gave.

        Raises:
            CaptureError: if its file is damaged.
        """
        try:
            with np.load(self.result, allow_pickle=False) as data:
                return dict(data)
        except (OSError, ValueError) as error:
            raise CaptureError(
                f"{self.result} is damaged: delete the folder and start anew."
            ) from error


class Workers:
    """Processes that do pieces; ``workers`` starts them."""

    def __init__(self, pool: ProcessPoolExecutor | None):
        self._pool = pool

    def do(self, pieces: Sequence[Piece], tell: Callable[[int, int], None]) -> None:
        """Do all pieces that are not done.

        Args:
            pieces: in any order.
            tell: called with how much is done, of how much.

        Raises:
            CaptureError: if a process was killed.
        """
        total = sum(piece.size for piece in pieces)
        open_pieces = [piece for piece in pieces if not piece.result.exists()]
        done = total - sum(piece.size for piece in open_pieces)
        tell(done, total)
        for piece in self._finished(open_pieces):
            done += piece.size
            tell(done, total)

    def _finished(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        if self._pool is None:
            for piece in pieces:
                piece.do()
                yield piece
            return
        futures: dict[Future, Piece] = {self._pool.submit(piece.do): piece for piece in pieces}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise CaptureError(
                "A process was stopped from outside, maybe for lack of memory: run the same "
                "command again with fewer --processes."
            ) from error


@contextmanager
def workers(processes: int) -> Iterator[Workers]:
    """Start processes; when the block ends, what they are at is finished, and the rest left."""
    if processes == 1:
        yield Workers(None)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_begin)
    try:
        yield Workers(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """A process leaves Ctrl-C to its parent, ends with it, and keeps to one core."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MediaPipe's threads talk; errors are passed on
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
