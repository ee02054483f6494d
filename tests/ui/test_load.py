"""The served page under fault and load: each job gets a clear end, and the next one is done.

The pictures cost nothing; the server, the reading process, ffmpeg and the queue are the real ones.
"""

import errno
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fake_engine import QuickEngine
from gradio.route_utils import GradioUploadFile

from avatar.render import video
from avatar.ui.bodies import LIMIT_MB
from avatar.ui.page import QUEUE
from avatar.ui.room import VIDEO_MB
from avatar.ui.status import FULL, SORRY

PATIENCE_S = 120
LONG = "And so on, and so on, for a good while yet, until somebody stops it. " * 8
ME = psutil.Process()


class Server:
    """What a program without a library of Gradio's sees of the page."""

    def __init__(self, stage, url: str, uploads: Path, scratch: Path):
        self.stage, self.uploads, self.scratch = stage, uploads, scratch
        self.before: set[Path] = set()
        """Jobs that others have left."""
        self.api = f"{url}gradio_api"
        self.port = urlsplit(url).port

    def begin(self, **wishes: object) -> httpx.Response:
        body = json.dumps(wishes).encode()  # NaN too, which httpx would not send
        return httpx.post(f"{self.api}/call/v2/speak", content=body, timeout=PATIENCE_S,
                          headers={"content-type": "application/json"})  # fmt: skip

    @contextmanager
    def watched(self, job: httpx.Response) -> Iterator[Iterator[str]]:
        """The lines that tell of a job; leaving the block is hanging up."""
        address = f"{self.api}/call/speak/{job.json()['event_id']}"
        with httpx.stream("GET", address, timeout=PATIENCE_S) as answer:
            yield answer.iter_lines()

    def end(self, job: httpx.Response) -> str:
        """How a job ends: "complete", or the sentence that it ends with."""
        with self.watched(job) as lines:
            kind, data = [line.partition(": ")[2] for line in lines if line][-2:]
        if kind == "complete":
            made = Path(json.loads(data)[0]["path"])
            assert made.read_bytes()[4:8] == b"ftyp"
            shutil.rmtree(made.parent)  # what would be done in an hour
            return kind
        assert kind == "error"
        return (json.loads(data) or {}).get("error") or "nothing is told"

    def upload(self, data: bytes | BinaryIO) -> httpx.Response:
        sent = {"files": ("sound.wav", data)}
        return httpx.post(f"{self.api}/upload", files=sent, timeout=PATIENCE_S)

    def jobs(self) -> list[Path]:
        return [job for job in self.uploads.glob("avatar-*") if job not in self.before]

    def left(self) -> set[object]:
        """Files and threads that a job may leave."""
        pool = "AnyIO worker thread"  # of a bounded number, and they end when they are not used
        threads = {thread for thread in threading.enumerate() if thread.name != pool}
        return {*self.uploads.rglob("*"), *self.scratch.glob("avatar-*"), *threads}


@pytest.fixture(scope="module")
def server(uploads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from avatar.ui.backstage import Backstage
    from avatar.ui.page import build, launch_options
    from avatar.ui.workshop import Workshop

    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avatar.ui.backstage.make_engine", lambda *_: QuickEngine())
        patch.setattr(tempfile, "tempdir", str(scratch))
        stage = Backstage(workshop=Workshop(scratch / "workshop", "Nothing is made here."))
        stage.worker.start()
        demo = build(stage)
        _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(stage))
        yield Server(stage, url, uploads, scratch)
        demo.close()
        stage.live.close()
        stage.worker.stop()
        stage.workshop.close()


@pytest.fixture(autouse=True)
def nothing_left(server: Server) -> Iterator[None]:
    """Whatever a test does, no file, thread, process or open file is more than before it."""
    server.stage.worker.start()  # who hangs up while it reads ends it; it is there for the next
    server.before = set(server.uploads.glob("avatar-*"))
    before, processes, files = server.left(), len(children()), ME.num_fds()
    yield
    wait_for(lambda: server.left() <= before)
    server.stage.worker.start()
    wait_for(lambda: len(children()) <= processes and ME.num_fds() <= files)


def children() -> list[psutil.Process]:
    return ME.children(recursive=True)


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def until(lines: Iterator[str], what: str) -> None:
    """Read on to a stage or sentence."""
    assert any(what in line for line in lines), f"{what!r} never came"


def test_a_reading_process_that_is_killed_is_one_sentence(server: Server) -> None:
    with server.watched(server.begin(text="Hello.")) as lines:
        until(lines, "Finding the voice")
        server.stage.worker._process.kill()
        until(lines, "Reading it broke down; please try again.")


def test_who_hangs_up_while_it_is_read_ends_the_job(server: Server) -> None:
    with server.watched(server.begin(text="Hello.")) as lines:
        until(lines, "Finding the voice")
    wait_for(lambda: not server.jobs())
    assert server.end(server.begin(text="Hello.")) == "complete"


def test_an_encoder_that_is_killed_is_one_sentence(server: Server) -> None:
    with server.watched(server.begin(text=LONG)) as lines:
        until(lines, "Rendering")
        for child in children():
            if "ffmpeg" in child.name():
                child.kill()
        until(lines, "The video could not be written: ffmpeg ended with status -9.")


