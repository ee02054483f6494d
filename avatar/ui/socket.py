"""The live endpoint for other programs, a WebSocket at ``/live``: she speaks while you write.

A client sends JSON in text messages, and sound in binary ones; all but ``type`` and ``text`` may be
left out:

    {"type": "start", "identity": "mira", "clip": "gentle"}     comes first
    {"type": "say", "text": "Hello.", "voice": "en-us", "rate": 1, "pitch": 1}
    (binary: 16-bit PCM, little-endian, mono, 16 kHz, any length up to a minute)
    {"type": "end"}                                             of what is said by sound
    {"type": "interrupt"}                                       stops what is said

The server sends JSON in text messages, and frames in binary ones:

    {"type": "waiting", "place": 2}                             of those who wait for a place
    {"type": "ready", "identity": "mira", "fps": 25.0, "width": 512, "height": 512, "rate": 16000}
    {"type": "error", "message": "One sentence."}
    (binary: ``HEADER``, a JPEG, and the sound of that frame as PCM like the client's)

Frames come in real time for as long as the socket is open, those of speech up to 0.24 s ahead;
frame i is due i / fps seconds after frame 0. A frame without a JPEG could not be rendered: go on
showing the one before. What cannot be said is answered with an error, and all goes on; what is no
message of the above ends the connection. Sound that is sent ahead is taken ten seconds before it is
shown; an interruption overtakes what waits until then. No more than 16 MiB wait, each message taken
as 1 KiB more than it has, which are three minutes of sound in pieces of 20 ms: nothing further is
read before some of it is taken, so send no further ahead what you may want to interrupt.

The connection ends with code 1013 where there is no place now, or where nothing was said for two
minutes and somebody else waits for the place: try again later. It ends with 1001 where the server
stops, and with 1008 or 1009 where the same would end in the same way again.
"""

import asyncio
import logging
import struct
from collections.abc import Callable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import AvatarError, PlaceError
from ..render.scheduler import Seat
from .live_messages import (
    GOING_AWAY,
    NO_PLACE,
    REFUSED,
    Farewell,
    encoded_frame,
    parsed,
    ready,
    sound_of,
    values_of,
)
from .live_room import LiveRoom
from .origin import is_foreign
from .request import Request

log = logging.getLogger(__name__)

GIVEN_ON = "Nothing was said for a while, so the place was given to the next who waited for one."
START_S = 10
"""Seconds to wait for the first message."""
QUIET_S = 120
"""Seconds after which somebody who says nothing gives the place to the next, if one waits."""
SEND_S = 20
"""Seconds to wait for somebody who does not take what is sent."""
AHEAD_S = 10
"""Seconds of speech that may wait; more is not read from the socket before."""
WAITING_BYTES, MESSAGE_BYTES = 2**24, 2**10
"""Size of the messages that may wait, and what each takes beside its own."""
POLL_S, LOOK_S = 0.05, 1
"""Seconds between two looks at what waits to be said, and at who waits for a place."""


def live_route(room: LiveRoom) -> WebSocketRoute:
    """The endpoint, for the routes of a server."""

    async def endpoint(socket: WebSocket) -> None:
        if is_foreign(socket.headers, socket.scope["server"]):
            await socket.close(REFUSED)
            return
        await socket.accept()
        code = 1000
        try:
            await Connection(socket, room).run()
        except WebSocketDisconnect:
            return
        except Farewell as farewell:
            code = farewell.code
            await _try(socket, socket.send_json({"type": "error", "message": str(farewell)}))
        except Exception:
            log.exception("a live connection broke down")
            code = 1011
        await _try(socket, socket.close(code))

    return WebSocketRoute("/live", endpoint)


