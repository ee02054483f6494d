"""What every tab shares: how a job is run, and what is said about it while and after it runs."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr

from ..errors import AvatarError
from ..render.receipt import OPEN, Receipt
from .request import Update

log = logging.getLogger(__name__)

PRIVATE: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
"""Handlers that only move the page along."""
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every handler that uses the network: one at a time, or each would only slow the other down."""

LOOK: dict[str, Any] = {
    "concurrency_id": "look", "concurrency_limit": 1, "trigger_mode": "always_last"
}  # fmt: skip
"""Handlers that follow a slider: only where it is now matters."""

STOPPED = "Stopped. Nothing was kept."
"""Of a job that was cancelled or failed. Gradio runs ``failure`` for both, after whatever cancels:
said there, it is the last word, and a new job may begin."""

PRESSED = gr.update(interactive=False)
"""A button that has been pressed, until what it began, or ended, is over."""

SORRY = "Sorry, something went wrong here, not with what you sent; please try again."
FULL = "Sorry, the disk of this server is full; please try again later."


def note(text: str) -> str:
    """A quiet line under the stage."""
    return f'<div class="status" role="status"><span class="muted">{text}</span></div>'


def running(step: Update) -> str:
    """The bar that tells how far a job is."""
    if not step.total:
        return (
            f'<div class="status" role="status"><b>{step.stage}</b> '
            '<span class="muted">…</span><div class="bar unknown"><i></i></div></div>'
        )
    left = max(round(step.seconds_left or 0), 1)
    return (
        f'<div class="status" role="status"><b>{step.stage}</b> <span class="muted">frame '
        f"{step.done} of {step.total}, about {left} s left</span>"
        f'<div class="bar"><i style="width:{100 * step.done / step.total:.1f}%"></i></div></div>'
    )


def working(stage: str, done: int, total: int, seconds_left: float | None) -> str:
    """The same for work of which only a share is known; a total of 0 where not even that is."""
    told = escape(stage[:1].upper() + stage[1:])
    if not total:
        return (
            f'<div class="status" role="status"><b>{told}</b> <span class="muted">…</span>'
            '<div class="bar unknown"><i></i></div></div>'
        )
    percent = 100 * done / total
    left = "" if seconds_left is None else f", {_about(seconds_left)}"
    return (
        f'<div class="status" role="status"><b>{told}</b> <span class="muted">{percent:.0f} %'
        f'{left}</span><div class="bar"><i style="width:{percent:.1f}%"></i></div></div>'
    )


def _about(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s left"
    return f"about {round(seconds / 60)} min left"


def facts(items: dict[str, str], receipt: Receipt | None = None) -> str:
    """What a finished job is worth telling: names, values, and what its video was found to be."""
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in items.items())
    line = "" if receipt is None else _receipt(receipt)
    return f'<div class="status" role="status"><dl class="facts">{rows}</dl>{line}</div>'


def _receipt(receipt: Receipt) -> str:
    """One line with a light: green, amber where the lips are open in silence, grey if unknown."""
    light = "open" if receipt.silence == OPEN else "unknown" if receipt.why else "good"
    return f'<p class="receipt {light}">{escape(receipt.line)}</p>'


@contextmanager
def told() -> Iterator[None]:
    """Whatever goes wrong becomes one sentence for whoever asked; bugs go to the log."""
    try:
        yield
    except AvatarError as error:
        raise gr.Error(escape(str(error), quote=False), print_exception=False) from error
    except Exception as error:
        log.exception("a job failed")
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        sorry = FULL if full else SORRY
        raise gr.Error(sorry, print_exception=False) from error
