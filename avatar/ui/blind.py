"""The blind page: two renders in random order, without names; people say which is better.

It has an address of its own, ``/blind``, which is sent to people.
"""

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import AvatarError
from ..media import input_arguments, running_ffmpeg
from .status import note, told
from .votes import Pair, Poll

ROUTE = "/blind"
INTRODUCTION = """<header class="masthead"><h1>Which is more real?</h1></header>
<div class="lead"><p>Twice the same words, and at least one of the two is made by a machine. Watch
both, then say which looks more like a person who is really speaking.</p></div>"""
KEPT = """<p class="fineprint">What is kept: the time, which two videos you saw, your choice, and a
random number of this browser, so that nobody votes twice. Nothing else about you.</p>"""
THANKS = """<div class="lead"><h2>Thank you</h2><p>That was all of them. Your votes are counted.</p>
</div>"""
SESSION = """() => {
  const key = 'avatar-blind', bytes = crypto.getRandomValues(new Uint8Array(16));
  const fresh = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  if (!localStorage.getItem(key)) localStorage.setItem(key, fresh);
  return localStorage.getItem(key);
}"""
"""The random number of a browser."""
REPLAY = """() => document.querySelectorAll('.blind video').forEach((video, n) => {
  video.muted = n > 0;  // twice the same sound is an echo
  video.currentTime = 0;
  video.play();
})"""
"""Both from the beginning."""
QUIET: dict[str, Any] = {
    "api_visibility": "private", "concurrency_limit": None, "show_progress": "hidden"
}  # fmt: skip
"""Handlers that answer at once; in the queue, or errors go untold."""


class Stage:
    """Copies of all videos of a poll under names, and without tags, that tell no method.

    Args:
        poll: whose videos.

    Raises:
        AvatarError: if one cannot be read.
    """

    def __init__(self, poll: Poll):
        self.poll = poll
        self.folder = Path(tempfile.mkdtemp(prefix="avatar-blind-"))
        self._copies: dict[tuple[str, str], Path] = {}
        try:
            for pair in poll.pairs:
                for method in (pair.left, pair.right):
                    self._copy(method, pair.clip)
        except BaseException:
            self.close()
            raise

    def video(self, method: str, clip: str) -> Path:
        """The nameless copy of a method's clip."""
        return self._copies[method, clip]

    def close(self) -> None:
        """Delete the copies."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _copy(self, method: str, clip: str) -> None:
        if (method, clip) in self._copies:
            return
        out = self.folder / f"{secrets.token_hex(12)}{Path(clip).suffix.lower()}"
        arguments = [
            *input_arguments(self.poll.folder / method / clip),
            *("-map", "0:V:0", "-map", "0:a:0?", "-c", "copy", "-map_metadata", "-1"),
            *("-map_chapters", "-1", "-fflags", "+bitexact", "-movflags", "+faststart", str(out)),
        ]
        with running_ffmpeg(arguments) as ffmpeg:
            if ffmpeg.wait():
                raise AvatarError(f"{method}/{clip} is not a video that can be read.")
        self._copies[method, clip] = out


class Handlers:
    """What happens on the page; every method can be called without one."""

    def __init__(self, stage: Stage):
        self.stage, self.poll = stage, stage.poll

    def next(self, session: str) -> tuple[Any, ...]:
        """The next pair: it, its videos, whether they and the thanks are shown, how far it is."""
        with told():
            pair = self.poll.next(session)
            done, total = self.poll.progress(session)
        there = gr.update(visible=pair is not None)
        videos = (None, None)
        if pair is not None:
            videos = tuple(
                str(self.stage.video(method, pair.clip)) for method in (pair.left, pair.right)
            )
        line = note(f"{done + 1} of {total}") if pair else THANKS
        return pair, *videos, there, line

    def vote(self, pair: Pair | None, choice: str, session: str) -> tuple[Any, ...]:
        """Count a vote and go on."""
        with told():
            if pair is None:
                raise AvatarError("There is nothing to vote on any more.")
            self.poll.vote(pair, choice, session)
        return self.next(session)


def build(demo: gr.Blocks, stage: Stage) -> None:
    """Add the page to the one of ``page.build``."""
    handlers = Handlers(stage)
    with demo.route("Blind", ROUTE, show_in_navbar=False):
        gr.HTML(INTRODUCTION, padding=False)
        session, pair = gr.Textbox("", label="Session", visible=False), gr.State(None)
        with gr.Column(visible=False, elem_classes="blind") as both:
            with gr.Row(elem_classes="pair"):
                videos = [_video(side) for side in ("Left", "Right")]
            replay = gr.Button("Play both", size="lg")
            with gr.Row(elem_classes="ballot"):
                buttons = {
                    choice: gr.Button(label, variant="primary" if choice != "none" else "secondary",
                                      size="lg", min_width=90)
                    for choice, label in (
                        ("left", "Left"), ("none", "No difference"), ("right", "Right")
                    )
                }  # fmt: skip
        line = gr.HTML(padding=False)
        gr.HTML(KEPT, padding=False)
        outputs = [pair, *videos, both, line]
        replay.click(None, js=REPLAY)
        for choice, button in buttons.items():
            button.click(
                lambda pair, session, choice=choice: handlers.vote(pair, choice, session),
                [pair, session], outputs, **QUIET,
            )  # fmt: skip
        demo.load(None, None, session, js=SESSION).then(handlers.next, session, outputs, **QUIET)


def _video(side: str) -> gr.Video:
    return gr.Video(
        label=side, show_label=False, interactive=False, buttons=[], container=False, min_width=140
    )
