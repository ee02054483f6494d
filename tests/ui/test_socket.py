"""The WebSocket at /live, over loopback: what other programs see, and what becomes of bad ones."""

import asyncio
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from fake_engine import QuickEngine
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from avatar import Avatar
from avatar.identity import load_identity
from avatar.speech.recognize import to_pcm

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
PLACES = 4


@pytest.fixture(scope="module")
def room(uploads: Path) -> Iterator:
    from avatar.ui.live_room import LiveRoom

    mira = Avatar(load_identity("mira"), QuickEngine())
    room = LiveRoom(lambda name: mira if name in ("", "mira") else Avatar.load(name), PLACES)
    room.warm_up()
    yield room
    room.close()


@pytest.fixture(scope="module")
def address(room) -> Iterator[str]:
    import gradio as gr

    from avatar.ui.socket import live_route

    with gr.Blocks(analytics_enabled=False) as demo:
        gr.HTML("")
    app = {"routes": [live_route(room)]}
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, app_kwargs=app)
    yield url.replace("http", "ws") + "live"
    demo.close()


@pytest.fixture(autouse=True)
def nobody_left(room, address: str) -> Iterator[None]:
    """After each test all places are free, and no thread feeds anybody."""
    yield
    wait_for(lambda: not room._scheduler._seated and not room._scheduler._queue)


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def tell(client: ClientConnection, **message: object) -> None:
    client.send(json.dumps(message))


def told(client: ClientConnection, kind: str) -> dict:
    """The next message of a kind; frames and others are passed over."""
    while True:
        message = client.recv(PATIENCE_S)
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return json.loads(message)


def frame(client: ClientConnection) -> SimpleNamespace:
    from avatar.ui.live_messages import HEADER

    while isinstance(message := client.recv(PATIENCE_S), str):
        assert json.loads(message)["type"] != "error", message
    index, speaking, jpeg, sound = HEADER.unpack_from(message)
    assert len(message) == HEADER.size + jpeg + sound
    body = message[HEADER.size :]
    return SimpleNamespace(
        index=index, speaking=speaking, jpeg=body[:jpeg], sound=np.frombuffer(body[jpeg:], "<i2")
    )


def speech(client: ClientConnection) -> list[SimpleNamespace]:
    """The frames of the next speech."""
    frames: list[SimpleNamespace] = []
    while not frames or frames[-1].speaking:
        frames = [f for f in [*frames, frame(client)] if f.speaking or frames]
    return frames[:-1]


@pytest.fixture
def client(address: str) -> Iterator[ClientConnection]:
    with connect(address, compression=None) as client:
        tell(client, type="start")
        assert told(client, "ready")["fps"] == 25
        yield client


def test_a_text_is_said_and_she_listens_before_and_after(client: ClientConnection) -> None:
    assert not frame(client).speaking
    tell(client, type="say", text="Hello.")
    frames = speech(client)
    assert [f.index for f in frames] == [*range(frames[0].index, frames[0].index + len(frames))]
    assert all(len(f.sound) == 640 for f in frames)
    assert max(abs(f.sound).max() for f in frames) > 999
    picture = cv2.imdecode(np.frombuffer(frames[5].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (512, 512, 3)


def test_sound_comes_back_as_it_was_sent_with_a_mouth(client: ClientConnection) -> None:
    pcm = (9000 * np.sin(np.arange(16_000) / 9)).astype("<i2")
    for start in range(0, len(pcm), 1234):
        client.send(pcm[start : start + 1234].tobytes())
    tell(client, type="end")
    frames = speech(client)
    np.testing.assert_array_equal(np.concatenate([f.sound for f in frames]), pcm)


def test_an_interruption_is_heard_at_once_though_much_waits(client: ClientConnection) -> None:
    minute = to_pcm(np.zeros(16_000 * 60, np.float32))
    tell(client, type="say", text="This is a long sentence, and more of it is to come. " * 30)
    while not frame(client).speaking:
        pass
    for _ in range(3):
        client.send(minute)
    tell(client, type="interrupt")
    start = time.monotonic()
    while frame(client).speaking:
        assert time.monotonic() - start < PATIENCE_S
    tell(client, type="say", text="Hello.")
    assert len(speech(client)) < 40


def test_an_interruption_overtakes_half_a_minute_in_small_pieces(client: ClientConnection) -> None:
    for _ in range(30 * 50):
        client.send(to_pcm(np.full(320, 0.1, np.float32)))
    while not frame(client).speaking:
        pass
    tell(client, type="interrupt")
    assert len(speech(client)) < 4 * 25


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ('{"type": "say", "text": ""}', "nothing to say"),
        ('{"type": "say", "text": "Hi.", "voice": "klingon"}', "no voice"),
        ('{"type": "say", "text": "Hi.", "voice": "some/repo"}', "no voice"),
        ('{"type": "say", "text": "Hi.", "rate": 1e99}', "rate must be"),
        ('{"type": "say", "text": "Hi.", "rate": 1%s}' % ("0" * 400), "rate must be"),
        ('{"type": "say", "text": "%s"}' % ("word " * 500), "2500 characters"),
        (b"odd", "half a sample"),
    ],
)
def test_what_cannot_be_said_is_told_and_all_goes_on(
    client: ClientConnection, message: str | bytes, sentence: str
) -> None:
    client.send(message)
    assert sentence in told(client, "error")["message"]
    tell(client, type="say", text="Hello.")
    assert speech(client)


