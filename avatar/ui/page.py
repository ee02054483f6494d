"""The page: head, one tab a file of this room, foot; and how it is served."""

import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from .. import __version__
from ..errors import AvatarError
from ..identity import Identity
from ..memory import keep_little
from . import blind, compare, live, mash, speak, studio, uploads
from .backstage import Backstage
from .bodies import ShortBodies
from .compare_request import MAX_MINUTES
from .controls import EXAMPLES
from .origin import OwnPages
from .request import MAX_CHARS, MAX_SECONDS, SOUND_MB
from .room import VIDEO_MB
from .socket import live_route
from .theme import STYLES, Theme
from .votes import Poll
from .workshop import open_workshop

log = logging.getLogger(__name__)

TABS = (
    ("Speak", speak.build), ("Live", live.build), ("Mash", mash.build),
    ("Compare", compare.build), ("Your avatar", studio.build),
)  # fmt: skip
"""Name and builder of each tab."""
QUEUE = 12
"""Jobs that may wait; whoever comes after is asked to come back later."""
KEPT_S = 3600
"""Uploads and videos are deleted once they are this old."""
UPLOAD, FILM_UPLOAD = f"{VIDEO_MB}mb", "2gb"
"""The largest upload: of videos to compare, and where avatars are made of films."""


def build(backstage: Backstage | None = None, ballots: blind.Stage | None = None) -> gr.Blocks:
    """Lay out the page.

    Args:
        backstage: who can be rendered; by default all identities that are found here.
        ballots: videos that people vote on at ``/blind``, if any.
    """
    uploads.install()
    backstage = backstage or Backstage()
    with gr.Blocks(
        title="Avatar", analytics_enabled=False, delete_cache=(600, KEPT_S)
    ) as demo:  # fmt: skip
        gr.HTML(_masthead(backstage.identity()), padding=False)
        with gr.Tabs(elem_classes="tabs"):
            for name, build_tab in TABS:
                with gr.Tab(name) as tab:
                    build_tab(backstage, tab)
        gr.HTML(_colophon(backstage.identity()), padding=False)
    if ballots is not None:
        blind.build(demo, ballots)
    demo.queue(max_size=QUEUE)
    demo.backstage, demo.ballots = backstage, ballots
    return demo


def launch_options(backstage: Backstage) -> dict[str, Any]:
    """What ``launch`` needs beside an address."""
    shut = backstage.workshop.obstacle is not None
    return {
        "theme": Theme(),
        "css_paths": list(STYLES),
        "max_file_size": UPLOAD if shut else FILM_UPLOAD,
        "allowed_paths": [str(EXAMPLES)],
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "show_error": False,
        "ssr_mode": False,
        "app_kwargs": {
            "routes": [live_route(backstage.live)],
            "middleware": [Middleware(OwnPages), Middleware(ShortBodies)],
        },
    }


def serve(
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    training: bool = True,
    gpu: Callable[[Callable], Callable] | None = None,
    demo: gr.Blocks | None = None,
    vote_on: Path | None = None,
    engine: str = "auto",
) -> None:
    """Start the page and stay until it is stopped; in the main thread, or it cannot be told to.

    Args:
        host: address to listen on; Gradio's own choice (this machine only, or a Space's) if None.
        port: port to listen on; the first free one from 7860 if None.
        share: make a public link through Gradio's servers.
        training: whether visitors may make avatars of their own.
        gpu: see ``Backstage``.
        demo: a page that is built already.
        vote_on: a folder as ``votes.Poll`` wants it, whose renders people vote on at ``/blind``.
        engine: see ``Backstage``.
    """
    keep_little()
    poll = Poll(vote_on) if vote_on else None
    if host and ":" in host and not host.startswith("["):
        host = f"[{host}]"  # IPv6, as it stands in an address, which Gradio makes of it
    demo = demo or build(
        Backstage(gpu, open_workshop(training), engine), poll and blind.Stage(poll)
    )
    _sweep(Path(get_upload_folder()))
    backstage = demo.backstage
    threading.Thread(target=_warm_up, args=(backstage,), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to clean up, as at Ctrl-C
    try:
        demo.launch(server_name=host, server_port=port, share=share, **launch_options(backstage))
    finally:
        backstage.live.close()
        backstage.worker.stop()
        backstage.workshop.close()
        if demo.ballots:
            demo.ballots.close()


def _sweep(folder: Path) -> None:
    """Delete what a server that was killed could not delete itself."""
    for job in folder.glob("avatar-*"):
        if time.time() - job.stat().st_mtime > KEPT_S:
            shutil.rmtree(job, ignore_errors=True)


def _warm_up(backstage: Backstage) -> None:
    try:
        backstage.warm_up()
    except AvatarError as error:  # such as no network; the first visitor will be told, too
        log.warning("could not get ready ahead of the first visitor: %s", error)
    except Exception:
        log.exception("could not get ready ahead of the first visitor")


def _masthead(person: Identity) -> str:
    return (
        f'<header class="masthead"><h1>Avatar</h1><p>Write it or say it. '
        f"{person.name.capitalize()} speaks it, on this machine.</p></header>"
    )


def _colophon(person: Identity) -> str:
    subject = person.config.consent.get("statement") or (
        f"{person.name.capitalize()} is a synthetic person: no real one is shown."
    )
    licence = person.config.licence or "see the model card"
    return (
        '<section class="fineprint colophon">'
        f"<div><h2>Who this is</h2><p>{escape(str(subject))} The code is Apache-2.0, the person "
        f"{escape(licence)}. Do not use her to deceive.</p></div>"
        f"<div><h2>Limits</h2><p>{MAX_SECONDS // 60} minutes of sound, {MAX_CHARS} characters of "
        f"text, sounds up to {SOUND_MB} MB; to compare, {MAX_MINUTES} minutes a video. One job at "
        f"a time; {QUEUE} may wait.</p></div>"
        f"<div><h2>What is kept</h2><p>Uploads and videos are deleted after about an hour, a "
        "cancelled job at once, an avatar of your own after a day or when you say so. "
        "What you say or write is not logged and stays here; only a neural voice is fetched "
        "from the Hugging Face Hub, once. Every MP4 says inside that it "
        f"is AI-generated, by Avatar {__version__}.</p></div></section>"
    )
