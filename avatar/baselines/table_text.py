"""The table for people and programs: Markdown, CSV, plain values, and a sheet of pictures."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from ..metrics.chart import write
from ..metrics.image import crop
from .table import BASELINE, CONTROL, OURS, Row, Table

TILE = 256
"""Side of every picture on the sheet, in pixels."""
PAPER = (
    ("Wav2Lip", 49, 0.88, 33.16, 9.51, 8.65),
    ("TalkingFace", 63, None, None, 6.45, None),
    ("NVP + p2p", 47, 0.82, 27.19, 4.83, 18.34),
    ("Ours", 110, 0.94, 35.71, 7.41, 12.81),
)
"""Table 1 as printed: FPS, SSIM, PSNR, Sync, Dlip."""
PAPER_NOTE = (
    "Not to be compared with the table above: other people, other films, an RTX 3080 Ti; which "
    "region PSNR and SSIM are of, and points and unit of Dlip, are not said there; Sync is "
    "SyncNet's."
)


@dataclass(frozen=True)
class Column:
    """A figure of a row."""

    key: str
    title: str
    value: Callable[[Row], float | None]
    digits: int
    better: int = 1
    """1: higher is better; -1: lower."""


def columns(table: Table) -> list[Column]:
    """The paper's columns, and the mouth box beside them; Sync by what was at hand."""
    syncnet = any(row.sync and row.sync.lse_c is not None for row in table.rows)
    sync = [
        Column("lse_c", "Sync: LSE-C ↑", _sync("lse_c"), 2),
        Column("lse_d", "LSE-D ↓", _sync("lse_d"), 2, -1),
    ]
    return [
        Column("network_fps", "FPS, network ↑", lambda row: row.network_fps, 1),
        Column("fps", "FPS, to MP4 ↑", lambda row: row.fps, 1),
        Column("ssim", "SSIM ↑", _score("ssim"), 3),
        Column("psnr", "PSNR ↑ dB", _score("psnr"), 2),
        *(sync if syncnet else []),
        Column("mouth_sync", "Sync: mouth sync ↑", _sync("mouth_sync"), 3),
        Column("dlip_px", "Dlip ↓ px", _score("dlip_px"), 2, -1),
        Column("dlip_iod", "Dlip ↓ inter-ocular", _score("dlip_iod"), 4, -1),
        Column("mouth_ssim", "SSIM, mouth ↑", _score("mouth_ssim"), 3),
        Column("mouth_psnr", "PSNR, mouth ↑ dB", _score("mouth_psnr"), 2),
    ]


def as_markdown(table: Table, machine: str) -> str:
    """The table with all that must be known to read it, the machine among it."""
    shown = columns(table)
    best = {column.key: _best(column, table.rows) for column in shown}
    titles = ["row", *(column.title for column in shown), "engine", "sees beside the sound"]
    lines = [
        f"# Table 1 anew: {table.identity} on {table.take}", "",
        f"The take {table.take} of the capture {table.capture}, {table.frames} frames that no row "
        f"was trained on, {_compared(table)} of them with a true picture. All rows are given the "
        "same sound and the take's own head motion. What is said is "
        + ("aligned with the take's transcript" if table.source == "aligned" else "heard in it")
        + f", once for all rows ({table.listening_s:.1f} s, in no row's FPS). Bold is best, "
        f"controls left out. Measured on {machine}.", "",
        _line(titles), _line("---" for _ in titles),
    ]  # fmt: skip
    for row in table.rows:
        figures = (_cell(column, row, best[column.key], table.rows) for column in shown)
        lines.append(_line([row.name, *figures, row.engine or "–", row.sees or "–"]))
    lines += ["", *(f"- {note}" for note in notes(table))]
    titles = ("", "FPS ↑", "SSIM ↑", "PSNR ↑", "Sync ↑", "Dlip ↓")
    lines += ["", "## The paper's own Table 1", "", PAPER_NOTE, ""]
    lines += [_line(titles), _line("---" for _ in titles)]
    lines += [_line("n/a" if v is None else str(v) for v in line) for line in PAPER]
    return "\n".join(lines) + "\n"