class Connection:
    """One client: what it says is fed into a session, whose frames are sent."""

    def __init__(self, socket: WebSocket, room: LiveRoom):
        self._socket, self._room = socket, room
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._jobs: asyncio.Queue[tuple[int, int, Callable[[], None]]] = asyncio.Queue()
        self._interruptions = self._waiting = 0
        self._active = self._loop.time()

    async def run(self) -> None:
        """Stay until the client goes.

        Raises:
            WebSocketDisconnect: when it went.
            Farewell: when it has to go.
        """
        try:
            first = parsed(await self._receive(START_S))
        except asyncio.TimeoutError:
            raise Farewell(f"Nobody said who should be shown for {START_S} s.") from None
        seat = await self._join(first)
        tasks = [
            asyncio.create_task(work)
            for work in (self._read(seat), self._feed(seat), self._send(seat))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            seat.session.interrupt()  # whoever makes sentences for it may stop
            seat.close()
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _join(self, message: dict[str, Any] | bytes) -> Seat:
        if isinstance(message, bytes) or message["type"] != "start":
            raise Farewell('The first message should be {"type": "start"}.')
        identity, clip = values_of(message, identity="", clip="")
        try:
            return await asyncio.to_thread(
                self._room.join, identity, clip or None, notify=self._notify
            )
        except PlaceError as error:
            raise Farewell(str(error), NO_PLACE) from error
        except AvatarError as error:
            raise Farewell(str(error)) from error

    def _notify(self) -> None:
        with suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _read(self, seat: Seat) -> None:
        """Hand on what comes; an interruption does not wait behind the rest."""
        while True:
            try:
                left = self._active + QUIET_S - self._loop.time()
                data = await self._receive(max(left, LOOK_S))
            except asyncio.TimeoutError:
                if seat.place or self._waiting:
                    self._active = self._loop.time()
                if self._loop.time() < self._active + QUIET_S or not seat.give_on():
                    continue
                raise Farewell(GIVEN_ON, NO_PLACE) from None
            self._active = self._loop.time()
            message = parsed(data)
            if isinstance(message, dict) and message["type"] == "interrupt":
                self._interruptions += 1
                seat.session.interrupt()
            else:
                while self._waiting > WAITING_BYTES:
                    await asyncio.sleep(POLL_S)
                size = MESSAGE_BYTES + len(data)
                self._waiting += size
                self._jobs.put_nowait((self._interruptions, size, _job(message, seat)))

    async def _feed(self, seat: Seat) -> None:
        while True:
            since, size, job = await self._jobs.get()
            while since == self._interruptions and seat.session.waiting_s > AHEAD_S:
                await asyncio.sleep(POLL_S)
            try:
                if since == self._interruptions:
                    await asyncio.to_thread(self._do, since, job)
            except AvatarError as error:
                await self._tell({"type": "error", "message": str(error)})
            self._waiting -= size

    def _do(self, since: int, job: Callable[[], None]) -> None:
        """Do a job in a thread, which may come late, if it was not interrupted meanwhile."""
        if since == self._interruptions:
            job()

    async def _send(self, seat: Seat) -> None:
        """Send frames, and the place when it changes, until the seat is closed."""
        told = None
        while not seat.closed:
            if seat.place != told:
                told = seat.place
                self._active = self._loop.time()
                waiting = {"type": "waiting", "place": told}
                await self._tell(waiting if told else ready(seat.session))
            while (frame := seat.get()) is not None:
                data = await self._loop.run_in_executor(self._room.encoders, encoded_frame, frame)
                await self._in_time(self._socket.send_bytes(data))
                if frame.shot.speaking:
                    self._active = self._loop.time()
            await self._changed.wait()
            self._changed.clear()
        raise Farewell("The server is going down: come back in a few minutes.", GOING_AWAY)

    async def _receive(self, seconds: float) -> str | bytes:
        """The next message, unread."""
        event = await asyncio.wait_for(self._socket.receive(), seconds)
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event["code"])
        return event["bytes"] if event.get("text") is None else event["text"]

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._in_time(self._socket.send_json(message))

    async def _in_time(self, sending: Any) -> None:
        try:
            await asyncio.wait_for(sending, SEND_S)
        except asyncio.TimeoutError:
            _abort(self._socket)
            raise WebSocketDisconnect(1006, "nobody takes what is sent") from None


def _job(message: dict[str, Any] | bytes, seat: Seat) -> Callable[[], None]:
    """What a message asks for."""
    if isinstance(message, bytes):
        return lambda: seat.session.push(sound_of(message))
    if message["type"] == "end":
        return seat.session.end
    if message["type"] == "say":
        how = {name: getattr(Request, name) for name in ("voice", "rate", "pitch")}
        said = values_of(message, text="", **how)  # the message may hold far more
        return lambda: _say(seat, *said)
    raise Farewell(f"There is no message of type {message['type'][:20]!r} here.")


def _say(seat: Seat, text: str, voice: str, rate: float, pitch: float) -> None:
    wanted = Request(text=text, voice=voice, rate=rate, pitch=pitch)
    seat.session.say(wanted.text, wanted.voice, wanted.rate, wanted.pitch)


async def _try(socket: WebSocket, sending: Any) -> None:
    """Send to somebody who may be gone."""
    try:
        await asyncio.wait_for(sending, SEND_S)
    except asyncio.TimeoutError:
        _abort(socket)
    except (RuntimeError, WebSocketDisconnect, OSError):
        pass


def _abort(socket: WebSocket) -> None:
    """End the connection of somebody who does not read: what was to be sent is thrown away.

    A server's close waits until all is sent. ASGI has no other end, so this asks uvicorn, whose
    method ``receive`` is; under another server the connection ends by that server's own limits.
    """
    transport = getattr(getattr(socket._receive, "__self__", None), "transport", None)
    if transport is not None:
        # Nor does the kernel go on to offer what it holds.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
        transport.abort()
