"""What the tab "Your avatar" shows at each stage of a project."""

import json
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import gradio as gr

from ..errors import AvatarError
from ..identity import PREVIEW
from .previews import picture
from .project import Project
from .status import note, working
from .workshop import MINUTES, Workshop

AGREED = (
    "An avatar with my face is made from these films. Every video of it says that it is "
    "AI-generated, and nobody deceives with it."
)
HELLO = "Hello! This is my avatar, and it says whatever I write."
MORE = 20
"""Minutes that are proposed for going on with a training."""
STEPS = ("Film", "Report", "Training", "Avatar")
AT_STEP = {
    "new": 0, "filmed": 0, "preparing": 1, "prepared": 1, "training": 2, "packaging": 2, "ready": 3
}  # fmt: skip
IDLE = {
    "new": "Add a film to begin.",
    "filmed": "Stopped. What is done is kept.",
    "prepared": "Prepared. The report says how good the films are.",
    "ready": "Your avatar is ready.",
}
"""What stands under the stage while nothing is at work."""
DOING = {
    "preparing": "Getting ready to read the films",
    "training": "Getting ready to train",
    "packaging": "Making the avatar",
}
"""What stands there before the work has said anything."""
VERDICTS = {
    "good": "These films are good.",
    "usable": "These films are usable.",
    "refuse": "These films will not do.",
}
INTRODUCTION = """<div class="lead"><p>A few minutes of you talking become an avatar that says
whatever you write. All of it is made on this machine, and only with the consent of whoever is in
the films.</p></div>"""
PICTURES = {
    "crop": "What is cut out, and what was found in it",
    "drawings": "What was found, over time",
    "mouths": "A mouth for each sound",
    "matte": "The person, apart from the background",
    "pose": "Where the head points",
    "visemes": "How long each mouth shape is seen",
    "timeline": "Speech, light and sharpness",
    "left_out": "What is left out",
}
"""The pictures of a report, in their order."""
GUIDE = """<div class="how"><svg viewBox="0 0 400 400" role="img"
 aria-label="How to film: head and shoulders in the middle of the picture">
<g fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round">
<path d="M70 100V70H100M300 70H330V100M330 300V330H300M100 330H70V300"/>
<path d="M200 105c-42 0-62 30-60 70 2 44 28 78 60 78s58-34 60-78c2-40-18-70-60-70z"/>
<path d="M176 250v24c-2 14-70 18-88 56M224 250v24c2 14 70 18 88 56"/>
<path d="M70 180H120M280 180H330" stroke-dasharray="1 9"/></g></svg>
<ul><li>5 minutes of talk or more</li><li>Head and shoulders, eyes at the camera</li>
<li>Even light, a camera that stands still</li>
<li>No hand before the mouth, no music</li></ul></div>"""
CONSENT = """<div class="lead consent"><h2>Consent</h2><p>It is kept in the avatar, with the date
of today. Without it nothing is made.</p></div>"""
WAITING = """<div class="lead"><h2>You can close this page</h2><p>The work goes on. Open the page
again in this browser, and you find it here. What nobody works at is deleted after a day.</p></div>
"""
REMEMBER = "(key) => localStorage.setItem('avatar-studio', key)"
"""Keeps the key of a project in the browser."""
RECALL = "() => localStorage.getItem('avatar-studio') || ''"
"""Finds it again when the tab is opened."""
FETCH = "() => setTimeout(() => document.querySelector('#archive').click(), 300)"
"""Presses the hidden link once it has its file."""


