"""What the Live tab shows: her, who listens while nobody speaks, and the two ways to make her."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import MediaStreamChunk

from .backstage import Backstage
from .controls import portrait, voices_of
from .request import MAX_CHARS
from .status import PRIVATE, note

SCENE = Path(__file__).with_name("live.js").read_text(encoding="utf-8")
MICROPHONE = Path(__file__).with_name("live_talk.js").read_text(encoding="utf-8")
TALK = """<div class="talking"><button type="button"><svg viewBox="0 0 24 24" aria-hidden="true">
<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M6 11a6 6 0 0 0 12 0M12 17v4"/></svg>
<span>Talk</span></button><p>Or say it yourself: she says it after you, in your voice, a few seconds
behind. Wear headphones, or she hears herself.</p></div>"""
SUGGESTIONS = {
    "A greeting": "Hello! Write me a line, and I will say it.",
    "What is this?": "Every second of me is rendered while you watch the second before it.",
    "A tongue twister": "Peter Piper picked a peck of pickled peppers.",
}


@dataclass(frozen=True)
class LiveParts:
    """The components that events read and write."""

    identity: gr.Radio
    start: gr.Number
    """The frame of ``idle`` that an answer begins with; the page's script knows it."""
    idle: gr.HTML
    video: gr.Video
    scene: gr.HTML
    """What goes on, in words; its ``stop`` event says that she listens again."""
    status: gr.HTML
    text: gr.Textbox
    voice: gr.Dropdown
    say: gr.Button
    stop: gr.Button
    talk: gr.HTML


def build(backstage: Backstage, ears: list[Callable]) -> LiveParts:
    """Lay it out inside the tab that is being built.

    Args:
        backstage: who can be shown.
        ears: what takes a microphone's sound, and its end, from the script of the page.
    """
    with gr.Row(elem_classes="speak live", equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="left"):
            idle, video, scene, status = _stage(backstage)
        with gr.Column(scale=6, min_width=300, elem_classes="right"):
            identity = gr.Radio(
                backstage.names, value=backstage.names[0], label="Who answers",
                visible=len(backstage.names) > 1,
            )  # fmt: skip
            start = gr.Number(0, label="Start", precision=0, minimum=0, visible=False)
            text, voice, say, stop = _writing()
            talk = _talking(ears)
    return LiveParts(identity, start, idle, video, scene, status, text, voice, say, stop, talk)


def _stage(backstage: Backstage) -> tuple[gr.HTML, gr.Video, gr.HTML, gr.HTML]:
    person = backstage.identity()
    with gr.Column(elem_classes="stage live-stage"):
        gr.Image(
            portrait(person), label="Portrait", show_label=False, interactive=False, buttons=[],
            container=False, alt_text=f"{person.name.capitalize()}, who listens",
        )  # fmt: skip
        idle = gr.HTML("", label="Idle", padding=False, js_on_load=None, elem_classes="idle")
        video = gr.Video(
            label="Video", show_label=False, interactive=False, streaming=True, autoplay=True,
            buttons=[], container=False, elem_classes="video",
        )  # fmt: skip
        video.stream_output = _kept
        scene = gr.HTML(
            '<div class="scene" role="status"><i></i><span>She listens</span></div>',
            label="Scene", padding=False, js_on_load=SCENE, elem_classes="caption",
        )  # fmt: skip
    return idle, video, scene, gr.HTML(note("Write it or say it."), label="Status")


async def _kept(
    chunk: MediaStreamChunk | None, output_id: str, first_chunk: bool
) -> tuple[MediaStreamChunk | None, dict[str, Any]]:
    """A part of the stream, as it is: Gradio would start three processes for each part."""
    return chunk, {
        "path": output_id, "is_stream": True, "orig_name": "video.mp4",
        "meta": {"_type": "gradio.FileData"},
    }  # fmt: skip


def _writing() -> tuple[gr.Textbox, gr.Dropdown, gr.Button, gr.Button]:
    text = gr.Textbox(
        "", label="Text", lines=3, max_lines=8, max_length=MAX_CHARS, show_label=False,
        placeholder="Write something, and watch her say it.",
    )  # fmt: skip
    with gr.Row(elem_classes="chips"):
        for name, words in SUGGESTIONS.items():
            chip = gr.Button(name, size="sm", min_width=60)
            chip.click(lambda words=words: words, None, text, **PRIVATE)
    voice = gr.Dropdown(
        voices_of("en-us"), value=voices_of("en-us")[0][1], label="Voice", min_width=160,
        allow_custom_value=True,
    )  # fmt: skip
    with gr.Row(elem_classes="go"):
        say = gr.Button("Say it", variant="primary", size="lg", elem_classes="generate")
        stop = gr.Button("Stop", size="lg", interactive=False, elem_classes="cancel")
    return text, voice, say, stop


def _talking(ears: list[Callable]) -> gr.HTML:
    # Not gr.Audio: its stream drops what comes while the sound before is still looked at.
    return gr.HTML(
        TALK, label="Talk", padding=False, js_on_load=MICROPHONE, server_functions=ears,
        elem_classes="talk",
    )  # fmt: skip
