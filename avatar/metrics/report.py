"""One folder that says how good an identity is: report.md, its pictures, report.json.

    python -m avatar report IDENTITY CAPTURE --runs RUNS --out DIR
"""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open

from ..capture.layout import Capture
from ..errors import AvatarError
from ..files import replacing
from ..identity import Identity
from . import views as choose
from .arms import TrainedArm, find_arms
from .chart import histogram, line_chart
from .evaluate import check_rate, control_rows, evaluate
from .measure import Measurement, Silence, measure
from .oracle import hierarchy, score_oracle, shrunk_mouth
from .report_text import as_markdown
from .sheets import contact_sheet, silence_sheet
from .subject import Subject

log = logging.getLogger(__name__)

WHOLE = "oracle_whole"
"""Arm of Fig. 3, the only one that is no renderer."""
FIG_8 = ("none", "classical", "ours")
"""Arms whose silence is shown side by side."""


def write_report(
    identity: Identity, capture: Capture, out: Path, runs: Path | None = None, frames: int = 100
) -> dict[str, Any]:
    """Measure an identity, and the ablations found beside its training, and write it all down.

    Args:
        identity: who is measured.
        capture: takes with true frames; those named ``test...`` are compared with.
        out: folder of the report, made if need be; its files are replaced.
        runs: folder of trainings: ``ablation/<arm>/``, and a method's run with its ``oracle/``
            and ``synthetic/``; None: whatever needs one is "not run".
        frames: frames of each take that are rendered in silence.

    Returns:
        What report.json holds.

    Raises:
        CaptureError: if the capture has another frame rate, or no held-out take with pictures.
        AvatarError: if what a training left in ``runs`` is damaged.
    """
    check_rate(identity, capture)
    subject = Subject.of(identity)
    measurement = measure(subject, capture, frames)
    arms = find_arms(runs / "ablation") if runs else {}
    renderers = {name: arm.subject(identity.clips) for name, arm in arms.items() if arm.renders}
    measured = {name: measure(arm, capture, frames) for name, arm in renderers.items()}
    data = {
        "identity": identity.name,
        "capture": capture.subject,
        "training": {k: v for k, v in identity.config.training.items() if k != "held_out"},
        "frames": frames,
        "images": _images(identity, capture),
        "measurement": asdict(measurement),
        "arms": {
            name: {"facts": arm.facts}
            | ({"measurement": asdict(measured[name])} if arm.renders else {})
            for name, arm in arms.items()
        },
        "oracles": _oracles(identity, capture, arms),
        "synthetic": _synthetic(runs),
    }
    out.mkdir(parents=True, exist_ok=True)
    shown = {identity.name: subject} | {n: renderers[n] for n in FIG_8 if n in renderers}
    pictures = {
        "contact.png": contact_sheet(subject, capture),
        "silence.png": silence_sheet(shown, capture),
        "silence_opening.png": _silence_chart(
            {identity.name: measurement} | {n: measured[n] for n in FIG_8 if n in measured}
        ),
    }
    if distances := data["synthetic"].pop("pose_distance", None):
        pictures["pose_distance.png"] = histogram(
            distances, "Heads of mashed pairs", "degrees apart"
        )
    for name, picture in pictures.items():
        _write(out / name, cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    _write(out / "report.json", json.dumps(data, indent=2, default=str).encode() + b"\n")
    _write(out / "report.md", as_markdown(data, list(pictures)).encode())
    return data


def _images(identity: Identity, capture: Capture) -> dict[str, dict[str, Any]]:
    """Held-out takes as people would make them, and what lips score that cannot be right."""
    rows = {}
    for take in choose.held_out(capture):
        rows[f"{take.name}, sound alone"] = evaluate(identity, capture, take.name)
        if take.transcript:
            rows[f"{take.name}, with transcript"] = evaluate(identity, capture, take.name, True)
        controls = control_rows(identity, capture, take.name, bool(take.transcript))
        rows |= {f"{take.name}, {name}": row for name, row in controls.items()}
    return {name: asdict(row) for name, row in rows.items()}


def _oracles(
    identity: Identity, capture: Capture, arms: dict[str, TrainedArm]
) -> dict[str, dict[str, Any]]:
    """Fig. 3: what is found of a hierarchical oracle and of a head network alone."""
    oracle = identity.oracle() if identity.has_oracle else None
    drawn = {}
    if oracle is not None:
        drawn = {"mouth first, then head": hierarchy(oracle), "mouth alone": shrunk_mouth(oracle)}
    if WHOLE in arms:
        drawn["head alone"] = arms[WHOLE].whole_oracle()
    return {name: asdict(score_oracle(draw, capture)) for name, draw in drawn.items()}


def _synthetic(runs: Path | None) -> dict[str, Any]:
    """How many mashed pairs there are, where, and how far apart their heads are."""
    tables = sorted(runs.glob("*/synthetic/pairs.safetensors")) if runs else []
    if not tables:
        return {}
    try:
        with safe_open(tables[-1], framework="numpy") as file:
            distance = file.get_tensor("distance")
            facts = json.loads(file.metadata()["facts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AvatarError(f"The table {tables[-1]} is damaged: make the pairs anew.") from error
    return {
        "pairs": len(distance), "facts": facts, "pose_distance": distance.tolist(),
        "mean_degrees": float(distance.mean()), "p95_degrees": float(np.percentile(distance, 95)),
        "furthest_degrees": float(distance.max()),
    }  # fmt: skip


def _silence_chart(measured: dict[str, Measurement]) -> np.ndarray:
    """Openings in silence over the first held-out take's head, by who renders."""
    first: Silence = next(iter(measured.values())).silence[1]
    series = {f"silence, {name}": each.silence[1].opening_px for name, each in measured.items()}
    controls = {"rest": first.rest_px, "the motion's own speech": first.own_px}
    title = f"Inner-lip opening over the head of {first.motion}"
    return line_chart(series | controls, title, "rendered frame", "px")


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
