"""The Live tab: she is watched while she is rendered, by what is written or said to her."""

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from ..errors import AvatarError
from ..speech import tts
from . import live_parts
from .answer import POLL_S, Answer
from .backstage import Backstage
from .live_parts import READY, VISITORS, LiveParts
from .status import PRIVATE, facts, note, told

LIVE: dict[str, Any] = {"concurrency_id": "live", "concurrency_limit": VISITORS}


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

    def say(
        self, text: str, voice: str = tts.DEFAULT_VOICE, identity: str | None = None
    ) -> Iterator[tuple[str | None, str]]:
        """Say a text live: the video comes in segments of a second, each as soon as it is made.

        Args:
            text: up to 2000 characters, in the language of the voice.
            voice: who reads it; `/voices` lists the ids.
            identity: who speaks.

        Returns:
            The video, as a stream; status as HTML.
        """
        with told():
            answer = Answer(self.backstage.avatar(identity or ""))
            speaking = _Saying(answer, text, voice)
            try:
                # A stream that is empty at first would cost the player a second.
                yield gr.skip(), note("Finding the voice …")
                speaking.begun()
                yield from _streamed(answer)
                speaking.result()
            finally:
                speaking.stop()


class _Saying:
    """A text on its way into a session; each of its sentences is shown as soon as it is read."""

    def __init__(self, answer: Answer, text: str, voice: str):
        self._answer, self._error = answer, None
        self._thread = threading.Thread(target=self._run, args=(text, voice), daemon=True)
        self._thread.start()

    def _run(self, text: str, voice: str) -> None:
        try:
            self._answer.session.say(text, voice)
        except AvatarError as error:
            self._error = error
        finally:
            self._answer.end()

    def begun(self) -> None:
        """Wait until there is something to hear, or an error."""
        while self._thread.is_alive() and not self._answer.session.waiting_s:
            time.sleep(POLL_S)
        if self._error:
            raise self._error

    def result(self) -> None:
        """Wait for the end of the text."""
        self._thread.join()
        if self._error:
            raise self._error

    def stop(self) -> None:
        self._answer.session.interrupt()
        self._thread.join()


def _streamed(answer: Answer) -> Iterator[tuple[str, str]]:
    folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        for number, path in enumerate(answer.segments(folder), 1):
            yield str(path), note(f"{number} s made")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connect(p: LiveParts, handlers: Handlers, tab: gr.Tab) -> None:
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = busy[::-1]
    run = p.say.click(
        handlers.say, [p.text, p.voice, p.identity], [p.video, p.status], api_name="live",
        show_progress="minimal", show_progress_on=p.status, **LIVE,
    )  # fmt: skip
    p.say.click(lambda: busy, None, [p.say, p.stop], js=_scene("thinks"), **PRIVATE)
    run.success(lambda: idle, None, [p.say, p.stop], **PRIVATE)
    run.failure(
        lambda: (*idle, note(READY)), None, [p.say, p.stop, p.status], js=_scene("listens"),
        **PRIVATE,
    )  # fmt: skip
    p.stop.click(
        lambda: (*idle, note("Stopped.")), None, [p.say, p.stop, p.status], cancels=run,
        js=_scene("listens"), **PRIVATE,
    )  # fmt: skip
    tab.select(
        lambda name: idle_html(handlers.backstage.idle_loop(name)), p.identity, p.idle,
        api_visibility="private", show_progress="hidden", concurrency_limit=4,
    )  # fmt: skip


def idle_html(url: str) -> str:
    """The loop of her listening."""
    return f'<video src="{url}" autoplay loop muted playsinline></video>'


def _scene(name: str) -> str:
    """Script that tells the stage what goes on."""
    return f"""(...given) => {{
  document.querySelector('.live-stage').dispatchEvent(new CustomEvent('scene', {{detail: '{name}'}}));
  return given;
}}"""
