"""The Mash tab: the mouth of one frame on the head of another, and the proof that it pays."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from ..errors import BundleError
from ..face.drawing import draw_with_mouth
from ..render.mashing import Frame, MashPictures, example, look, mash_pictures
from . import proof
from .backstage import Backstage
from .status import LOOK, MODEL, PRIVATE, facts, note, told

READY = "Choose two frames, then press Mash."
INTRODUCTION = """<p class="lead">In a recording, head and mouth move together. To learn that only
the sound tells the mouth, the network is trained on <b>mashed</b> frames: lips, jaw and chin of one
frame, posed on the head of another, drawn by a second network, the oracle.</p>"""


@dataclass(frozen=True)
class Side:
    """What chooses one of the two frames, and what shows it."""

    clip: gr.Radio
    frame: gr.Slider
    picture: gr.Image
    drawing: gr.Image


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    person = backstage.identity()
    with gr.Column(elem_classes="mash"):
        gr.HTML(INTRODUCTION, padding=False)
        identity = gr.Radio(
            backstage.names, value=person.name, label="Who", visible=len(backstage.names) > 1
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
                status = gr.HTML(_missing(backstage, person.name) or note(READY), label="Status")
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
    handlers = Handlers(backstage)
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
        lambda name: _missing(backstage, name) or note(READY), identity, status, **PRIVATE
    )
    proof.build(backstage, identity)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage

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
            avatar = self.backstage.avatar(identity or "")
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
            avatar = self.backstage.avatar(identity or "")
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
        if not self.backstage.identity(chosen[-1] or "").has_oracle:
            return (gr.skip(),) * 8
        return self.mash(*chosen)


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
        last = len(handlers.backstage.identity(name).clip(clip)) - 1
        return gr.Slider(maximum=last, value=min(int(frame), last))

    def introduce(name: str) -> tuple[Any, ...]:
        person = handlers.backstage.identity(name)
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


def _missing(backstage: Backstage, name: str) -> str | None:
    """What stands in the way of mashing, if anything does."""
    try:
        backstage.identity(name).oracle()
    except BundleError as error:
        return note(escape(str(error), quote=False))
    return None


def _told(made: MashPictures) -> str:
    rows = {"between the two heads": f"{made.mash.distance:.1f}°"}
    if made.rendered is None:
        rows["by the renderer"] = "clip i does not tell what was said"
    return facts(rows)