@dataclass(frozen=True)
class View:
    """The components of the tab that events read and write."""

    steps: gr.HTML
    guide: gr.HTML
    picture: gr.Image
    video: gr.Video
    status: gr.HTML
    stop: gr.Button
    film_part: gr.Column
    films: gr.File
    transcript: gr.Textbox
    who: gr.Textbox
    contact: gr.Textbox
    agreed: gr.Textbox
    consent: gr.Checkbox
    prepare: gr.Button
    report_part: gr.Column
    report: gr.HTML
    pictures: gr.Gallery
    resume: gr.Button
    training_part: gr.Column
    minutes: gr.Slider
    anyway: gr.Checkbox
    train: gr.Button
    trial_part: gr.Column
    text: gr.Textbox
    voice: gr.Dropdown
    say: gr.Button
    download: gr.Button
    archive: gr.DownloadButton
    foot: gr.Column
    forget: gr.Button
    sure: gr.Row
    delete: gr.Button
    keep: gr.Button
    key: gr.Textbox
    state: gr.JSON
    shown: gr.State
    timer: gr.Timer

    @property
    def outputs(self) -> list[Any]:
        """What ``show`` may change."""
        return [
            getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("text", "voice", "archive", "state")
        ]

    def show(self, workshop: Workshop, key: str, shown: str) -> dict[Any, Any]:
        """Bring the tab up to date.

        Args:
            workshop: where the project is.
            key: of the project; empty before there is one.
            shown: what this returned for ``shown`` the last time: what has not changed since then
                is left alone.
        """
        try:
            project = workshop.project(key)
            state = workshop.state(project)
        except AvatarError:  # not begun yet, or deleted meanwhile
            fresh = {self.status: note(IDLE["new"]), self.shown: "", self.key: ""}
            return self._parts("new") | fresh
        told = {self.status: status(state)}
        now = json.dumps([
            {k: v for k, v in state.items() if k not in ("doing", "done", "total", "seconds_left")},
            str(project.sample),
        ])  # fmt: skip
        if now == shown:
            return told
        parts = self._parts(state["stage"]) | self._contents(project, state)
        return parts | told | {self.shown: now}

    def _parts(self, stage: str) -> dict[Any, Any]:
        """Which parts of the tab are there at a stage."""
        visible = {
            self.film_part: stage == "new",
            self.report_part: stage not in ("new", "filmed", "ready"),
            self.training_part: stage in ("prepared", "ready"),
            self.trial_part: stage == "ready",
            self.foot: stage != "new",
        }
        updates = {part: gr.update(visible=there) for part, there in visible.items()}
        updates |= {self.steps: steps(stage), self.sure: gr.update(visible=False)}
        updates[self.timer] = gr.update(active=stage in DOING)
        updates |= {self.video: None, self.picture: gr.update(visible=False)}
        return updates | dict.fromkeys((self.stop, self.resume), gr.update(visible=False))

    def _contents(self, project: Project, state: dict[str, Any]) -> dict[Any, Any]:
        """What the parts show of a project."""
        stage, updates = state["stage"], {}
        if "verdict" in state:
            updates[self.report] = report(state)
            gallery = [
                (picture(path), caption)
                for name, caption in PICTURES.items()
                if (path := project.report / f"{name}.png").is_file()
            ]
            updates[self.pictures] = gr.update(value=gallery, visible=bool(gallery))
            updates[self.anyway] = gr.update(visible=state["verdict"] == "refuse")
        elif stage == "preparing":
            updates[self.report] = WAITING
        again = stage == "filmed" or (stage == "prepared" and state["verdict"] == "refuse")
        updates[self.forget] = "Begin again with other films" if again else "Delete everything"
        updates[self.resume] = gr.update(
            value="Try again" if "problem" in state else "Go on", visible=stage == "filmed"
        )
        started = project.run_path.is_dir()
        updates[self.train] = gr.update(
            value="Train further" if started else "Start training",
            variant="secondary" if stage == "ready" else "primary",
        )
        if stage == "ready":
            updates[self.minutes] = min(round(project.minutes) + MORE, MINUTES[1])
        if stage in ("preparing", "training"):
            updates[self.stop] = gr.update(visible=True, interactive=not state["stopping"])
        shown = project.bundle / PREVIEW if stage == "ready" else project.sample
        still = picture(shown or project.report / "crop.png")
        if still is not None:
            updates[self.picture] = gr.update(value=still, visible=True)
        return updates


def steps(stage: str) -> str:
    """The way from a film to an avatar, and where on it one is."""
    now = AT_STEP[stage]
    marks = ["done" if n < now else "now" if n == now else "later" for n in range(len(STEPS))]
    items = "".join(
        f'<li class="{mark}"{" aria-current=step" if mark == "now" else ""}>{name}</li>'
        for name, mark in zip(STEPS, marks, strict=True)
    )
    return f'<ol class="steps">{items}</ol>'


def status(state: dict[str, Any]) -> str:
    """The line under the stage: how far the work is, or what there is to do."""
    stage = state["stage"]
    if stage not in DOING:
        problem = state.get("problem")
        return note(f"<b>{escape(problem)}</b>" if problem else IDLE[stage])
    if state["stopping"]:
        return working("stopping", 0, 0, None)
    doing = state["doing"] or DOING[stage]
    return working(doing, state["done"], state["total"], state["seconds_left"])


def report(state: dict[str, Any]) -> str:
    """The verdict on the films, and why."""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in state.get("reasons", []))
    left_out = sum(mark["end_s"] - mark["start_s"] for mark in state.get("marks", []))
    more = f"<p>{left_out:.1f} s of them are left out.</p>" if left_out else ""
    verdict = state["verdict"]
    return (
        f'<div class="lead verdict {verdict}"><h2>{VERDICTS[verdict]}</h2>'
        f"{f'<ul>{reasons}</ul>' if reasons else ''}{more}</div>"
    )


def closed(obstacle: str) -> str:
    """What stands in place of everything where no avatar can be made."""
    return f'<div class="lead shut"><p>{escape(obstacle)}</p></div>'


def may_prepare(films: list[str] | None, *consent: Any) -> Any:
    """Whether there is a film, and the consent is filled in and ticked."""
    *texts, ticked = consent
    return gr.update(interactive=bool(films and all(t and t.strip() for t in texts) and ticked))