GARBAGE = [
    "", "hello", "[1]", '{"type": 3}', '{"type": "dance"}', '{"type": "start"}', "[" * 100_000,
    '{"type": "say", "text": 5}', '{"type": "say", "text": "a", "pitch": "high"}', "1" * 9999,
    b"\0" * (2**21 + 2),
]  # fmt: skip


@pytest.mark.parametrize("message", GARBAGE)
def test_garbage_ends_the_connection_with_a_sentence(
    client: ClientConnection, message: str | bytes
) -> None:
    client.send(message)
    assert told(client, "error")["message"].endswith(".")
    with pytest.raises(ConnectionClosed) as closed:
        told(client, "nothing more")
    assert closed.value.rcvd.code in (1008, 1009)


@pytest.mark.parametrize("message", [*GARBAGE[:5], b"\0\0", '{"type": "end"}'])
def test_nothing_comes_before_the_start(address: str, message: str | bytes) -> None:
    with connect(address) as client:
        client.send(message)
        assert told(client, "error")["message"].endswith(".")


@pytest.mark.parametrize("wish", [{"identity": "nobody"}, {"clip": "dancing"}, {"clip": 5}])
def test_who_is_not_there_is_told_so(address: str, wish: dict) -> None:
    with connect(address) as client:
        tell(client, type="start", **wish)
        assert told(client, "error")["message"].endswith(".")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(PATIENCE_S)
        assert closed.value.rcvd.code == 1008


def test_who_finds_no_place_is_told_to_try_again(
    room, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for full in ({"limit": 0, "waiting": 0}, {"_closed": True}):
        with monkeypatch.context() as patch, connect(address) as client:
            for name, value in full.items():
                patch.setattr(room._scheduler, name, value)
            tell(client, type="start")
            assert "come back" in told(client, "error")["message"]
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(PATIENCE_S)
            assert closed.value.rcvd.code == 1013


def test_pages_of_other_sites_are_kept_out(address: str) -> None:
    for origin in ("https://elsewhere.example", "null", "http://["):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin=origin)
        assert refused.value.response.status_code == 403
    here, page = urlsplit(address), "http://rebound.example:7860"
    with socket.create_connection((here.hostname, here.port)) as led_here:
        with pytest.raises(InvalidStatus) as refused:
            connect(page.replace("http", "ws") + "/live", origin=page, sock=led_here)
        assert refused.value.response.status_code == 403
    with connect(address, origin="http://localhost:7860") as client:
        tell(client, type="start")
        assert told(client, "ready")


def test_who_dies_in_the_midst_frees_the_place(room, address: str) -> None:
    """Before the start, in mid-frame, in mid-sentence, in mid-message."""
    long = json.dumps({"type": "say", "text": "And so on, and so on. " * 50})
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address, compression=None)) for _ in range(4)]
        for client in clients[1:]:
            tell(client, type="start")
            told(client, "ready")
            client.send(long)
        frame(clients[1])
        clients[2].socket.sendall(b"\x81\xfe\x10")  # the head of a message
        for client in clients:
            client.socket.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: not room._scheduler._seated)


