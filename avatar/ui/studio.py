"""The tab "Your avatar": films and consent in, an avatar of one's own out."""

import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ..errors import AvatarError
from ..training.consent import Consent
from . import speak, studio_parts, studio_view
from .backstage import Backstage
from .status import MODEL, PRIVATE, told
from .studio_view import AGREED, HELLO, View

JOB: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
"""Handlers that start, stop or look at a job answer at once; in the queue, or errors go untold."""


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    gr.HTML(studio_view.INTRODUCTION, padding=False)
    if backstage.workshop.obstacle:
        gr.HTML(studio_view.closed(backstage.workshop.obstacle), padding=False)
        return
    _connect(View(**studio_parts.build()), Handlers(backstage), tab)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage, self.workshop = backstage, backstage.workshop

    def prepare(
        self,
        films: list[str] | None,
        transcript: str = "",
        who: str = "",
        agreed: str = AGREED,
        contact: str = "",
        consent: bool = False,
    ) -> dict[str, Any]:
        """Begin an avatar: take films of a person over, and start to prepare them.

        It answers at once; follow the work with `/progress`. Nothing is made without consent.

        Args:
            films: one to ten films of one person who speaks, 5 minutes or more together.
            transcript: what is said in a single film, in English; makes the lips more exact.
            who: name of the person in the films.
            agreed: what this person agrees to.
            contact: how to reach this person, for questions or to take the consent back.
            consent: true if whoever calls is this person or has their written permission.

        Returns:
            Where the project stands, with its secret key "project", which all else asks for.
        """
        with told():
            if not consent:
                raise AvatarError("Without consent nothing is made: please tick it, if it is true.")
            agreement = Consent(who, agreed, date.today().isoformat(), contact)
            project = self.workshop.begin(films or [], transcript or "", agreement)
            return self.workshop.state(project)

    def progress(self, project: str) -> dict[str, Any]:
        """Tell where a project stands.

        Args:
            project: its key, from `/prepare`.

        Returns:
            "stage" (filmed, preparing, prepared, training, packaging or ready); while it works
            "doing", "done", "total" and "seconds_left"; "problem" if the last job failed; of the
            films "verdict" (good, usable or refuse), "reasons" and "marks".
        """
        with told():
            return self.workshop.state(self.workshop.project(project))

    def train(self, project: str, minutes: float = 20, anyway: bool = False) -> dict[str, Any]:
        """Train an avatar on prepared films, or go on with it; it is packed when that ends.

        It answers at once; follow the work with `/progress`.

        Args:
            project: its key, from `/prepare`.
            minutes: how long to train, 1 to 240, with what was trained before.
            anyway: even if the films were refused.

        Returns:
            Where the project stands, as `/progress` tells it.
        """
        with told():
            found = self.workshop.project(project)
            self.workshop.train(found, minutes, anyway)
            return self.workshop.state(found)

    def resume(self, project: str) -> dict[str, Any]:
        """Go on with preparing the films of a project."""
        with told():
            found = self.workshop.project(project)
            self.workshop.prepare(found)
            return self.workshop.state(found)

    def stop(self, project: str) -> dict[str, Any]:
        """Stop the work at a project; what is done is kept, and the same call goes on.

        Args:
            project: its key, from `/prepare`.

        Returns:
            Where the project stands, as `/progress` tells it.
        """
        with told():
            found = self.workshop.project(project)
            self.workshop.stop(found)
            return self.workshop.state(found)

    def try_out(
        self,
        project: str,
        text: str = HELLO,
        voice: str = "en-us",
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it in
    ) -> Iterator[tuple[Any, ...]]:
        """Make a video of one's own avatar saying a text.

        Args:
            project: its key, from `/prepare`.
            text: up to 2000 characters, in the language of the voice.
            voice: who reads the text; `/voices` lists the ids.

        Returns:
            The video; the newest picture; status as HTML.
        """
        with told():
            if self.workshop.project(project).bundle is None:
                raise AvatarError("The avatar is not made yet: train it first.")
        speaker = speak.Handlers(self.backstage)
        for step in speaker.speak(text=text, voice=voice, identity=project, progress=progress):
            video, _, _, preview, status, _ = step
            yield video, preview, status

    def package(self, project: str) -> str:
        """Hand out the avatar: a zip to unpack into the folder `checkpoints` of any Avatar.

        Args:
            project: its key, from `/prepare`.

        Returns:
            The zip.
        """
        with told():
            folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
            return str(self.workshop.project(project).archive(folder))

    def forget(self, project: str) -> None:
        """Delete a project at once: films, frames, training and avatar.

        Args:
            project: its key, from `/prepare`.
        """
        with told():
            self.workshop.forget(self.workshop.project(project))


def _connect(v: View, handlers: Handlers, tab: gr.Tab) -> None:
    """Whatever is done ends in a new state, and whatever the state says is shown."""
    show = {
        "fn": lambda key, shown: v.show(handlers.workshop, key, shown),
        "inputs": [v.key, v.shown], "outputs": v.outputs, **PRIVATE,
    }  # fmt: skip
    consent = [v.films, v.who, v.agreed, v.contact, v.consent]
    for part in consent:
        part.change(studio_view.may_prepare, consent, v.prepare, **PRIVATE)
    begun = v.prepare.click(
        handlers.prepare, [v.films, v.transcript, v.who, v.agreed, v.contact, v.consent], v.state,
        api_name="prepare", **JOB,
    )  # fmt: skip
    begun.success(
        lambda state: (state["project"], None, False), v.state, [v.key, v.films, v.consent],
        **PRIVATE,
    ).then(**show).then(None, v.key, js=studio_view.REMEMBER)  # fmt: skip
    train = [v.key, v.minutes, v.anyway]
    v.train.click(handlers.train, train, v.state, api_name="train", **JOB).then(**show)
    v.resume.click(
        handlers.resume, v.key, v.state, api_visibility="private", **JOB
    ).then(**show)  # fmt: skip
    v.stop.click(handlers.stop, v.key, v.state, api_name="stop", **JOB).then(**show)
    v.timer.tick(**show)
    tab.select(None, outputs=v.key, js=studio_view.RECALL).then(**show)
    _connect_trial(v, handlers)
    v.forget.click(lambda: gr.update(visible=True), None, v.sure, **PRIVATE)
    v.keep.click(lambda: gr.update(visible=False), None, v.sure, **PRIVATE)
    v.delete.click(handlers.forget, v.key, None, api_name="forget", **JOB).then(**show).then(
        None, v.key, js=studio_view.REMEMBER
    )
    gr.api(handlers.progress, api_name="progress", concurrency_limit=None)


def _connect_trial(v: View, handlers: Handlers) -> None:
    v.say.click(lambda: gr.update(interactive=False), None, v.say, **PRIVATE)
    run = v.say.click(
        handlers.try_out, [v.key, v.text, v.voice], [v.video, v.picture, v.status],
        api_name="try", show_progress="hidden", **MODEL,
    )  # fmt: skip
    run.then(lambda: gr.update(interactive=True), None, v.say, **PRIVATE)
    v.download.click(
        handlers.package, v.key, v.archive, api_name="package", **JOB
    ).success(None, js=studio_view.FETCH)  # fmt: skip
