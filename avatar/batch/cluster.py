"""Jobs over a Ray cluster whose machines see the same folders; Ray does lost work again."""

import json
import logging
import os
import socket
import tempfile
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import RenderError
from .jobs import Outcome, Task, outcome_of
from .pool import CORES_A_WORKER, TRIES, given_up
from .renderer import Renderer

REQUIREMENTS = "requirements-batch.txt"
LOCAL = "local"
"""The address of a cluster of this machine alone, which is started for the batch."""


class Cluster:
    """Renders on the machines of a Ray cluster, through Ray Data.

    Args:
        address: of a running cluster, "auto" for the one that this machine is part of, or "local".
        workers: how many; None for one to two cores of the cluster.
    """

    def __init__(self, address: str = LOCAL, workers: int | None = None):
        self._address, self._workers = address, workers

    def __call__(
        self, tasks: Sequence[Task], renderer: Renderer
    ) -> Generator[Outcome, None, None]:
        """Yield what became of each job; closing the generator ends the workers.

        Raises:
            RenderError: if Ray is not installed, or there is no cluster at the address.
        """
        if not tasks:
            return
        ray = _connected(self._address)
        try:
            for row in self._rendered(ray, tasks, renderer).iter_rows():
                yield outcome_of(json.loads(row["outcome"]))
        except ray.exceptions.RayError as error:
            raise RenderError(f"The Ray cluster has failed: {_first_line(error)}.") from error
        finally:
            ray.shutdown()

    def _rendered(self, ray: Any, tasks: Sequence[Task], renderer: Renderer) -> Any:
        """The data set of outcomes; its rows come as they are made."""
        cores = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        workers = min(self._workers or max(cores // CORES_A_WORKER, 1), len(tasks))
        share = cores // workers or cores / workers  # Ray takes whole cores, or a part of one
        # None waits behind a long one: each worker is given a job when it has nothing to do.
        compute = ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1)
        indices = [{"index": index} for index in range(len(tasks))]
        return ray.data.from_items(indices, override_num_blocks=len(tasks)).map_batches(
            _RayWorker, batch_size=1, compute=compute, num_cpus=share,
            fn_constructor_args=(list(tasks), renderer, os.getcwd(), max(int(share), 1)),
        )  # fmt: skip


class _RayWorker:
    """What runs in each process of the cluster: rows come in and go out, no pictures.

    Ray gives the job of a worker that was killed to another one, again and again.
    """

    def __init__(self, tasks: list[Task], renderer: Renderer, folder: str, cores: int):
        os.chdir(folder)  # names of files are meant from there
        self._tasks, self._renderer = tasks, renderer
        self._claims = claim_cores(cores)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        outcomes = [self._outcome(self._tasks[index]) for index in batch["index"]]
        return {"outcome": [json.dumps(asdict(outcome)) for outcome in outcomes]}

    def _outcome(self, task: Task) -> Outcome:
        begun = self._renderer.scratch / f"begun-{task.line}"
        workers = begun.read_text().split() if begun.exists() else []
        if len(workers) >= TRIES:
            return given_up(task)
        begun.write_text("".join(f"{worker}\n" for worker in [*workers, os.getpid()]))
        return self._renderer(task)


def claim_cores(count: int) -> list[FileLock]:
    """Keep this process to cores that no other worker on this machine has claimed.

    Ray counts cores, but does not say which are whose, and an engine would use them all.

    Returns:
        The claims, which end with the process or when they are forgotten; none where too few are
        free, or where the system ties nobody to cores.
    """
    claims: dict[int, FileLock] = {}
    if hasattr(os, "sched_setaffinity"):
        for core in sorted(os.sched_getaffinity(0)):
            name = f"avatar-{os.getuid()}-core-{core}.lock"
            claim = FileLock(Path(tempfile.gettempdir()) / name)
            with suppress(OSError):  # it is another's, as Timeout says, or another user's
                claim.acquire(blocking=False)
                claims[core] = claim
            if len(claims) == count:
                os.sched_setaffinity(0, claims)
                return [*claims.values()]
    return []


def _connected(address: str) -> Any:
    """The ray package, connected to a cluster."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise RenderError(
            f"Ray is not installed: pip install -r {REQUIREMENTS}, or leave out --ray."
        ) from error
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    try:
        _knock(address)
        ray.init(
            address, log_to_driver=False, logging_level="ERROR", include_dashboard=False,
            runtime_env={"env_vars": {"PYTHONPATH": paths}},
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        reason = _first_line(error)
        raise RenderError(f"There is no Ray cluster at {address!r}: {reason}.") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray


def _knock(address: str) -> None:
    """Find out at once whether somebody listens at "host:port": Ray would try for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
