"""What there is in the Compare tab: videos in, and the parts of a report."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from .compare_request import CANDIDATES, MAX_MINUTES
from .compare_view import SCRUB
from .room import VIDEO_MB
from .status import PRIVATE, note

FILM_TYPES = ["video", ".mkv", ".mts", ".m2ts", ".mpg", ".avi", ".webm"]
INTRODUCTION = """<div class="lead"><p>How good is a talking face? Give the true video and up to
four that imitate it. Every number is measured on four <b>controls</b> too, made of the true video:
itself, the sound shuffled, the sound five frames off, the mouth frozen. What cannot tell those
apart is grey.</p></div>"""
IDLE = "Ready. Beneath stands an example that was measured before."
LIMITS = (
    f"Up to {MAX_MINUTES} minutes and {VIDEO_MB} MB each, with one face in the picture. What you "
    "send is measured on this machine and deleted after about an hour."
)
SOUNDS = [
    ("Each by its own sound", "own"),
    ("All by the sound of the reference", "reference"),
    ("All by a recording", "file"),
]


@dataclass(frozen=True)
class Parts:
    """The components that events read and write."""

    reference: gr.File
    alone: gr.Checkbox
    candidates: gr.File
    example: gr.Button
    judged_by: gr.Radio
    sound: gr.File
    go: gr.Button
    cancel: gr.Button
    status: gr.HTML
    report: gr.State
    body: gr.Column
    title: gr.HTML
    table: gr.HTML
    metric: gr.Radio
    plot: gr.HTML
    frame: gr.Slider
    left: gr.Dropdown
    right: gr.Dropdown
    pictures: gr.ImageSlider
    video: gr.Video
    everything: gr.Button
    archive: gr.DownloadButton
    json: gr.DownloadButton
    csv: gr.DownloadButton
    markdown: gr.DownloadButton
    mp4: gr.DownloadButton
    info: gr.JSON
    files: gr.File

    @property
    def outputs(self) -> list[Any]:
        """What a report is shown in."""
        return [
            self.body, self.title, self.table, self.metric, self.plot, self.frame, self.left,
            self.right, self.video, self.json, self.csv, self.markdown, self.mp4,
        ]  # fmt: skip


def build() -> Parts:
    """Lay all of it out inside the tab that is being built."""
    gr.HTML(INTRODUCTION, padding=False)
    with gr.Row(elem_classes="speak videos", equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_classes="part"):
            videos = _videos()
        with gr.Column(scale=1, min_width=300, elem_classes="part"):
            how = _how()
    with gr.Column(visible=False, elem_classes="mash report") as body:
        title = gr.HTML(padding=False)
        video = gr.Video(
            label="Side by side", show_label=False, interactive=False, buttons=[], container=False,
            elem_classes="beside",
        )  # fmt: skip
        table = gr.HTML(label="Table", padding=False, js_on_load=None, apply_default_css=False)
        over_time = _over_time()
        downloads = _downloads()
    info = gr.JSON(label="Comparison", visible=False)
    files = gr.File(label="Files", file_count="multiple", visible=False)
    return Parts(
        **videos, **how, report=gr.State(None), body=body, title=title, video=video, table=table,
        **over_time, **downloads, info=info, files=files,
    )  # fmt: skip


def _videos() -> dict[str, Any]:
    reference = gr.File(
        label="Reference: the true video", file_types=FILM_TYPES, height=112, elem_classes="drop"
    )
    alone = gr.Checkbox(False, label="There is no reference: measure what needs none")
    candidates = gr.File(
        label=f"Videos to measure, up to {CANDIDATES}", file_count="multiple",
        file_types=FILM_TYPES, height=140, elem_classes="drop",
    )  # fmt: skip
    with gr.Row(elem_classes="chips"):
        example = gr.Button("Take the example’s videos", size="sm", min_width=60)
    return {
        "reference": reference, "alone": alone, "candidates": candidates, "example": example
    }  # fmt: skip


def _how() -> dict[str, Any]:
    judged_by = gr.Radio(
        SOUNDS, value="own", label="Which sound the lips are judged by", elem_classes="film-use"
    )
    sound = gr.File(
        label="Recording",
        file_types=["audio", "video"],
        height=112,
        visible=False,
        elem_classes="drop",
    )
    gr.HTML(f'<p class="fineprint">{LIMITS}</p>', padding=False)
    with gr.Row(elem_classes="go"):
        go = gr.Button("Compare", variant="primary", size="lg", elem_classes="generate")
        cancel = gr.Button("Cancel", size="lg", interactive=False, elem_classes="cancel")
    status = gr.HTML(note(IDLE), label="Status")
    return {"judged_by": judged_by, "sound": sound, "go": go, "cancel": cancel, "status": status}


def _over_time() -> dict[str, Any]:
    gr.HTML('<div class="lead"><h2>Over time</h2></div>', padding=False)
    with gr.Row(elem_classes="moments"):
        with gr.Column(scale=2, min_width=280):
            with gr.Row(elem_classes="sides"):
                left = gr.Dropdown([], label="Left", min_width=100)
                right = gr.Dropdown([], label="Right", min_width=100)
            pictures = gr.ImageSlider(
                label="This frame", show_label=False, format="jpeg", interactive=False,
                buttons=["fullscreen"], container=False, elem_classes="over",
            )  # fmt: skip
        with gr.Column(scale=3, min_width=280):
            metric = gr.Radio([], label="Metric", elem_classes="metrics")
            plot = gr.HTML(label="Plot", padding=False, js_on_load=SCRUB, apply_default_css=False)
            frame = gr.Slider(
                0, 1, 0, step=1, label="Frame", buttons=[], elem_classes="frame-slider"
            )
    return {
        "metric": metric, "plot": plot, "frame": frame, "left": left, "right": right,
        "pictures": pictures,
    }  # fmt: skip


def _downloads() -> dict[str, Any]:
    with gr.Row(elem_classes="downloads"):
        everything = gr.Button("Download everything", size="md", elem_classes="first")
        json = gr.DownloadButton("Numbers JSON", size="md")
        csv = gr.DownloadButton("Table CSV", size="md")
        markdown = gr.DownloadButton("Table Markdown", size="md")
        mp4 = gr.DownloadButton("Side by side MP4", size="md")
    archive = gr.DownloadButton("Zip", elem_classes="offstage", elem_id="comparison")
    return {
        "everything": everything, "archive": archive, "json": json, "csv": csv,
        "markdown": markdown, "mp4": mp4,
    }  # fmt: skip


def without_reference(alone: bool, judged_by: str) -> tuple[Any, Any]:
    """The reference's upload and the choice of sounds, with the reference or without."""
    choices = [choice for choice in SOUNDS if not (alone and choice[1] == "reference")]
    value = "own" if alone and judged_by == "reference" else judged_by
    return gr.update(visible=not alone), gr.update(choices=choices, value=value)


def connect_inputs(p: Parts) -> None:
    """What the switches show and hide."""
    p.alone.input(without_reference, [p.alone, p.judged_by], [p.reference, p.judged_by], **PRIVATE)
    p.judged_by.change(lambda by: gr.update(visible=by == "file"), p.judged_by, p.sound, **PRIVATE)
