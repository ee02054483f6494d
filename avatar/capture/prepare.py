"""From films of a person to a capture that everything else can learn from.

    python -m avatar prepare VIDEO [VIDEO ...] OUT

A film is looked at twice: first small, to find the person in every frame; then whole, to cut the
pictures from its own pixels. Whatever is done stays in ``OUT/.work`` until all is.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..face.drawing import SIZE
from ..hub import Progress
from ..speech.phonemes import VISEMES
from .crop import BOX
from .desk import Desk, write_json
from .film import UnusableFilmError
from .fit import smooth
from .prepare_report import REPORT, write_report
from .quality import Figures, euler, judge, light_change, percentiles, tilt
from .shoot import Shoot
from .source import VideoSource, open_video
from .takes import write_sounds
from .work import Piece, Workers, workers

SHORTEST = 25
"""Fewest frames of a film, and of those that show the person."""


def prepare(
    videos: Sequence[str | Path],
    out: str | Path,
    transcripts: Sequence[str | Path] = (),
    subject: str | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a capture of films of one person; stopped at any time, the same call goes on.

    Args:
        videos: films of the same person.
        out: folder of the capture; it must not exist, be empty, or be what an earlier call left.
        transcripts: a text file for each film, in English: what is said in it; or none.
        subject: who is shown; the first film's name if not given.
        processes: how many work at a time; as many as there are cores if not given.
        progress: called with the stage, how much is done, of how much.

    Returns:
        What ``OUT/report/report.json`` says: verdict, reasons, figures, marks.

    Raises:
        CaptureError: for films that cannot be read, show no face, or are too short, of which
            nothing is left; and for a folder that holds something else.
    """
    sources = _open(videos)
    texts = [Path(path).read_text(encoding="utf-8-sig", errors="replace") for path in transcripts]
    if len(texts) not in (0, len(sources)):
        raise CaptureError(
            f"Each film needs its transcript: {len(sources)} films, {len(texts)} transcripts."
        )
    desk = Desk.open(Path(out), sources, texts)
    if desk is None:
        return json.loads((Path(out) / REPORT).read_text(encoding="utf-8"))
    tell = progress or (lambda stage, done, total: None)
    try:
        with workers(processes or os.cpu_count() or 1) as crew:
            _find(desk, crew, tell)
            shoot = Shoot(desk)
            result = _make(shoot, crew, tell, subject or sources[0].path.stem)
    except UnusableFilmError:
        desk.clear()
        raise
    desk.close()
    return result


def _open(videos: Sequence[str | Path]) -> list[VideoSource]:
    """The films, all read at the first one's rate."""
    sources = [open_video(path) for path in videos]
    fps = sources[0].fps
    sources = [replace(s, fps=fps, frames=max(round(s.frames * fps / s.fps), 1)) for s in sources]
    for source in sources:
        if source.frames < SHORTEST:
            raise CaptureError(f"'{source.path.name}' is shorter than {SHORTEST} frames.")
    return sources


def _find(desk: Desk, crew: Workers, tell: Progress) -> None:
    """Find the person in every frame."""
    views = [film.view_piece() for film in desk.films]
    crew.do(views, lambda done, total: tell("looking for the face", done, total))
    pieces = [piece for film in desk.films for piece in film.analysis_pieces()]
    crew.do(pieces, lambda done, total: tell("following the face", done, total))
    for film in desk.films:
        try:
            seen = int(film.usable.sum())
        except CaptureError as error:
            raise UnusableFilmError(f"'{film.name}' cannot be used: {error}.") from error
        if seen < SHORTEST:
            most = Counter(why for why in film.why if why).most_common(1)
            because = f", most because of {most[0][0]}" if most else ""
            raise UnusableFilmError(
                f"'{film.name}' cannot be used: all but {seen} of its frames are left out{because}."
            )


def _make(shoot: Shoot, crew: Workers, tell: Progress, subject: str) -> dict[str, Any]:
    """Cut and write everything, measure it, and report."""
    _write_sounds(shoot, crew, tell)
    behind = shoot.background_piece()
    crew.do([behind], lambda done, total: tell("looking behind the person", done, total))
    still = bool(behind.load()["still"])
    pieces = shoot.picture_pieces(shoot.desk.out / "background.png" if still else None)
    everything = [piece for its in pieces.values() for piece in its]
    crew.do(everything, lambda done, total: tell("cutting the pictures", done, total))
    measured = _write_takes(shoot, pieces)
    figures = _measure(shoot, measured, still)
    verdict, reasons = judge(figures)
    reasons += _cut_short(shoot) + _lost_transcripts(shoot)
    _write_description(shoot, subject, verdict, reasons)
    tell("writing the report", 0, 1)
    return write_report(shoot, figures, measured, verdict, reasons)


