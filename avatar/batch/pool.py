"""Jobs over processes of this machine; one that is killed loses nothing but its own work so far."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

from .jobs import Outcome, Task
from .renderer import Renderer

CORES_A_WORKER = 2
"""An engine, its encoder and Python keep so many cores busy."""
TRIES = 2
"""A job that ends its worker so often is given up: it would end all of them."""
GRACE_S = 5.0
"""Time for a worker to put its things away when it is to end."""

_renderer: Renderer
"""In a worker, what renders."""


class Pool:
    """Renders on processes that share the cores among them.

    Args:
        workers: how many; None for one to two cores.
    """

    def __init__(self, workers: int | None = None):
        self._cores = _cores()
        self.workers = workers or max(len(self._cores) // CORES_A_WORKER, 1)

    def __call__(
        self, tasks: Sequence[Task], renderer: Renderer
    ) -> Generator[Outcome, None, None]:
        """Yield what became of each job, in the order in which they end.

        Closing the generator ends all processes, whatever they do.
        """
        waiting, lost = deque(tasks), Counter[int]()
        count = min(self.workers, len(tasks))
        idle = [_Worker(renderer, _share(self._cores, n, count)) for n in range(count)]
        busy: dict[Future, tuple[_Worker, Task]] = {}
        try:
            while waiting or busy:
                while idle and waiting:
                    worker, task = idle.pop(), waiting.popleft()
                    busy[worker.submit(task)] = worker, task
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    worker, task = busy.pop(future)
                    idle.append(worker)
                    try:
                        yield future.result()
                    except (BrokenProcessPool, SystemExit):  # killed, or asked to end
                        worker.stop()
                        lost[task.line] += 1
                        if lost[task.line] < TRIES:
                            waiting.appendleft(task)
                        else:
                            yield given_up(task)
        finally:
            for worker, _ in busy.values():
                worker.interrupt()
            for worker in [*idle, *(worker for worker, _ in busy.values())]:
                worker.stop()


def given_up(task: Task) -> Outcome:
    """What became of a job that ended its worker too often."""
    return Outcome(
        task.line, task.job.out, fingerprint=task.fingerprint,
        error=f"Its worker was ended from outside {TRIES} times, maybe for lack of memory: try "
        "again with fewer --workers.",
    )  # fmt: skip


class _Worker:
    """One process that does one job after another on its share of the cores.

    Each has an executor of its own: when one process of a ``ProcessPoolExecutor`` is killed, all
    of them are ended, and nobody knows whose job it was.
    """

    def __init__(self, renderer: Renderer, cores: list[int]):
        self._arguments = cores, renderer
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def submit(self, task: Task) -> Future:
        """Begin a job; the process starts with the first one."""
        try:
            return self._started().submit(_render, task)
        except BrokenProcessPool:  # killed while it had nothing to do
            self.stop()
            return self._started().submit(_render, task)

    def interrupt(self) -> None:
        """Break off what the process is at."""
        self._lifeline.close()

    def stop(self) -> None:
        """End the process when it has nothing to do; a later job starts another."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._lifeline.close()
            self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            end, self._lifeline = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(1, context, _begin, (end, *self._arguments))
        return self._pool


def _begin(lifeline: Connection, cores: list[int], renderer: Renderer) -> None:
    """Get a process ready: Ctrl-C is its parent's, with whom it ends; libraries see its cores."""
    global _renderer
    _renderer = renderer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _break_off)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _break_off(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is being put away is not disturbed
    sys.exit(1)


def _end_with(lifeline: Connection) -> None:
    """End when the other end closes: the parent wants it to, or is gone."""
    lifeline.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def _render(task: Task) -> Outcome:
    return _renderer(task)


def _cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _share(cores: list[int], index: int, count: int) -> list[int]:
    """The cores of one of so many workers, neighbours; where there are too few, one for each."""
    first, last = (i * len(cores) // count for i in (index, index + 1))
    return cores[first:last] or [cores[index % len(cores)]]
