"""What there is in the tab "Your avatar": a stage, and parts that come and go with the project."""

from typing import Any

import gradio as gr

from . import studio_view
from .controls import voices_of
from .studio_view import AGREED, HELLO
from .workshop import MINUTES

WATCH_S = 1.0
"""Seconds between two looks at a job."""
FILM_TYPES = ["video", ".mkv", ".mts", ".m2ts", ".mpg", ".avi", ".webm"]


def build() -> dict[str, Any]:
    """Lay all of it out inside the tab that is being built; gives the parts of a ``View``."""
    parts: dict[str, Any] = {"steps": gr.HTML(studio_view.steps("new"), padding=False)}
    with gr.Row(elem_classes="speak", equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="left"):
            parts |= _stage()
        with gr.Column(scale=6, min_width=300, elem_classes="right"):
            parts |= _film_side() | _trial_side() | _report_side() | _training_side() | _foot()
    return parts


def _stage() -> dict[str, Any]:
    with gr.Column(elem_classes="stage studio-stage"):
        guide = gr.HTML(studio_view.GUIDE, padding=False, elem_classes="guide")
        picture = gr.Image(
            label="Picture", show_label=False, interactive=False, buttons=[], container=False,
            visible=False, alt_text="How far your avatar is",
        )  # fmt: skip
        video = gr.Video(
            label="Video", show_label=False, interactive=False, autoplay=True, buttons=[],
            container=False, elem_classes="video",
        )  # fmt: skip
    status = gr.HTML(label="Status")
    stop = gr.Button("Stop", size="lg", visible=False)
    return {"guide": guide, "picture": picture, "video": video, "status": status, "stop": stop}


def _film_side() -> dict[str, Any]:
    with gr.Column(elem_classes="part") as film_part:
        films = gr.File(
            label="Films of one person", file_count="multiple", file_types=FILM_TYPES, height=170
        )
        transcript = gr.Textbox(
            "", label="What is said", lines=2, max_length=40_000,
            info="Optional, English, for a single film. It makes the lips more exact.",
        )  # fmt: skip
        gr.HTML(studio_view.CONSENT, padding=False)
        with gr.Row():
            who = gr.Textbox("", label="Who is in the films", max_length=200, min_width=200)
            contact = gr.Textbox(
                "", label="How to reach this person", placeholder="e-mail or telephone",
                max_length=200, min_width=200,
            )  # fmt: skip
        agreed = gr.Textbox(AGREED, label="What is agreed", lines=2, max_length=1000)
        consent = gr.Checkbox(
            False, label="I am this person, or have their written permission, and all this is true."
        )
        prepare = gr.Button(
            "Prepare", variant="primary", size="lg", interactive=False, elem_classes="generate"
        )
    return {
        "film_part": film_part, "films": films, "transcript": transcript, "who": who,
        "contact": contact, "agreed": agreed, "consent": consent, "prepare": prepare,
    }  # fmt: skip


def _report_side() -> dict[str, Any]:
    with gr.Column(elem_classes="part", visible=False) as report_part:
        report = gr.HTML(padding=False)
        pictures = gr.Gallery(
            label="Report", show_label=False, columns=2, object_fit="contain", height="auto",
            interactive=False, visible=False, buttons=["fullscreen"],
        )  # fmt: skip
    resume = gr.Button("Go on", variant="primary", size="lg", visible=False)
    return {"report_part": report_part, "report": report, "pictures": pictures, "resume": resume}


def _training_side() -> dict[str, Any]:
    with gr.Column(elem_classes="part", visible=False) as training_part:
        minutes = gr.Slider(
            *MINUTES, 20, step=1, label="Minutes to train, all together", buttons=[],
            info="It can be stopped and gone on with at any time.",
        )  # fmt: skip
        anyway = gr.Checkbox(
            False, visible=False, label="Train anyway, to see how it works; it will not look good."
        )
        train = gr.Button("Start training", variant="primary", size="lg", elem_classes="generate")
    return {"training_part": training_part, "minutes": minutes, "anyway": anyway, "train": train}


def _trial_side() -> dict[str, Any]:
    with gr.Column(elem_classes="part", visible=False) as trial_part:
        text = gr.Textbox(HELLO, label="Try it", lines=2, max_length=2000)
        with gr.Row(elem_classes="trial"):
            voice = gr.Dropdown(
                voices_of("en-us"), value=voices_of("en-us")[0][1], label="Voice", min_width=160
            )
            say = gr.Button("Say it", variant="primary", size="lg", min_width=120)
        download = gr.Button("Download your avatar", size="lg")
        archive = gr.DownloadButton("Your avatar", elem_classes="offstage", elem_id="archive")
    return {
        "trial_part": trial_part, "text": text, "voice": voice, "say": say, "download": download,
        "archive": archive,
    }  # fmt: skip


def _foot() -> dict[str, Any]:
    with gr.Column(elem_classes="part", visible=False) as foot:
        forget = gr.Button("Delete everything", size="sm", elem_classes="quiet")
        with gr.Row(visible=False, elem_classes="sure") as sure:
            gr.HTML("Films, training and avatar will be gone.", padding=False)
            delete = gr.Button("Delete", size="sm", min_width=90)
            keep = gr.Button("Keep", size="sm", min_width=90)
    key = gr.Textbox("", label="Project", visible=False)
    state = gr.JSON(label="State", visible=False)
    shown, timer = gr.State(""), gr.Timer(WATCH_S, active=False)
    return {
        "foot": foot, "forget": forget, "sure": sure, "delete": delete, "keep": keep,
        "key": key, "state": state, "shown": shown, "timer": timer,
    }  # fmt: skip
