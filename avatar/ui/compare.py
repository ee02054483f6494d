"""The Compare tab: videos in, and a table, curves and pictures that say how good they are."""

import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ..errors import AvatarError
from . import compare_parts
from .backstage import Backstage
from .compare_parts import Parts
from .compare_report import Report
from .compare_request import Comparison
from .compare_view import plot, table
from .controls import EXAMPLES
from .job import Job
from .status import LOOK, PRESSED, PRIVATE, STOPPED, facts, note, told, working

EXAMPLE = EXAMPLES / "compare"
EXAMPLE_VIDEOS = tuple(EXAMPLE / f"{name}.mp4" for name in ("true", "mira", "nearest"))
"""A true film, Mira's rendering of its sound and motion, and mouths cut out of other films."""
TITLE = """<div class="lead"><h2>{}</h2><p>{}</p></div>"""
ABOUT_EXAMPLE = (
    "An example",
    "Frames of Mira that no network has seen; Mira’s rendering of the same sound and motion; and "
    "the nearest mouth that was ever filmed, cut out and pasted in.",
)
ABOUT_RESULT = ("Your comparison", "Click the name of a metric to see how it is made.")
WATCH_S = 0.3
"""Seconds between two looks at the work."""
STOPPING_S = 5
"""How long a comparison that nobody wants any more may take to end by itself."""
MEASURING: dict[str, Any] = {"concurrency_id": "compare", "concurrency_limit": 1}
"""One comparison at a time; it runs behind the page, so whoever speaks need not wait for it."""
FETCH = "() => setTimeout(() => document.querySelector('#comparison').click(), 300)"
"""Presses the hidden link once it has its file."""


