"""The Speak tab: sound or text in, the video of her saying it out."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ..render.receipt import SUFFIX as RECEIPT
from ..render.receipt import Receipt
from ..speech import tts
from . import studio_view
from .backstage import Backstage
from .controls import Parts, controls, portrait, stage
from .motion import Motion
from .request import Request, Result
from .status import MODEL, PRESSED, PRIVATE, STOPPED, facts, note, running, told
from .timeline import PLAYHEAD, timeline

SOURCES = {"tts": "voice", "aligned": "transcript", "recognized": "sound"}
"""What tells when the mouth does what, for people."""


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    with gr.Row(elem_classes="speak", equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="left"):
            left = stage(backstage)
        with gr.Column(scale=6, min_width=300, elem_classes="right"):
            right = controls(backstage)
    parts = Parts(**left, **right, timeline=gr.HTML(label="Timeline", js_on_load=PLAYHEAD))
    _connect(parts, Handlers(backstage), tab)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage

    def speak(
        self,
        audio: str | None = None,
        text: str = "",
        clip: str | None = None,
        voice: str = tts.DEFAULT_VOICE,
        rate: float = 1.0,
        pitch: float = 1.0,
        transcript: str = "",
        strength: float = 1.0,
        label: bool = True,
        identity: str | None = None,
        film: str | None = None,
        film_use: str = "follow",
        side: str = "",
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it in
    ) -> Iterator[tuple]:
        """Make a video of the person saying a recording or a text.

        Give either `audio` or `text`. Previews come while it runs, the video at the end.

        Args:
            audio: a sound or video file with up to 5 minutes of speech.
            text: up to 2000 characters, in the language of the voice.
            clip: how the head moves; `/clips` lists the names.
            voice: who reads the text; `/voices` lists the ids.
            rate: speed of the voice, 0.5 to 2.
            pitch: height of the voice, 0.5 to 2.
            transcript: what the recording says, in English; makes the lips more exact.
            strength: how far the mouth moves, 0 to 1.5.
            label: write "AI-generated" into a corner of the video.
            identity: who speaks.
            film: a film of somebody, used as `film_use` says.
            film_use: "follow": the head moves as in the film, not as in the clip; "dub": the new
                words are put into the film itself, which has to show the same person.

        Returns:
            The video; facts about it, with its sync receipt; the files beside it (mouth shapes as
            JSON and CSV, the voice as WAV, the receipt as JSON); the newest picture; status and
            timeline as HTML.
        """
        audio, text = (None, text) if side == "text" else (audio, "" if side == "audio" else text)
        folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
        preview: str | None = None
        with told():
            request = Request(
                audio, text or "", clip, voice or tts.DEFAULT_VOICE, rate, pitch,
                transcript or "", strength, label, identity or "", film, film_use,
            )  # fmt: skip
            for step in self.backstage.perform(request, folder):
                if isinstance(step, Result):
                    yield _finished(step, request, self.backstage, preview)
                    return
                preview = str(step.preview) if step.preview else preview
                progress((step.done, step.total or None), desc=step.stage, unit="frames")
                yield None, None, None, preview, running(step), ""

    def follow(
        self, film: str | None, film_use: str = "follow", identity: str | None = None
    ) -> Iterator[str]:
        """Show how the head will move if it follows a film.

        Args:
            film: a film of somebody; its first two minutes count.
            film_use: "follow"; for anything else there is nothing to show.
            identity: whose head it is.

        Returns:
            The drawings and what there is to say about them, as HTML.
        """
        if not film or film_use != "follow":
            yield ""
            return
        with told():
            steps = self.backstage.motion(film, identity or "")
            try:
                while True:
                    yield running(next(steps))
            except StopIteration as end:
                yield _motion(end.value)
            finally:
                steps.close()

    def voices(self, language: str = "") -> list[dict[str, str]]:
        """List the voices that read texts.

        Args:
            language: a code such as "en-us" or "de"; empty for all.

        Returns:
            id, name, language, engine and licence of each voice.
        """
        return [asdict(v) for v in tts.voices() if language in ("", v.language)]

    def clips(self, identity: str = "") -> list[dict[str, Any]]:
        """List the head motions of an identity.

        Args:
            identity: a name; empty for the first.

        Returns:
            name and length in seconds of each clip, and whether it is the default.
        """
        with told():
            person = self.backstage.identity(identity)
        return [
            {"name": name, "seconds": float(len(clip) / clip.fps), "default": clip.name == default}
            for default in [person.clip().name]
            for name, clip in person.clips.items()
        ]

    def clip_style(self, identity: str) -> str:
        """Style sheet that puts the moving pictures onto the clip chooser."""
        rules = (
            f'.clips label:has([value="{name}"])::before{{background-image:url({url})!important}}'
            for name, url in self.backstage.clip_previews(identity).items()
        )
        return f"<style>{''.join(rules)}</style>"

    def people(self, own: str, identity: str) -> Any:
        """Whoever can speak: all of this host, and the visitor's own avatar if there is one."""
        names = self.backstage.names
        choices = [(name, name) for name in names]
        choices += [("your avatar", own)] if self.backstage.workshop.bundle(own) else []
        chosen = identity if identity in dict(choices).values() else names[0]
        return gr.Radio(choices=choices, value=chosen, visible=len(choices) > 1)

    def choose_identity(self, identity: str) -> tuple:
        """Show another person: portrait and clips."""
        person = self.backstage.identity(identity)
        clips = gr.Radio(choices=list(person.clips), value=person.clip().name)
        return portrait(person), None, clips, self.clip_style(identity)


