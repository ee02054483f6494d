"""The Mash tab: the mouth of one frame on the head of another, and the proof that it pays."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from ..errors import BundleError
from ..face.drawing import draw_with_mouth
from ..metrics.proof import Proof
from ..render.mashing import Frame, MashPictures, example, look, mash_pictures
from .status import MODEL, PRIVATE, facts, note, running, told
from .studio import PROOF_CHARS, Request, Studio

LOOK = {"concurrency_id": "look", "concurrency_limit": 1, "trigger_mode": "always_last"}
"""Handlers that follow a slider: only where it is now matters."""
READY = "Choose two frames, then press Mash."
CLAIM = "My mouth follows the sound alone, wherever my head turns."
INTRODUCTION = """<p class="lead">In a recording, head and mouth move together. To learn that only
the sound tells the mouth, the network is trained on <b>mashed</b> frames: lips, jaw and chin of one
frame, posed on the head of another, drawn by a second network, the oracle.</p>"""
PROOF = """<div class="lead"><h2>Prove it</h2><p>One sentence over four head motions, and silence
over a fifth. If the mouth follows the sound alone, four curves are one, and the last lies
flat.</p></div>"""


@dataclass(frozen=True)
class Side:
    """What chooses one of the two frames, and what shows it."""

    clip: gr.Radio
    frame: gr.Slider
    picture: gr.Image
    drawing: gr.Image


def build(studio: Studio, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    person = studio.identity()
    with gr.Column(elem_classes="mash"):
        gr.HTML(INTRODUCTION, padding=False)
        identity = gr.Radio(
            studio.names, value=person.name, label="Who", visible=len(studio.names) > 1
        )
        with gr.Row(elem_classes="tiles"):
            photos = [
                _tile("i gives the mouth"), _tile("j gives the head"),
                _tile("Mash, by the oracle"), _tile("Sound of i on j, by the renderer"),
            ]  # fmt: skip
        with gr.Row(elem_classes="choices"):
            choices = [
                _choice(person.clips, frame, letter)
                for frame, letter in zip(example(person), "ij", strict=True)
            ]
            with gr.Column(min_width=240, scale=2):
                strength = gr.Slider(
                    0, 1.5, 1, step=0.05, label="Mouth strength", buttons=["reset"]
                )
                go = gr.Button("Mash", variant="primary", size="lg", elem_classes="generate")
                status = gr.HTML(_missing(studio, person.name) or note(READY), label="Status")
        with gr.Row(elem_classes="tiles"):
            drawings = [
                _tile("Drawing of i", "png"), _tile("Drawing of j", "png"),
                _tile("Drawing of the mash", "png"), _tile("The oracle’s mouth, magnified"),
            ]  # fmt: skip
        info = gr.JSON(label="Info", visible=False)
    sides = [
        Side(*choice, picture, drawing)
        for choice, picture, drawing in zip(choices, photos, drawings, strict=False)
    ]
    handlers = Handlers(studio)
    _connect_sides(handlers, tab, identity, sides)
    inputs = [*(part for side in sides for part in (side.clip, side.frame)), strength, identity]
    outputs = [*drawings[:3], photos[2], photos[3], drawings[3], info, status]
    go.click(
        handlers.mash, inputs, outputs, api_name="mash", show_progress_on=status, **MODEL
    )  # fmt: skip
    tab.select(
        handlers.first_mash, inputs, outputs, api_visibility="private", show_progress="hidden",
        **MODEL,
    )  # fmt: skip
    identity.change(
        lambda name: _missing(studio, name) or note(READY), identity, status, **PRIVATE
    )
    _proof(handlers, identity)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, studio: Studio):
        self.studio = studio

    def frame(
        self, clip: str, frame: float, identity: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look at a frame of a clip.

        Args:
            clip: how the head moves; `/clips` lists the names.
            frame: number of the frame, from 0.
            identity: whose clip it is.

        Returns:
            The picture, with the mouth of what was said in it, and the drawing of it.
        """
        with told():
            avatar = self.studio.avatar(identity or "")
            found = Frame.of(avatar.identity, clip, int(frame))
            picture = look(avatar.identity, avatar.engine, found)
            return picture, draw_with_mouth(*found.parts, avatar.identity.config.style)

    def mash(
        self,
        clip_i: str,
        frame_i: float,
        clip_j: str,
        frame_j: float,
        strength: float = 1.0,
        identity: str | None = None,
    ) -> tuple[Any, ...]:
        """Put the mouth of frame i on the head of frame j.

        Args:
            clip_i: clip of the frame that gives lips, jaw and sound; `/clips` lists the names.
            frame_i: its number, from 0.
            clip_j: clip of the frame that gives everything else.
            frame_j: its number, from 0.
            strength: how far the mouth moves from rest, 0 to 1.5; 1 as it was.
            identity: whose frames they are.

        Returns:
            Drawings of i, of j and of the mash; the oracle's picture of it; the renderer's picture
            of the sound of i on the head of j; the oracle's mouth, magnified; the degrees between
            the two heads; the same as HTML.
        """
        with told():
            avatar = self.studio.avatar(identity or "")
            person = avatar.identity
            frames = (
                Frame.of(person, clip_i, int(frame_i)), Frame.of(person, clip_j, int(frame_j))
            )  # fmt: skip
            made = mash_pictures(person, avatar.engine, *frames, strength=strength)
        info = {
            "identity": person.name,
            "clip_i": clip_i, "frame_i": int(frame_i),
            "clip_j": clip_j, "frame_j": int(frame_j),
            "strength": strength,
            "pose_distance_degrees": round(made.mash.distance, 3),
        }  # fmt: skip
        return (
            made.drawing_i, made.drawing_j, made.drawing, made.head, made.rendered, made.mouth,
            info, _told(made),
        )  # fmt: skip

    def first_mash(self, *chosen: Any) -> tuple[Any, ...]:
        """What stands there when the tab is opened, where there is an oracle to draw it."""
        if not self.studio.identity(chosen[-1] or "").has_oracle:
            return (gr.skip(),) * 8
        return self.mash(*chosen)

    def prove(
        self,
        text: str = CLAIM,
        identity: str | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it in
    ) -> Iterator[tuple[Any, ...]]:
        """Show one sentence over four head motions, and silence over a moving head.

        The opening of the lips in each picture is plotted beneath, as it is read from the pixels.

        Args:
            text: up to 200 characters of English.
            identity: who speaks.

        Returns:
            The video; its figures in pixels; the newest picture; status as HTML.
        """
        folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
        preview: str | None = None
        with told():
            for step in self.studio.prove(Request(text=text, identity=identity or ""), folder):
                if isinstance(step, Proof):
                    yield str(step.video.path), _figures(step), preview, _proven(step)
                    return
                preview = str(step.preview) if step.preview else preview
                progress((step.done, step.total or None), desc=step.stage, unit="frames")
                yield None, None, preview, running(step)


