"""The part of the Mash tab that proves it: one sentence over four head motions, as a video."""

import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ..metrics.proof import Proof
from ..render.receipt import receipt_path
from .backstage import PROOF_CHARS, Backstage
from .request import Request
from .status import MODEL, PRESSED, PRIVATE, STOPPED, facts, note, running, told

CLAIM = "My mouth follows the sound alone, wherever my head turns."
INTRODUCTION = """<div class="lead"><h2>Prove it</h2><p>One sentence over four head motions, and
silence over a fifth. If the mouth follows the sound alone, four curves are one, and the last lies
flat.</p></div>"""


def build(backstage: Backstage, identity: gr.Radio) -> None:
    """Lay out the part inside the Blocks that are being built, and connect its events.

    Args:
        backstage: who can be rendered.
        identity: whose proof is wanted.
    """
    with gr.Column(elem_classes="mash"):
        gr.HTML(INTRODUCTION, padding=False)
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
        with gr.Row(visible=False, elem_classes="downloads") as downloads:
            download = gr.DownloadButton("Download video")
            paper = gr.DownloadButton("Sync receipt")
        info = gr.JSON(label="Figures", visible=False)
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    busy = idle[::-1]
    gone = gr.update(visible=False)
    go.click(
        lambda: (*busy, gr.update(visible=True), gone), None, [go, cancel, screen, downloads],
        **PRIVATE,
    )  # fmt: skip
    run = go.click(
        Prover(backstage).prove, [text, identity], [video, info, preview, status], api_name="prove",
        show_progress="hidden", **MODEL,
    )  # fmt: skip
    run.success(
        lambda path: (*idle, gr.update(visible=True), path, str(receipt_path(path))), video,
        [go, cancel, downloads, download, paper], **PRIVATE,
    )  # fmt: skip
    run.failure(
        lambda: (*idle, gone, note(STOPPED)), None, [go, cancel, screen, status], **PRIVATE
    )
    cancel.click(lambda: PRESSED, None, cancel, cancels=run, **PRIVATE)


class Prover:
    """What happens when it is clicked; can be called without a page."""

    def __init__(self, backstage: Backstage):
        self.backstage = backstage

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
            The video; its figures in pixels, with its sync receipt; the newest picture; status as
            HTML.
        """
        folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
        preview: str | None = None
        with told():
            for step in self.backstage.prove(Request(text=text, identity=identity or ""), folder):
                if isinstance(step, Proof):
                    yield str(step.video.path), _figures(step), preview, _proven(step)
                    return
                preview = str(step.preview) if step.preview else preview
                progress((step.done, step.total or None), desc=step.stage, unit="frames")
                yield None, None, preview, running(step)


def _figures(proof: Proof) -> dict[str, Any]:
    return {
        "seconds": proof.video.seconds,
        "spread_px": round(proof.spread_px, 2),
        "silence_opening_px": round(proof.silence_px, 2),
        "rest_opening_px": None if proof.rest_px is None else round(proof.rest_px, 2),
        "reader_error_px": round(proof.reader_px, 2),
        "receipt": asdict(proof.video.receipt),
    }


def _proven(proof: Proof) -> str:
    rows = {
        "between any two that speak": f"{proof.spread_px:.1f} px",
        "open in silence": f"{proof.silence_px:.1f} px",
    }
    if proof.rest_px is not None:
        rows["open at rest"] = f"{proof.rest_px:.1f} px"
    rows["error of the reader"] = f"{proof.reader_px:.1f} px"
    return facts(rows, proof.video.receipt)
