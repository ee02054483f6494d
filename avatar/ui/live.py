"""The Live tab: she is watched while she is rendered, saying what is written or said to her."""

import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import MediaStreamChunk

from ..speech import tts
from . import live_parts, previews
from .answer import LEAD_S, Answer
from .backstage import Backstage
from .live_parts import LiveParts
from .status import PRESSED, PRIVATE, facts, note, told

LIVE: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
"""Visitors wait for a place with the scheduler, which knows how many there are."""


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    handlers = Handlers(backstage)
    parts = live_parts.build(backstage, [_served(handlers.hear), _served(handlers.hush)])
    _connect(parts, handlers, tab)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage
        self._talks: dict[str, Answer] = {}
        """What is said after whom, by a key that only they know."""

    def say(
        self,
        text: str,
        voice: str = tts.DEFAULT_VOICE,
        identity: str | None = None,
        start: int = 0,
    ) -> Iterator[tuple[Any, str]]:
        """Say a text live: the video comes in parts of half a second, each as soon as it is made.

        Args:
            text: up to 2000 characters, in the language of the voice.
            voice: who reads it; `/voices` lists the ids.
            identity: who speaks.
            start: the frame of her listening, as the page shows it, that the video begins with.

        Returns:
            The video, as a stream: the address of an HLS playlist that grows; status as HTML.
        """
        with told():
            answer = self._answer(identity, start)
            try:
                # A stream that is opened before it has anything costs the player a second.
                yield gr.skip(), note("Finding the voice …")
                answer.say(text, voice)
                yield from _streamed(answer)
            finally:
                answer.close()

    def talk(self, identity: str, start: int, begun: gr.EventData) -> Iterator[tuple[Any, str]]:
        """Say what ``hear`` is given, with the key of this event, until ``hush``."""
        with told():
            key = str(begun.key)  # where it is missing, no place is taken
            answer = self._answer(identity, start)
            self._talks[key] = answer
            try:
                yield gr.skip(), note("Listening …")
                yield from _streamed(answer)
            finally:
                self._talks.pop(key, None)
                answer.close()

    def hear(self, heard: tuple[str, int, str]) -> bool:
        """Go on with what somebody says.

        Args:
            heard: the key, samples a second, and 16-bit PCM (little-endian, mono) as base64.

        Returns:
            Whether anybody listens: not before ``talk`` has begun, nor after it.
        """
        with told():
            key, rate, pcm = heard
            answer = self._talks.get(str(key))
            if answer is None:
                return False
            answer.hear(int(rate), np.frombuffer(b64decode(pcm), "<i2"))
        return True

    def hush(self, key: str) -> None:
        """Nothing more is said by whoever talked."""
        if answer := self._talks.get(str(key)):
            answer.end()

    def open(self, identity: str) -> tuple[str, str]:
        """Her listening, and how many can be answered at a time."""
        person = self.backstage.identity(identity)
        loop, clip = self.backstage.idle_loop(identity), previews.idle_clip(person)
        video = (
            f'<video data-fps="{float(clip.fps)}" data-frames="{max(2 * len(clip) - 2, 1)}" '
            f'src="{loop}" autoplay loop muted playsinline></video>'
        )
        return video, note(_ready(self.backstage.live.limit))

    def _answer(self, identity: str | None, start: int) -> Answer:
        avatar = self.backstage.avatar(identity or "")
        idle = previews.idle_clip(avatar.identity), int(start or 0)
        seat = self.backstage.live.join(identity or "", idle=idle, ahead_s=LEAD_S)
        return Answer(avatar, seat)


def _served(handler: Callable) -> Callable:
    """A function for a page's own script: Gradio marks it, which a method does not allow."""

    def served(data: Any) -> Any:
        return handler(data)

    served.__name__ = handler.__name__
    return served


def _ready(limit: int) -> str:
    visitors = "one visitor at a time" if limit == 1 else f"{limit} visitors at once"
    return f"Write it or say it. She answers {visitors}; others wait in line."


def _streamed(answer: Answer) -> Iterator[tuple[Any, str]]:
    """Segments as Gradio keeps them for its players, with a word about how it goes."""
    start, made, held = time.monotonic(), 0.0, []
    for part in answer.segments():
        if isinstance(part, int):
            yield gr.skip(), note(f"All places are taken. You are number {part} in the line.")
            start = time.monotonic()
            continue
        made += part.seconds
        held.append(MediaStreamChunk(data=part.data, duration=part.seconds, extension=".ts"))
        if made > part.seconds:  # a player that has but the first waits for the second
            while held:
                yield held.pop(0), note(f"{made:.0f} s rendered so far")
    took = time.monotonic() - start
    yield gr.skip(), facts({"length": f"{made:.1f} s", "made in": f"{took:.1f} s"})


def _connect(p: LiveParts, handlers: Handlers, tab: gr.Tab) -> None:
    buttons = [p.say, p.stop]
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    ready = gr.update(interactive=True)

    def rest() -> tuple[Any, ...]:
        return ready, note(_ready(handlers.backstage.live.limit))

    for begin in (p.say.click, p.talk.start_recording):
        begin(lambda: busy, None, buttons, **PRIVATE)
    said = p.say.click(
        handlers.say, [p.text, p.voice, p.identity, p.start], [p.video, p.status],
        js=_begun("thinks"), api_name="live", **LIVE,
    )  # fmt: skip
    talked = p.talk.start_recording(
        handlers.talk, [p.identity, p.start], [p.video, p.status], js=_begun("hears"),
        api_visibility="private", **LIVE,
    )  # fmt: skip
    for run in (said, talked):
        run.success(lambda: ready, None, p.say, **PRIVATE)  # she may still speak
        run.failure(rest, None, [p.say, p.status], js=_scene("listens"), **PRIVATE)
    p.stop.click(None, cancels=[said, talked], js=_scene("listens"), **PRIVATE)
    p.scene.stop(lambda: PRESSED, None, p.stop, **PRIVATE)
    for seen in (tab.select, p.identity.change):
        seen(
            handlers.open, p.identity, [p.idle, p.status], api_visibility="private",
            concurrency_limit=4, show_progress="hidden",
        )  # fmt: skip


def _scene(name: str) -> str:
    """Script that tells the stage what goes on."""
    event = f"new CustomEvent('scene', {{detail: '{name}'}})"
    return f"(...given) => (document.querySelector('.live-stage').dispatchEvent({event}), given)"


def _begun(scene: str) -> str:
    """The same, where the last input is the frame that the stage wants an answer to begin with."""
    start = "Number(document.querySelector('.live-stage').dataset.start || 0)"
    return f"(...given) => [...({_scene(scene)})(...given).slice(0, -1), {start}]"