def _tile(name: str, kind: str = "webp") -> gr.Image:
    return gr.Image(
        label=name, format=kind, interactive=False, buttons=["fullscreen"], elem_classes="tile",
        placeholder=" ", alt_text=name, min_width=120,
    )  # fmt: skip


def _choice(clips: Any, frame: Frame, letter: str) -> tuple[gr.Radio, gr.Slider]:
    with gr.Column(min_width=240):
        clip = gr.Radio(list(clips), value=frame.clip.name, label=f"Clip of {letter}")
        slider = gr.Slider(
            0, len(frame.clip) - 1, frame.index, step=1, label=f"Frame {letter}", buttons=[]
        )
    return clip, slider


def _connect_sides(
    handlers: Handlers, tab: gr.Tab, identity: gr.Radio, sides: list[Side]
) -> None:
    """Each frame is shown as soon as it is chosen."""

    def fit(clip: str, frame: float, name: str) -> Any:
        last = len(handlers.studio.identity(name).clip(clip)) - 1
        return gr.Slider(maximum=last, value=min(int(frame), last))

    def introduce(name: str) -> tuple[Any, ...]:
        person = handlers.studio.identity(name)
        return tuple(
            part
            for frame in example(person)
            for part in (
                gr.Radio(choices=list(person.clips), value=frame.clip.name),
                gr.Slider(maximum=len(frame.clip) - 1, value=frame.index),
            )
        )

    for n, side in enumerate(sides):
        inputs, outputs = [side.clip, side.frame, identity], [side.picture, side.drawing]
        quiet = {"show_progress": "hidden", **LOOK}
        public = {"api_name": "frame"} if n == 0 else {"api_visibility": "private"}
        side.frame.input(handlers.frame, inputs, outputs, **public, **quiet)
        hidden = {"api_visibility": "private", **quiet}
        side.clip.input(fit, inputs, side.frame, **PRIVATE).then(
            handlers.frame, inputs, outputs, **hidden
        )
        tab.select(handlers.frame, inputs, outputs, **hidden)
    chosen = [part for side in sides for part in (side.clip, side.frame)]
    changed = identity.change(introduce, identity, chosen, **PRIVATE)
    for side in sides:
        changed.then(
            handlers.frame, [side.clip, side.frame, identity], [side.picture, side.drawing],
            api_visibility="private", show_progress="hidden", **LOOK,
        )  # fmt: skip