def _motion(motion: Motion) -> str:
    """The drawings that follow a film, and what there is to say about them."""
    picture = b64encode(motion.picture).decode()
    words = " ".join(motion.warnings) or "This is how the head moves."
    return (
        f'<div class="motion"><img src="data:image/webp;base64,{picture}" '
        f'alt="The drawings that follow the film">{note(escape(words))}</div>'
    )


def _finished(result: Result, request: Request, backstage: Backstage, preview: str | None) -> tuple:
    speech, person = result.speech, backstage.identity(request.identity)
    seconds = result.frames / float(person.config.fps)
    info = {
        "seconds": round(seconds, 3),
        "frames": result.frames,
        "fps": str(person.config.fps),
        "took_seconds": round(result.took_s, 2),
        "first_frame_seconds": round(result.first_frame_s, 2),
        "times_real_time": round(seconds / result.took_s, 2),
        "visemes_from": SOURCES[speech.source],
        "identity": person.name,
        "clip": None if request.film else person.clip(request.clip).name,
        "film": request.film and Path(request.film).name,
        "voice": None if request.audio else request.voice,
        "labelled": request.label,
        "receipt": asdict(result.receipt),
    }
    if request.film and request.film_use == "dub":
        info |= {"fps": None, "frames": None}  # they are the film's
    files = [str(path) for path in result.files.values()]
    status = _facts(info, result.receipt)
    return str(result.video), info, files, preview, status, timeline(speech.track)


def _facts(info: dict[str, Any], receipt: Receipt) -> str:
    rows = {
        "length": f"{info['seconds']:.1f} s",
        "made in": f"{info['took_seconds']:.1f} s",
        "real time": f"{info['times_real_time']:.1f}×",
        "lips timed by": info["visemes_from"],
    }
    return facts(rows, receipt)


def _connect(p: Parts, handlers: Handlers, tab: gr.Tab) -> None:
    inputs = [
        p.audio, p.text, p.clip, p.voice, p.rate, p.pitch, p.transcript, p.strength, p.label,
        p.identity, p.film, p.film_use, p.side,
    ]  # fmt: skip
    outputs = [p.video, p.info, p.files, p.preview, p.status, p.timeline]
    buttons = [p.generate, p.cancel]
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    busy = idle[::-1]

    def at_rest(identity: str) -> Any:
        return portrait(handlers.backstage.identity(identity))

    p.generate.click(
        lambda: (*busy, gr.update(visible=False)), None, [*buttons, p.downloads], js=SHOW_STAGE,
        **PRIVATE,
    )  # fmt: skip
    run = p.generate.click(
        handlers.speak, inputs, outputs, api_name="speak", show_progress="hidden", **MODEL
    )
    run.success(
        lambda video, files: (*idle, gr.update(visible=True), *_links(video, files)),
        [p.video, p.files],
        [*buttons, p.downloads, p.mp4, p.receipt, p.json, p.csv, p.wav], **PRIVATE,
    )  # fmt: skip
    run.failure(
        lambda identity: (*idle, at_rest(identity), note(STOPPED)),
        p.identity, [*buttons, p.preview, p.status], **PRIVATE,
    )  # fmt: skip
    p.cancel.click(lambda: PRESSED, None, p.cancel, cancels=run, **PRIVATE)
    looks = [
        change(
            handlers.follow, [p.film, p.film_use, p.identity], p.motion, api_visibility="private",
            show_progress="hidden", trigger_mode="always_last", **MODEL,
        )
        for change in (p.film.change, p.film_use.input)
    ]  # fmt: skip
    for look in looks:
        look.failure(lambda: "", None, p.motion, **PRIVATE)
    p.film.clear(None, cancels=looks, **PRIVATE)
    p.identity.change(
        handlers.choose_identity, p.identity, [p.preview, p.video, p.clip, p.clip_style],
        api_visibility="private", show_progress="hidden", **MODEL,
    )  # fmt: skip
    for opened in (gr.context.Context.root_block.load, tab.select):
        opened(handlers.people, [p.own, p.identity], p.identity, js=RECALL, **PRIVATE)
    gr.context.Context.root_block.load(
        handlers.clip_style, p.identity, p.clip_style,
        api_visibility="private", show_progress="hidden", concurrency_limit=4,
    )  # fmt: skip
    gr.api(handlers.voices, api_name="voices", queue=False)
    gr.api(handlers.clips, api_name="clips", queue=False)


RECALL = f"(own, identity) => [({studio_view.RECALL})(), identity]"
"""Knows the visitor's own avatar."""
SHOW_STAGE = """() => {
  const stage = document.querySelector('.stage');
  if (stage.getBoundingClientRect().top < 0) stage.scrollIntoView({behavior: 'smooth'});
}"""
"""On a phone the stage is above what was just pressed."""


def _links(video: str, files: list[str]) -> tuple:
    """Download buttons for a finished job; without a WAV there is no button for it."""
    by_kind = {path.rpartition(".")[2]: path for path in files if not path.endswith(RECEIPT)}
    receipt = next(path for path in files if path.endswith(RECEIPT))
    return video, receipt, by_kind["json"], by_kind["csv"], gr.update(
        value=by_kind.get("wav"), visible="wav" in by_kind
    )  # fmt: skip