def _write_sounds(shoot: Shoot, crew: Workers, tell: Progress) -> None:
    """Each take's sound, what is said in it, and which mouth shapes are heard."""
    crew.do(shoot.level_pieces(), lambda done, total: tell("measuring the sound", done, total))
    for n, film in enumerate(shoot.films):
        write_sounds(film.source, shoot.plans_of(n), shoot.desk.out / "takes")
    pieces = shoot.transcript_pieces()
    crew.do(pieces, lambda done, total: tell("finding the transcript", done, total))
    pieces = shoot.listening_pieces()
    crew.do(pieces, lambda done, total: tell("listening", done, total))


def _write_takes(shoot: Shoot, pieces: dict[str, list[Piece]]) -> dict[str, np.ndarray]:
    """Every take's keypoints and outlines; gives what was measured in all frames."""
    parts = {name: [piece.load() for piece in its] for name, its in pieces.items()}
    measured: dict[str, list[np.ndarray]] = {}
    for n, film in enumerate(shoot.films):
        plans = shoot.plans_of(n)
        rows = [part for plan in plans for part in parts[plan.name]]
        whole = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
        contour = whole.pop("contour")
        seen = film.usable & np.isfinite(contour).all(axis=(1, 2))
        if not seen.any():
            raise UnusableFilmError(
                f"'{film.name}' cannot be used: the person's outline is not found."
            )
        contour = smooth(contour, seen)
        for plan in plans:
            shoot.write_take(plan, contour[plan.start : plan.stop])
        for key, values in whole.items():
            measured.setdefault(key, []).append(values)
    return {key: np.concatenate(values) for key, values in measured.items()}


def _measure(shoot: Shoot, measured: dict[str, np.ndarray], still: bool) -> Figures:
    usable, fps = shoot.usable, shoot.fps
    heard = np.concatenate(shoot.speaking)
    shapes = np.concatenate([piece.load()["visemes"] for piece in shoot.listening_pieces()])
    seconds = np.bincount(shapes[usable], minlength=len(VISEMES)) / float(fps)
    yaw, pitch, roll = euler(np.concatenate(shoot.poses)[usable][:, :3, :3]).T
    reasons = [why for film in shoot.films for why in film.why]
    crops = [film.crop for film in shoot.films]
    return Figures(
        speech_minutes=float((usable & (heard > 0.5)).sum() / fps / 60),
        mouth_scale=min(crop.scale for crop in crops) * BOX / SIZE,
        sharpness=float(np.median(measured["sharpness"][usable])),
        light=float(np.median(measured["light"][usable])),
        light_change=light_change(measured["light"][usable], fps),
        clipped_share=float(measured["clipped"][usable].mean()),
        yaw=percentiles(yaw), pitch=percentiles(pitch), roll=percentiles(roll),
        tilt=tilt(shoot.over(lambda film: film.keypoints)),
        viseme_seconds=dict(zip(VISEMES, map(float, seconds), strict=True)),
        marked_share=float(1 - usable.mean()),
        marks={why: float(reasons.count(why) / fps) for why in sorted(set(reasons) - {""})},
        silence_s=float((usable & (heard == 0)).sum() / fps),
        fps=float(fps), still=still, shrunk=any(film.shrunk for film in shoot.films),
    )  # fmt: skip


def _cut_short(shoot: Shoot) -> list[str]:
    """Films that end earlier than their files say, by more than rounding."""
    return [
        f"'{film.name}' is damaged: only {float(film.frames / film.source.fps):.1f} s of "
        f"{film.source.seconds:.1f} s could be read."
        for film in shoot.films
        if film.frames + 2 * film.source.fps < film.source.frames
    ]


def _lost_transcripts(shoot: Shoot) -> list[str]:
    """What could not be found of the transcripts; those takes are heard without."""
    lost = [str(n) for piece in shoot.transcript_pieces() for n in piece.load()["lost"]]
    takes = ", ".join(lost)
    return [f"The transcript is not what is said in {takes}; there the sound counts."] * bool(lost)


def _write_description(shoot: Shoot, subject: str, verdict: str, reasons: list[str]) -> None:
    fps, geometry = shoot.fps, shoot.geometry
    takes = [
        {
            "name": plan.name, "frames": plan.frames, "seconds": float(plan.frames / fps),
            "listening": plan.listening, "source": shoot.films[plan.film].name,
            "start_s": float(plan.start / fps),
        }
        for plan in shoot.plans
    ]  # fmt: skip
    write_json(shoot.desk.out / "capture.json", {
        "subject": subject, "fps": str(fps), "size": [SIZE, SIZE],
        "camera": {"K": geometry.camera.tolist(), "world_to_camera": np.eye(4).tolist()},
        "mouth_crop": list(shoot.mouth_box), "verdict": verdict, "reasons": reasons,
        "mouth_scale": min(film.crop.scale for film in shoot.films) * BOX / SIZE,
        "takes": takes, "marks": shoot.marks,
        "crop": [film.crop.to_dict() for film in shoot.films],
        "sources": [
            {"name": film.name, "width": film.source.width, "height": film.source.height,
             "seconds": float(film.frames / fps)} for film in shoot.films
        ],
    })  # fmt: skip