def _proof(handlers: Handlers, identity: gr.Radio) -> None:
    """The part of the tab that makes the video."""
    with gr.Column(elem_classes="mash"):
        gr.HTML(PROOF, padding=False)
        with gr.Row(elem_classes="prove"):
            text = gr.Textbox(
                CLAIM, label="Sentence", show_label=False, max_length=PROOF_CHARS, scale=4
            )
            go = gr.Button("Prove it", variant="primary", size="lg", min_width=120)
            cancel = gr.Button("Cancel", size="lg", interactive=False, min_width=120)
        with gr.Column(elem_classes="screen", visible=False) as screen:
            preview = gr.Image(
                label="Preview", show_label=False, interactive=False, buttons=[], container=False
            )
            video = gr.Video(
                label="Proof", show_label=False, interactive=False, autoplay=True, buttons=[],
                container=False, elem_classes="video",
            )  # fmt: skip
        status = gr.HTML("", label="Status")
        download = gr.DownloadButton("Download video", visible=False)
        info = gr.JSON(label="Figures", visible=False)
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    busy = idle[::-1]
    gone = gr.update(visible=False)
    go.click(
        lambda: (*busy, gr.update(visible=True), gone), None, [go, cancel, screen, download],
        **PRIVATE,
    )  # fmt: skip
    run = go.click(
        handlers.prove, [text, identity], [video, info, preview, status], api_name="prove",
        show_progress="hidden", **MODEL,
    )  # fmt: skip
    run.success(
        lambda path: (*idle, gr.update(value=path, visible=True)), video, [go, cancel, download],
        **PRIVATE,
    )  # fmt: skip
    run.failure(lambda: (*idle, gone, ""), None, [go, cancel, screen, status], **PRIVATE)
    cancel.click(
        lambda: (*idle, gone, note("Cancelled. Nothing was kept.")), None,
        [go, cancel, screen, status], cancels=run, **PRIVATE,
    )  # fmt: skip


def _missing(studio: Studio, name: str) -> str | None:
    """What stands in the way of mashing, if anything does."""
    try:
        studio.identity(name).oracle()
    except BundleError as error:
        return note(escape(str(error), quote=False))
    return None


def _told(made: MashPictures) -> str:
    rows = {"between the two heads": f"{made.mash.distance:.1f}°"}
    if made.rendered is None:
        rows["by the renderer"] = "clip i does not tell what was said"
    return facts(rows)


def _figures(proof: Proof) -> dict[str, Any]:
    return {
        "seconds": proof.video.seconds,
        "spread_px": round(proof.spread_px, 2),
        "silence_opening_px": round(proof.silence_px, 2),
        "rest_opening_px": None if proof.rest_px is None else round(proof.rest_px, 2),
        "reader_error_px": round(proof.reader_px, 2),
    }


def _proven(proof: Proof) -> str:
    rows = {
        "between any two that speak": f"{proof.spread_px:.1f} px",
        "open in silence": f"{proof.silence_px:.1f} px",
    }
    if proof.rest_px is not None:
        rows["open at rest"] = f"{proof.rest_px:.1f} px"
    return facts(rows | {"error of the reader": f"{proof.reader_px:.1f} px"})