def notes(table: Table) -> list[str]:
    """Sentences for who reads the figures."""
    trained = table.training
    points, picture, ours = (trained[name] for name in ("mouth_points", "pix2pix", "ours"))
    scores = next(row.scores for row in table.rows if row.scores)
    told = {whose: accuracy["one_second"] for whose, accuracy in table.judged.items()}
    return [
        "FPS, network: at batch 1, after a warm-up. FPS, to MP4: features, drawing, network or "
        "pasting, encoding, and looking at the file. Both: all rows in turns, three of each, of "
        "which the median counts; in brackets the ratio to the first of ours. Both of ours are "
        "networks of one size: what they differ by is noise.",
        "PSNR and SSIM: whole head picture of 512 px, then the mouth box; before any encoder.",
        f"Dlip: mean distance of 20 mouth points, read from pixels in both films; the reader's own "
        f"error here is {scores.reader_px:.2f} px, and it was trained on {scores.reader_subject}.",
        "Mouth sync: agreement of lips and sound in [-1, 1] by a small network of ours, no "
        f"SyncNet; a second as it is it tells from a shifted one in {told['capture']:.0%} of cases "
        f"on Mira's capture and in {told['grid']:.0%} on real people (GRID). The row truth holds "
        "each true frame until the next.",
        f"NVP + Pix2Pix: {picture['seconds']} s for Pix2Pix ({picture['steps']} steps, "
        f"{picture['frames']} pictures) and {points['seconds']} s for the keypoints "
        f"({points['steps']} steps, {points['frames']} frames). Ours, same budget: "
        f"{ours['seconds']} s ({ours['steps']} steps, the same {ours['frames']} pictures), on the "
        "same machine; not counted are the oracle that made its synthetic pictures "
        f"({ours['oracle_seconds']} s) and the making of them. The first row was trained for "
        "longer.",
        "Nearest viseme and frozen mouth: train pictures alone, the one whose head is turned most "
        "alike, with a mouth pasted in. Heads and eyes jump between pictures.",
        "Controls are ours with wrong words, late words and no words.",
        *(f"{row.name}: {row.missing}." for row in table.rows if row.missing),
        *(
            f"{row.name}, sync: {row.sync.reason}"
            for row in table.rows
            if row.sync and row.sync.reason
        ),
    ]


def as_csv(table: Table) -> str:
    """The same figures, not rounded."""
    shown, text = columns(table), io.StringIO()
    out = csv.writer(text)
    out.writerow(["row", "kind", *(column.key for column in shown), "engine", "sees", "missing"])
    for row in table.rows:
        figures = (column.value(row) for column in shown)
        out.writerow([row.name, row.kind, *figures, row.engine, row.sees, row.missing])
    return text.getvalue()


def as_dict(table: Table) -> dict[str, Any]:
    """Plain values for JSON."""
    keys = ("fps", "ssim", "psnr", "sync", "dlip")
    facts = ("identity", "capture", "take", "frames", "source", "listening_s", "training", "judged")
    return {
        **{name: getattr(table, name) for name in facts},
        "rows": [asdict(row) for row in table.rows],
        "notes": notes(table),
        "paper": {
            "note": PAPER_NOTE,
            "rows": [{"name": name, **dict(zip(keys, v, strict=True))} for name, *v in PAPER],
        },
    }


def contact_sheet(table: Table) -> np.ndarray:
    """Truth, then each row: a few heads and, beside them, their mouths.

    Returns:
        (256 n, 256 m, 3) uint8 RGB.
    """
    rows = []
    for name, pictures in table.shown.items():
        parts = [*pictures, *(crop(picture, table.box) for picture in pictures)]
        tiles = [cv2.resize(p, (TILE, TILE), interpolation=cv2.INTER_AREA) for p in parts]
        rows.append(np.hstack(tiles))
        write(rows[-1], name, (8, TILE - 10), 0.6)
    return np.vstack(rows)


def _score(key: str) -> Callable[[Row], float | None]:
    return lambda row: getattr(row.scores, key) if row.scores else None


def _sync(key: str) -> Callable[[Row], float | None]:
    return lambda row: getattr(row.sync, key) if row.sync else None


def _best(column: Column, rows: Sequence[Row]) -> float | None:
    values = [column.value(row) for row in rows if row.kind in (OURS, BASELINE)]
    known = [value for value in values if value is not None]
    return max(known, key=lambda value: column.better * value, default=None)


def _cell(column: Column, row: Row, best: float | None, rows: Sequence[Row]) -> str:
    value = column.value(row)
    if value is None:
        return "n/a" if row.missing else "–"
    text = f"{value:.{column.digits}f}"
    if row.kind != CONTROL and value == best:
        text = f"**{text}**"
    if column.key.endswith("fps"):
        first = next(column.value(other) for other in rows if other.kind == OURS)
        text += f" ({value / first:.2f}x)"
    return text


def _compared(table: Table) -> int:
    return next(row.scores.frames for row in table.rows if row.scores)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
