"""The report of ``prepare``: how good the films are, to be read and looked at."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..files import replacing
from .desk import write_json
from .layout import Capture
from .quality import BARS, Figures, euler, grade, rare_visemes
from .report_charts import pose_chart, timeline_chart, viseme_chart
from .report_sheets import (
    clock,
    crop_sheet,
    drawing_sheet,
    marked_sheet,
    matte_sheet,
    mouth_sheet,
)
from .shoot import Shoot

REPORT = "report/report.json"
LISTED = 40
"""Most left-out stretches that the text lists."""

HEADLINES = {
    "good": "Good. Train on it.",
    "usable": "Usable. It can be trained on; a better film gives a better avatar.",
    "refuse": "Not to be trained on. Film again.",
}
MEANINGS = {
    "speech_minutes": ("usable speech, minutes", "the rarest sounds must be seen often enough"),
    "mouth_scale": ("film px per px of the mouth picture", "1/3: the head is not enlarged"),
    "sharpness": ("sharpness of the face", "0 a blur; Mira's frames 0.30"),
    "light_change": ("change of light on the face", "share of the face's brightness"),
    "clipped_share": ("white share of the face", "white has no shape"),
    "marked_share": ("share of frames left out", "why: below"),
    "silence_s": ("silence, seconds", "shows the mouth at rest"),
    "fps": ("frames a second", ""),
}


def write_report(
    shoot: Shoot,
    figures: Figures,
    measured: dict[str, np.ndarray],
    verdict: str,
    reasons: list[str],
) -> dict[str, Any]:
    """Write ``OUT/report``: report.md, its pictures, report.json.

    Args:
        shoot: what was prepared; capture.json is written already.
        figures: what was measured.
        measured: every frame's light and sharpness, (T,).
        verdict: of ``judge``.
        reasons: likewise.

    Returns:
        What report.json says.
    """
    folder, capture = shoot.desk.out / "report", Capture.load(shoot.desk.out)
    pictures = {
        "crop": crop_sheet(shoot), "drawings": drawing_sheet(capture),
        "mouths": mouth_sheet(shoot, capture), "matte": matte_sheet(capture),
        "left_out": marked_sheet(shoot),
    }  # fmt: skip
    for name, picture in pictures.items():
        if picture is not None:
            _write(folder / f"{name}.png", _png(picture))
    for name, chart in _charts(shoot, figures, measured).items():
        _write(folder / f"{name}.png", chart)
    data = {
        "subject": capture.subject, "verdict": verdict, "reasons": reasons, **asdict(figures),
        "rare_visemes": rare_visemes(figures.viseme_seconds), "left_out": shoot.marks,
        "takes": capture.description["takes"], "films": capture.description["sources"],
    }  # fmt: skip
    _write(folder / "report.md", _text(shoot, data, figures).encode())
    write_json(shoot.desk.out / REPORT, data)
    return data


def _charts(shoot: Shoot, figures: Figures, measured: dict[str, np.ndarray]) -> dict[str, bytes]:
    usable = shoot.usable
    angles = euler(np.concatenate(shoot.poses)[usable][:, :3, :3])
    why = [reason for film in shoot.films for reason in film.why]
    return {
        "pose": pose_chart(angles),
        "visemes": viseme_chart(figures.viseme_seconds),
        "timeline": timeline_chart(
            why, measured["light"], measured["sharpness"], np.concatenate(shoot.speaking), shoot.fps
        ),
    }


def _text(shoot: Shoot, data: dict[str, Any], figures: Figures) -> str:
    reasons = "\n".join(f"- {reason}" for reason in data["reasons"]) or "- Nothing to improve."
    rows = []
    for name, (meaning, note) in MEANINGS.items():
        value, bar = getattr(figures, name), BARS[name]
        way = "at least" if bar.good > bar.usable else "at most"
        rows.append((meaning, value, f"{way} {bar.good:.3g}", f"{way} {bar.usable:.3g}",
                     grade(name, value), note))  # fmt: skip
    films = [
        (source.path.name, f"{source.width}x{source.height}", clock(source.seconds), crop.side)
        for source, crop in ((film.source, film.crop) for film in shoot.films)
    ]
    return f"""# {data["subject"]}: {data["verdict"]}

**{HEADLINES[data["verdict"]]}**

{reasons}

{_table(("figure", "here", "good", "usable", "verdict", "note"), rows)}

{_table(("film", "size", "length", "crop, px"), films)}

## The crop

White: what becomes the 512x512 head frame. Yellow: the mouth box. Dots: what was found.

![crop](crop.png)

## What was found

Everything that is drawn follows the film: check eyes, lips and outline.

![drawings](drawings.png)

![mouths](mouths.png)

## The person before what is behind

{_background(figures)}

![matte](matte.png)

## What happens when

![timeline](timeline.png)

{_left_out(data["left_out"])}

## Mouth shapes that are seen

![visemes](visemes.png)

{_rare(data["rare_visemes"])}

## Where the head goes

Dashed: the outer twentieths. Turned {_span(figures.yaw)}, nodded {_span(figures.pitch)}, tilted
{_span(figures.roll)} degrees.

![pose](pose.png)
"""


def _background(figures: Figures) -> str:
    if figures.still:
        return "The background stands still: over it the cut-out heads give the film back."
    return "The background moves: a smooth mean takes its place behind the head."


def _left_out(marks: Sequence[dict[str, Any]]) -> str:
    if not marks:
        return "No frame is left out."
    rows = [(clock(m["start_s"]), clock(m["end_s"]), m["why"], m["take"]) for m in marks[:LISTED]]
    more = f"\n\nAnd {len(marks) - LISTED} more: report.json." if len(marks) > LISTED else ""
    table = _table(("from", "to", "why", "take"), rows)
    return f"Left out:\n\n{table}{more}\n\n![left out](left_out.png)"


def _rare(names: Sequence[str]) -> str:
    return f"Seen too little: {', '.join(names)}." if names else "All are seen long enough."


def _span(values: tuple[float, float]) -> str:
    return f"{values[0]:+.0f} to {values[1]:+.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png")
    return stream.getvalue()


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
