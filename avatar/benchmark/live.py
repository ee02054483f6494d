"""How many people this machine talks to at once, how evenly, and how soon.

All of it is measured in one process with the JPEGs that ``/live`` sends, while everybody speaks
without a pause, which is the most that can be asked for.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import numpy as np

from ..avatar import Avatar
from ..render.scheduler import ROOM, Scheduler, Seat
from ..render.session import LiveSession
from ..ui.live_messages import HEADER, encoded_frame
from ..ui.live_room import LiveRoom
from ..ui.socket import live_route
from .machine import resident_mb
from .stand import TEXT, Stand, speech_of

SETTLED = 10
"""Frames at the start that do not count."""
TRIAL_S = 5.0
"""Seconds of each trial."""
MOST = 256
"""No more sessions are tried."""
HOLDING = 4
"""Sessions whose memory is measured together: that of one is lost in what the process rounds."""
ASKED = 5
"""How often the first frame is waited for; the median counts."""


def time_live(stand: Stand) -> dict[str, Any]:
    """Measure live sessions, each of which speaks ``TRIAL_S`` seconds at a time.

    Returns:
        Plain values for JSON: ``sessions``, the most at which 95 frames of 100 come no later than
        1 / fps s after they are due; ``late_p50_s`` and ``late_p95_s`` at that number, below zero
        where frames are ahead; ``first_frame_s``, from a text sent over loopback to the first
        frame of speech; ``memory_mb``, what a session adds to the process, see ``_memory_mb``.
    """
    avatar = stand.avatar
    first_frame_s = _first_frame_s(avatar)  # and all is warm then
    memory_mb = _memory_mb(avatar)
    held, most, found = 0, MOST + 1, {}
    while (count := min(2 * held or 1, (held + most) // 2)) > held:
        late = _trial(avatar, count, TRIAL_S)
        if np.percentile(late, 95) > 1 / avatar.identity.config.fps:
            most = count
        else:
            held = count
            found = {
                "late_p50_s": round(float(np.percentile(late, 50)), 4),
                "late_p95_s": round(float(np.percentile(late, 95)), 4),
            }
    return {
        "sessions": held, **found,
        "first_frame_s": round(first_frame_s, 3), "memory_mb": memory_mb,
    }  # fmt: skip


def _trial(avatar: Avatar, count: int, seconds: float) -> list[float]:
    """Lateness of each frame in seconds while ``count`` sessions speak."""
    late: list[float] = []
    scheduler = Scheduler(count)
    with ExitStack() as stack, ThreadPoolExecutor(count) as viewers:
        stack.callback(scheduler.close)
        sessions = [LiveSession(avatar.identity) for _ in range(count)]
        for session in sessions:
            session.say(TEXT * (1 + int(seconds / 10)))
        seats = [scheduler.join(session, avatar.engine) for session in sessions]
        views = [viewers.submit(_watch, seat, seconds, late) for seat in seats]
        time.sleep(seconds)
        scheduler.close()
        for view in views:
            view.result()
    return late


def _memory_mb(avatar: Avatar) -> float | None:
    """What a session adds to a process that is warm, the mean of some at once.

    A recogniser that has heard a second, a text that waits, and as many frames that nobody takes
    as there is room for. None where the system does not tell.
    """
    second = speech_of(1)
    before, arrived, scheduler = resident_mb(), threading.Semaphore(0), Scheduler(HOLDING)
    sessions = [LiveSession(avatar.identity) for _ in range(HOLDING)]
    try:
        for session in sessions:
            session.push(second)
            session.say(TEXT)
            scheduler.join(session, avatar.engine, notify=arrived.release)
        for _ in range(HOLDING * ROOM):
            arrived.acquire()
        after = resident_mb()
    finally:
        scheduler.close()
    return None if before is None else round((after - before) / HOLDING, 1)


def _watch(seat: Seat, seconds: float, late: list[float]) -> None:
    """Take a session's frames as the endpoint does."""
    for frame in seat:
        encoded_frame(frame)
        if frame.shot.index >= SETTLED:
            late.append(frame.late_s)


def _first_frame_s(avatar: Avatar) -> float:
    from websockets.sync.client import connect

    room = LiveRoom(lambda name: avatar, limit=1)
    room.warm_up()
    with _served(room) as address, connect(address, compression=None, max_size=None) as client:
        client.send('{"type": "start"}')
        return median(_answer_s(client) for _ in range(ASKED))


def _answer_s(client: Any) -> float:
    """Seconds from a text to the first frame of speech; waits until she has stopped."""
    while _speaks(client.recv()):
        pass
    start = time.perf_counter()
    client.send(json.dumps({"type": "say", "text": TEXT}))
    while not _speaks(client.recv()):
        pass
    spent = time.perf_counter() - start
    client.send('{"type": "interrupt"}')
    return spent


def _speaks(message: str | bytes) -> bool:
    return isinstance(message, bytes) and bool(HEADER.unpack_from(message)[1])


@contextmanager
def _served(room: LiveRoom) -> Iterator[str]:
    """The endpoint alone, on a free port of this machine."""
    import uvicorn
    from starlette.applications import Starlette

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[live_route(room)]), log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/live"
    finally:
        server.should_exit = True
        room.close()
        thread.join()