def test_who_does_not_look_has_to_go(
    room, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar.ui.socket.SEND_S", 0.5)
    monkeypatch.setattr("avatar.ui.socket.encoded_frame", lambda frame: bytes(2**20))
    with connect(address, compression=None, max_queue=1, close_timeout=0.1) as client:
        tell(client, type="start")
        wait_for(lambda: room._scheduler._seated)
        wait_for(lambda: not room._scheduler._seated)
        # Nothing that was sent is kept for whoever may read on.
        broken = (socket.SOL_SOCKET, socket.SO_ERROR)
        wait_for(lambda: client.socket.getsockopt(*broken) == errno.ECONNRESET)


def test_who_sends_an_hour_at_once_is_read_as_it_is_shown(room, address: str) -> None:
    from avatar.ui.socket import AHEAD_S

    minute = bytes(2 * 16_000 * 60)

    async def send(client: AsyncConnection) -> None:
        for _ in range(60):
            await client.send(minute)

    async def talk() -> None:
        async with connect_async(address, compression=None, close_timeout=0.1) as client:
            await client.send('{"type": "start"}')
            sending = asyncio.create_task(send(client))
            for _ in range(50):
                await asyncio.wait_for(client.recv(), PATIENCE_S)
                assert all(s.session.waiting_s <= 60 + AHEAD_S for s in room._scheduler._seated)
            assert not sending.done()
            sending.cancel()
            client.transport.abort()  # a farewell would wait behind what is never read

    with ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may be running
        thread.submit(asyncio.run, talk()).result()


def test_who_says_nothing_for_long_gives_the_place_to_who_waits(
    room, address: str, client: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar.ui.socket.QUIET_S", 0.5)
    monkeypatch.setattr("avatar.ui.socket.LOOK_S", 0.1)
    monkeypatch.setattr(room._scheduler, "limit", 1)
    tell(client, type="say", text="Hello.")
    assert len(speech(client)) > 8
    for _ in range(50):  # she is watched for two seconds, and nobody else came
        assert not frame(client).speaking
    with connect(address, compression=None) as another:
        tell(another, type="start")
        assert told(another, "waiting")["place"] == 1
        assert "Nothing was said" in told(client, "error")["message"]
        assert told(another, "ready")
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(PATIENCE_S)
    assert closed.value.rcvd.code == 1013


def test_who_does_not_start_has_to_go(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avatar.ui.socket.START_S", 0.2)
    with connect(address) as client:
        assert "Nobody said" in told(client, "error")["message"]


def test_fifty_people_at_once_are_served_queued_or_refused(room, address: str) -> None:
    ends: list[str] = []

    def visit(_: int) -> None:
        with connect(address, compression=None, open_timeout=PATIENCE_S) as client:
            tell(client, type="start")
            for message in client:
                kind = "frame" if isinstance(message, bytes) else json.loads(message)["type"]
                if kind == "frame" or kind == "error":
                    ends.append(kind)
                    return

    with ThreadPoolExecutor(50) as people:
        list(people.map(visit, range(50)))
    assert len(ends) == 50 and ends.count("frame") >= PLACES


def test_nothing_is_left_of_all_this(room, address: str, uploads: Path) -> None:
    """Bounded pools of threads and no files; the process stays as large as it was."""
    import psutil

    def visit() -> None:
        with connect(address, compression=None) as client:
            tell(client, type="start")
            tell(client, type="say", text="Hello.")
            while not frame(client).speaking:
                pass

    before = set(uploads.rglob("*"))
    for _ in range(3):
        visit()
    threads, memory = threading.active_count(), psutil.Process().memory_info().rss
    for _ in range(12):
        visit()
    wait_for(lambda: not room._scheduler._seated)
    assert threading.active_count() <= threads + 3  # the loop's pool may not be full yet
    assert psutil.Process().memory_info().rss - memory < 60e6
    assert set(uploads.rglob("*")) == before


def run_client(folder: Path, out: str, address: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "examples" / "live_client.py", "Hello.", out, address]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)


def test_the_client_in_the_examples_keeps_a_sentence(address: str, tmp_path: Path) -> None:
    done = run_client(tmp_path, "hello.mp4", address)
    assert "frames came after" in done.stdout, done.stderr
    capture = cv2.VideoCapture(str(tmp_path / "hello.mp4"))
    assert abs(capture.get(cv2.CAP_PROP_FRAME_COUNT) - int(done.stdout.split()[-6])) <= 1


def test_the_client_in_the_examples_fails_in_one_sentence(address: str, tmp_path: Path) -> None:
    for out, at, sentence in (
        ("hello.xyz", address, "hello.xyz could not be written"),
        ("hello.mp4", "ws://127.0.0.1:1/live", "She cannot be talked to at ws://127.0.0.1:1"),
    ):
        done = run_client(tmp_path, out, at)
        assert done.returncode == 1 and done.stderr.startswith(sentence), done.stderr
        assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())
