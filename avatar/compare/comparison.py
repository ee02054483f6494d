"""Videos compared: found, followed, measured beside their controls, and written down.

python -m avatar compare REF.mp4 A.mp4 B.mp4 --json scores.json --report DIR
"""

import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..capture.source import VideoSource
from ..errors import MetricError
from ..files import check_kept
from ..hub import Progress
from ..metrics.syncnet import SyncNetScorer
from ..render.steps import Step, finished, staged
from .controls import make_controls
from .faces import EMBEDDED, measure_faces, mouth_sync
from .footage import Footage, follow, open_footage, warnings
from .metric import METRICS, OPENING
from .pictures import measure_pictures
from .plots import plot
from .side_by_side import side_by_side
from .tables import as_csv, as_dict, as_markdown, frames_csv
from .verdict import CANDIDATE, CONTROL, REFERENCE, Row, Verdict, judge, mark

SIDE_BY_SIDE = "side_by_side.mp4"


@dataclass(frozen=True)
class Comparison:
    """What is known of some videos."""

    fps: Fraction
    """Of the common clock."""
    seconds: float
    """That all videos have in common."""
    reference: str | None
    rows: list[Row]
    verdicts: dict[str, Verdict]
    """By key of the metric."""
    warnings: list[str]
    """Sentences for who reads the figures."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what cannot be known is null, with the reason in "notes"."""
        return {
            "fps": str(self.fps), "seconds": round(self.seconds, 3), "reference": self.reference,
            "warnings": self.warnings, **as_dict(METRICS, self.verdicts, self.rows),
        }  # fmt: skip

    def to_markdown(self) -> str:
        """All tables."""
        said = "".join(f"- {warning}\n" for warning in self.warnings)
        return f"{said}\n{as_markdown(METRICS, self.verdicts, self.rows)}".lstrip()


def compare(
    videos: Sequence[str | Path],
    *,
    with_reference: bool = True,
    sound: str | Path | None = None,
    common_sound: bool = False,
    syncnet: SyncNetScorer | None = None,
    report: str | Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Measure videos beside each other and beside control rows.

    Args:
        videos: the reference, then the candidates; one alone is measured without a reference.
        with_reference: False: the first is a candidate as the others are.
        sound: a file whose sound the lips of all are judged by.
        common_sound: judge all by the first video's sound; else each by its own.
        syncnet: gives LSE-D and LSE-C; without it they are missing.
        report: folder for tables, curves, plots and the videos side by side.
        progress: called as (stage, done, total); what it raises cancels.

    Raises:
        CaptureError: if a video cannot be read.
        MetricError: if they are too short to be measured.
        SoundError: if ``sound`` cannot be read.
    """
    steps = comparing(
        [Path(video) for video in videos], with_reference and len(videos) > 1,
        Path(sound) if sound else None, common_sound, syncnet, Path(report) if report else None,
    )  # fmt: skip
    return finished(steps, progress)


def comparing(
    videos: Sequence[Path],
    with_reference: bool,
    sound: Path | None,
    common_sound: bool,
    syncnet: SyncNetScorer | None,
    report: Path | None,
) -> Generator[Step, None, Comparison]:
    """``compare`` step by step; closing the generator stops everything and leaves no file."""
    if report:
        _check_place(report)
        check_kept([report / SIDE_BY_SIDE], [*videos, *filter(None, [sound])])
    footages, said = open_footage(videos, sound, common_sound), []
    with tempfile.TemporaryDirectory(prefix="avatar-") as scratch:
        for i, footage in enumerate(footages):
            footages[i], trouble = yield from staged(f"face {i + 1}", follow(footage))
            said.append(trouble)
        controls, trouble = yield from staged("controls", make_controls(footages[0], Path(scratch)))
        said = [*filter(None, [*said, trouble]), *warnings(footages)]
        reference = footages[0] if with_reference else None
        rows = yield from _measured(reference, footages, controls, syncnet)
        verdicts = {metric.key: judge(metric, rows) for metric in METRICS}
        if not mouth_sync().general:
            doubt = f"It is known to work on {mouth_sync().subject} only."
            verdicts |= {k: replace(verdicts[k], telling=False, why=doubt) for k in EMBEDDED}
        mark(METRICS, rows)
        comparison = Comparison(
            footages[0].fps, footages[0].seconds, reference and reference.name, rows, verdicts, said
        )
        if report:
            yield from _write(comparison, footages, report)
    return comparison


def _measured(
    reference: Footage | None,
    footages: Sequence[Footage],
    controls: Sequence[Footage],
    syncnet: SyncNetScorer | None,
) -> Generator[Step, None, list[Row]]:
    """The rows of the table: candidates, the reference, its controls."""
    shown = [*footages, *controls]
    if reference:
        shown[0] = replace(reference, name=f"{reference.name}, itself")
    seen: dict[tuple[VideoSource, int], Footage] = {}
    for footage in shown:  # what differs by its sound alone has the same pictures
        seen.setdefault((footage.source, footage.delay), footage)
    found = yield from staged("pictures", measure_pictures(reference, list(seen.values())))
    pictures = dict(zip(seen, found, strict=True))
    first, rows = REFERENCE if reference else CANDIDATE, []
    kinds = [first, *[CANDIDATE] * (len(footages) - 1), *[CONTROL] * len(controls)]
    for i, (footage, kind) in enumerate(zip(shown, kinds, strict=True)):
        steps = measure_faces(footage, reference, syncnet)
        figures = yield from staged(f"lips {i + 1}", steps)
        figures.add(pictures[footage.source, footage.delay])
        rows.append(Row(footage.name, kind, figures))
    return rows


def _write(
    comparison: Comparison, footages: Sequence[Footage], report: Path
) -> Generator[Step, None, None]:
    """Everything about it in a folder, which is filled at the end and all at once."""
    rows, fps = comparison.rows, float(comparison.fps)
    with _filling(report) as folder:
        yield from staged("side by side", side_by_side(footages, folder / SIDE_BY_SIDE))
        yield Step("report", 0, 1)
        texts = {
            "comparison.json": json.dumps(comparison.to_dict(), indent=1),
            "table.md": comparison.to_markdown(),
            "table.csv": as_csv(METRICS, rows),
            "frames.csv": frames_csv(rows, 1 / fps),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "plots").mkdir()
        for metric in (*METRICS, OPENING):
            if picture := plot(metric, rows, fps):
                (folder / "plots" / f"{metric.key}.png").write_bytes(picture)
            else:  # an earlier report's curve would be taken for this one's
                (report / "plots" / f"{metric.key}.png").unlink(missing_ok=True)
        yield Step("report", 1, 1)


def _check_place(report: Path) -> None:
    """Before minutes of work: the report must have a place."""
    if not report.absolute().parent.is_dir():
        raise MetricError(f"The folder {report.parent} does not exist.")
    if report.exists() and not report.is_dir():
        raise MetricError(f"{report} is a file: give the report a folder.")
    try:
        _unfinished(report).rmdir()
    except OSError as error:
        raise MetricError(f"The report {report} cannot be written: {error.strerror}.") from error


def _unfinished(report: Path) -> Path:
    """A new folder on the report's own disk: in it, as it may be a disk's root, or beside it."""
    place = report if report.is_dir() else report.absolute().parent
    return Path(tempfile.mkdtemp(prefix=f".{report.name}.", dir=place))


@contextmanager
def _filling(report: Path) -> Iterator[Path]:
    """A folder whose files take their places in the report when the block ends well."""
    folder = _unfinished(report)
    try:
        yield folder
        for path in sorted(folder.rglob("*")):
            place = report / path.relative_to(folder)
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