def test_an_engine_that_breaks_down_is_an_apology(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickEngine, "__call__", lambda *_: 1 / 0)
    assert server.end(server.begin(text="Hello.")) == SORRY


def test_a_full_disk_is_one_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the video, which ffmpeg writes, and for the small files beside it."""

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("avatar.ui.backstage.save_wav", fails)
        assert server.end(server.begin(text="Hello.")) == FULL
    output, full = video._output, Path("/dev/full")
    monkeypatch.setattr(video, "_output", lambda _, *more: ["-y", *output(full, *more)])
    sentence = "The video could not be written because the disk is full."
    assert server.end(server.begin(text="Hello.")) == sentence


def test_who_hangs_up_while_it_is_rendered_ends_the_job(server: Server) -> None:
    memory = []
    for _ in range(4):
        with server.watched(server.begin(text=LONG)) as lines:
            until(lines, "Rendering")
        wait_for(lambda: not server.jobs())
        memory.append(ME.memory_info().rss)
    assert memory[-1] - memory[0] < 60e6


def test_fifty_at_once_are_served_or_refused_in_a_sentence(server: Server) -> None:
    with ThreadPoolExecutor(50) as people:
        jobs = list(people.map(lambda _: server.begin(text="Hello."), range(50)))
    taken = [job for job in jobs if job.is_success]
    assert QUEUE <= len(taken) <= QUEUE + 5  # those at work, or already done, do not wait
    for job in jobs:
        assert job.is_success or job.status_code == 503 and "Queue is full." in job.text
    for job in taken[2:]:
        with server.watched(job):
            pass
    assert [server.end(job) for job in taken[:2]] == ["complete"] * 2
    for folder in server.jobs():  # of who was served before hanging up
        assert list(folder.glob("*.receipt.json"))
        shutil.rmtree(folder)


NONSENSE = [
    {"text": "a" * 3_000_000}, {"text": "Hi.", "clip": "a" * 3_000_000}, {"text": "\0\ud800"},
    {"text": "Hi.", "rate": float("nan")}, {"text": "Hi.", "pitch": float("-inf")},
    {"text": "Hi.", "strength": 1e300}, {"text": "Hi.", "voice": ["en-us"]},
    {"text": "Hi.", "film_use": 7}, {"text": "Hi.", "identity": {"a": 1}}, {},
]  # fmt: skip


@pytest.mark.parametrize("wishes", NONSENSE, ids=lambda wishes: repr(wishes)[:40])
def test_nonsense_is_told_so(server: Server, wishes: dict) -> None:
    told = server.end(server.begin(**wishes))
    assert len(told) > 20 and told != SORRY


UNREADABLE = [
    {"text": "Hi.", "rate": "fast"}, {"text": "Hi.", "rate": {}}, {"text": "Hi.", "film": "a.mp4"},
    {"audio": 5}, {"audio": {"path": "/etc/passwd"}}, {"audio": {"path": "http://127.0.0.1:9/a"}},
]  # fmt: skip


@pytest.mark.parametrize("wishes", UNREADABLE, ids=lambda wishes: repr(wishes)[:40])
def test_what_gradio_cannot_read_ends_at_once(server: Server, wishes: dict) -> None:
    """It says that there was an error, but not which: its sentences are for programmers."""
    assert server.end(server.begin(**wishes)) == "nothing is told"


@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b"null", b"5", b"[" * 100_000])
def test_what_is_no_request_is_refused(server: Server, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{server.api}/call/v2/speak", content=body, headers=headers)
    assert 400 <= answer.status_code < 500 and len(answer.text) < 500


def test_too_large_an_upload_is_refused(server: Server, tmp_path: Path) -> None:
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(VIDEO_MB * 2**20 + 1)
    with big.open("rb") as file:
        answer = server.upload(file)
    assert answer.status_code == 413 and "maximum allowed size" in answer.text


def test_an_upload_that_finds_no_room_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(upload: GradioUploadFile, data: bytes) -> None:
        upload.file.write(data[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(GradioUploadFile, "write", write)
    answer = server.upload(b"sound" * 1000)
    assert answer.status_code == 400
    assert answer.text == "This could not be stored: No space left on device."


@pytest.mark.parametrize("content", ["application/json", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("told", [True, False])
def test_a_request_that_is_no_upload_is_not_read_without_end(
    server: Server, told: bool, content: str
) -> None:
    megabyte, length = b"x" * 2**20, f"Content-Length: {200 * 2**20}"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as visitor:
        visitor.sendall(
            f"POST /gradio_api/call/v2/speak HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content}"
            f"\r\n{length if told else 'Transfer-Encoding: chunked'}\r\n\r\n".encode()
        )
        for _ in range(0 if told else LIMIT_MB):
            visitor.sendall(b"100000\r\n" + megabyte + b"\r\n")
        visitor.sendall(b"" if told else b"1\r\nx\r\n")
        answer = HTTPResponse(visitor)
        answer.begin()
        assert answer.status == 413 and b"A request may have 8 MB" in answer.read()


def test_an_upload_that_is_broken_off_is_not_kept(server: Server) -> None:
    before = server.left()
    with socket.create_connection(("127.0.0.1", server.port)) as visitor:
        visitor.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
            + bytes(99_999)
        )
        wait_for(lambda: server.left() > before)