def build(backstage: Backstage, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks that are being built, and connect its events."""
    parts, handlers = compare_parts.build(), Handlers()
    compare_parts.connect_inputs(parts)
    _connect_run(parts, handlers, tab)
    _connect_report(parts, handlers)


class Handlers:
    """What happens when something is clicked; every method can be called without a page."""

    def compare(
        self,
        reference: str | None = None,
        candidates: list[str] | None = None,
        no_reference: bool = False,
        judged_by: str = "own",
        sound: str | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio hands it in
    ) -> Iterator[tuple[Any, ...]]:
        """Measure how well videos of a talking face imitate a true one, or how good they look.

        Every metric is measured on controls too, which are made of the reference: itself, its
        sound shuffled, its sound five frames off, its mouth frozen.

        Args:
            reference: the true video, up to 3 minutes; not needed with `no_reference`.
            candidates: one to four videos that are held against it.
            no_reference: give only the metrics that need no reference.
            judged_by: whose sound the lips are held against: "own" for each video's own,
                "reference" for the reference's, "file" for `sound`.
            sound: a recording, for "file".

        Returns:
            All numbers, with units and recipes; the same as JSON, CSV and Markdown, the numbers of
            each frame, plots and a labelled video side by side; status as HTML.
        """
        start = time.monotonic()
        folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
        with told():
            true = None if no_reference else reference
            if not true and not no_reference:
                raise AvatarError(
                    "There is no reference: add the true video, or say that there is none."
                )
            wanted = Comparison(true, tuple(candidates or ()), judged_by, sound)
            for step in _measured(wanted, folder):
                if isinstance(step, Report):
                    files = [str(path) for path in step.files]
                    yield step.comparison, files, _finished(step, time.monotonic() - start), step
                    return
                stage, done, total, left = step
                stage = stage or "getting ready"
                progress((done, total or None), desc=stage, unit="frames")
                yield None, None, working(stage, done, total, left), gr.skip()

    def example(self, shown: Report | None) -> Report | None:
        """What stands there when the tab is opened, if nothing does yet."""
        if shown is not None or not (EXAMPLE / "report").is_dir():
            return shown
        with told():
            return Report.read(EXAMPLE / "report", EXAMPLE_VIDEOS)

    def curve(self, report: Report, metric: str) -> str:
        """A metric over time."""
        return plot(report, metric)

    def pictures(self, report: Report, frame: float, left: str, right: str) -> tuple[Any, Any]:
        """A frame of two videos, to be laid over each other."""
        with told():
            first = report.picture(left, int(frame))
            return first, report.picture(right, int(frame), like=first)

    def archive(self, report: Report) -> str:
        """Everything as a zip."""
        with told():
            folder = Path(get_upload_folder()) / f"avatar-{secrets.token_hex(8)}"
            return str(report.archive(folder))


def _measured(wanted: Comparison, folder: Path) -> Iterator[Report | tuple[str, int, int, Any]]:
    """Do it in a process of its own; the last thing is the report.

    Closing the generator, or an error, ends the process and removes the folder.
    """
    report = folder / "comparison"
    folder.mkdir(parents=True)
    job = Job(folder, wanted.verb(report), scratch=folder / "scratch")
    try:
        while job.running:
            yield job.progress()
            job.wait(WATCH_S)
        if job.error:
            raise job.error
        result = Report.read(report, [Path(video) for video in wanted.videos])
    except BaseException:
        job.close(STOPPING_S)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder / "scratch")
    for leftover in ("progress.json", "job.log"):
        (folder / leftover).unlink(missing_ok=True)
    yield result


def _finished(report: Report, took_s: float) -> str:
    return facts({
        "compared": f"{report.comparison['seconds']:.1f} s",
        "videos": str(len(report.videos)),
        "measured in": f"{took_s:.0f} s",
    })  # fmt: skip


def _connect_run(p: Parts, handlers: Handlers, tab: gr.Tab) -> None:
    """A comparison is shown when it is made, the example when the tab is opened."""
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    buttons = [p.go, p.cancel]
    p.go.click(lambda: idle[::-1], None, buttons, **PRIVATE)
    run = p.go.click(
        handlers.compare, [p.reference, p.candidates, p.alone, p.judged_by, p.sound],
        [p.info, p.files, p.status, p.report], api_name="compare", show_progress="hidden",
        **MEASURING,
    )  # fmt: skip
    run.failure(lambda: (*idle, note(STOPPED)), None, [*buttons, p.status], **PRIVATE)
    p.cancel.click(lambda: PRESSED, None, p.cancel, cancels=run, **PRIVATE)
    p.example.click(
        lambda: (str(EXAMPLE_VIDEOS[0]), [str(video) for video in EXAMPLE_VIDEOS[1:]]),
        None, [p.reference, p.candidates], **PRIVATE,
    )  # fmt: skip
    show = {"fn": lambda report: _show(p, report), "inputs": p.report, "outputs": p.outputs}
    run.success(lambda: idle, None, buttons, **PRIVATE).then(**show, **PRIVATE).then(
        **_look(p, handlers)
    )
    tab.select(handlers.example, p.report, p.report, **PRIVATE).then(**show, **PRIVATE).then(
        **_look(p, handlers)
    )


def _connect_report(p: Parts, handlers: Handlers) -> None:
    """What can be done with a report."""
    p.metric.input(handlers.curve, [p.report, p.metric], p.plot, **PRIVATE)
    for moved in (p.frame.input, p.left.input, p.right.input):
        moved(**_look(p, handlers))
    p.everything.click(
        handlers.archive, p.report, p.archive, api_visibility="private", show_progress="hidden"
    ).success(None, js=FETCH)  # fmt: skip


def _look(p: Parts, handlers: Handlers) -> dict[str, Any]:
    """The event that shows a frame of both sides."""
    return {
        "fn": handlers.pictures, "inputs": [p.report, p.frame, p.left, p.right],
        "outputs": p.pictures, "api_visibility": "private", "show_progress": "hidden", **LOOK,
    }  # fmt: skip


def _show(p: Parts, report: Report | None) -> dict[Any, Any]:
    """A report in all of its parts."""
    if report is None:
        return {p.body: gr.update(visible=False)}
    about = ABOUT_EXAMPLE if report.folder == EXAMPLE / "report" else ABOUT_RESULT
    rows, metrics = [(report.names[row], row) for row in report.videos], list(report.curves)
    file = {name: report.folder / name for name in
            ("comparison.json", "table.csv", "table.md", "side_by_side.mp4")}  # fmt: skip
    links = [str(path) if path.is_file() else None for path in file.values()]
    return {
        p.body: gr.update(visible=True),
        p.title: TITLE.format(*about),
        p.table: table(report),
        p.metric: gr.update(
            choices=[(report.label(key), key) for key in metrics], value=next(iter(metrics), None)
        ),
        p.plot: plot(report, next(iter(metrics), "")),
        p.frame: gr.update(maximum=max(report.frames - 1, 1), value=report.frames // 2),
        p.left: gr.update(choices=rows, value=rows[0][1]),
        p.right: gr.update(choices=rows, value=rows[min(1, len(rows) - 1)][1]),
        p.video: links[3],
        **dict(zip((p.json, p.csv, p.markdown, p.mp4), links, strict=True)),
    }
