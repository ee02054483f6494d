"""The Live tab: she is watched while she is rendered, saying what is written or said to her."""

import secrets
import shutil
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from ..speech import tts
from . import live_parts
from .answer import Answer
from .backstage import Backstage
from .live_parts import LiveParts
from .status import PRIVATE, facts, note, told

LIVE: dict[str, Any] = {
    "concurrency_limit": None, "show_progress": "hidden"
}  # fmt: skip
"""Visitors wait for the scheduler, which tells them their place."""
CHUNK_S = 0.25
"""Seconds of a microphone's sound that are sent at once."""
TALK_S = 300
"""Seconds after which whoever talks is asked to begin again."""


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    missing = live_parts.obstacle()
    if missing:
        gr.HTML(f'<p class="shut">{escape(missing)}</p>', padding=False)
        return
    _connect(live_parts.build(backstage), Handlers(backstage), tab)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage
        self._talks: dict[str, Answer] = {}
        """Who talks, by the hash of the visit."""

    def say(
        self, text: str, voice: str = tts.DEFAULT_VOICE, identity: str | None = None
    ) -> Iterator[tuple[Any, str]]:
        """Say a text live: the video comes in segments of a second, each as soon as it is made.

        Args:
            text: up to 2000 characters, in the language of the voice.
            voice: who reads it; `/voices` lists the ids.
            identity: who speaks.

        Returns:
            The video, as a stream; status as HTML.
        """
        with told():
            answer = self._answer(identity)
            try:
                # A stream that is opened before it has anything costs the player a second.
                yield gr.skip(), note("Finding the voice …")
                answer.say(text, voice)
                yield from _streamed(answer)
            finally:
                answer.close()

    def begin(self, identity: str, request: gr.Request) -> None:
        """Whoever talks is heard from now on."""
        with told():
            self.leave(request)
            self._talks[request.session_hash] = self._answer(identity)

    def hear(self, sound: tuple[int, np.ndarray] | None, request: gr.Request) -> None:
        """Go on with what somebody says."""
        answer = self._talks.get(request.session_hash)
        if answer and sound is not None:
            with told():
                answer.hear(*sound)

    def talk(self, request: gr.Request) -> Iterator[tuple[Any, str]]:
        """She says what is heard, until ``hush``."""
        answer = self._talks.get(request.session_hash)
        if answer is None:
            return
        with told():
            try:
                yield gr.skip(), note("Listening …")
                yield from _streamed(answer)
            finally:
                self.leave(request)

    def hush(self, request: gr.Request) -> None:
        """Nothing more is said by whoever talked."""
        if answer := self._talks.get(request.session_hash):
            answer.end()

    def leave(self, request: gr.Request) -> None:
        """Whoever talked is gone."""
        if answer := self._talks.pop(request.session_hash, None):
            answer.close()

    def open(self, identity: str) -> tuple[str, str]:
        """Her listening, and how many can be answered at a time."""
        backstage = self.backstage
        loop = f'<video src="{backstage.idle_loop(identity)}" autoplay loop muted playsinline>'
        return f"{loop}</video>", note(_ready(backstage.live.limit))

    def _answer(self, identity: str | None) -> Answer:
        return Answer(self.backstage.avatar(identity or ""), self.backstage.live)


def _ready(limit: int) -> str:
    visitors = "one visitor at a time" if limit == 1 else f"{limit} visitors at once"
    return f"Write it or say it. She answers {visitors}; others wait in line."


def _streamed(answer: Answer) -> Iterator[tuple[Any, str]]:
    """Segments, with a word about how it goes; nothing of them is left at the end."""
    folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    start, made = time.monotonic(), 0
    try:
        for part in answer.segments(folder):
            if isinstance(part, int):
                yield gr.skip(), note(f"All places are taken. You are number {part} in the line.")
                start = time.monotonic()
                continue
            made += 1
            yield str(part), note(f"{made} s are made. Stop ends it.")
        yield gr.skip(), _facts(made, time.monotonic() - start)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _facts(seconds: int, took_s: float) -> str:
    return facts({"length": f"{seconds} s", "made in": f"{took_s:.1f} s"})


def _connect(p: LiveParts, handlers: Handlers, tab: gr.Tab) -> None:
    buttons = [p.say, p.stop]
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = busy[::-1]
    p.say.click(lambda: busy, None, buttons, js=_scene("thinks"), **PRIVATE)
    said = p.say.click(
        handlers.say, [p.text, p.voice, p.identity], [p.video, p.status], api_name="live", **LIVE
    )
    begun = p.microphone.start_recording(
        handlers.begin, p.identity, None, js=_scene("hears"), **PRIVATE
    )
    talked = begun.success(
        handlers.talk, None, [p.video, p.status], api_visibility="private", **LIVE
    )
    begun.success(lambda: busy, None, buttons, **PRIVATE)
    p.microphone.stream(
        handlers.hear, p.microphone, None, stream_every=CHUNK_S, time_limit=TALK_S,
        api_visibility="private", **LIVE,
    )  # fmt: skip
    p.microphone.stop_recording(handlers.hush, None, None, **PRIVATE)
    for run in (said, talked):
        run.success(lambda: idle, None, buttons, **PRIVATE)
        run.failure(
            lambda: (*idle, note("Ready.")), None, [*buttons, p.status], js=_scene("listens"),
            **PRIVATE,
        )  # fmt: skip
    p.stop.click(
        lambda: (*idle, note("Stopped.")), None, [*buttons, p.status], cancels=[said, talked],
        js=_scene("listens"), **PRIVATE,
    )  # fmt: skip
    for seen in (tab.select, p.identity.change):
        seen(
            handlers.open, p.identity, [p.idle, p.status], api_visibility="private",
            concurrency_limit=4, show_progress="hidden",
        )  # fmt: skip
    gr.context.Context.root_block.unload(handlers.leave)


def _scene(name: str) -> str:
    """Script that tells the stage what goes on."""
    event = f"new CustomEvent('scene', {{detail: '{name}'}})"
    return f"(...given) => (document.querySelector('.live-stage').dispatchEvent({event}), given)"
