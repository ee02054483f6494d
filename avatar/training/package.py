"""From a run to a bundle with its model card: scores on held-out takes, limits, consent.

python -m avatar package CAPTURE --run runs/NAME --out checkpoints/NAME --consent consent.json
"""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..capture.layout import Capture
from ..errors import AvatarError
from ..identity import Identity
from ..identity_config import CONFIG, NAME
from ..metrics.evaluate import control_rows, evaluate
from ..nets.oracle import Oracle
from ..nets.renderer import Renderer, RendererConfig
from ..speech.features import Features, read_features
from .bundle import describe, write_bundle
from .clips import choose_clips
from .config import FILE, TrainingConfig
from .consent import Consent, ConsentError, synthetic_record
from .course import Progress
from .oracle import load_oracle
from .state import read_facts, saved_states

log = logging.getLogger(__name__)

OPEN, CLOSED = "Apache-2.0", "Only for what the consent record says"
"""Licences where none is given: of a person whom a computer made, and of a real one."""


def package(
    capture_folder: Path,
    run: Path,
    out: Path,
    consent: Consent | None,
    *,
    synthetic: bool = False,
    licence: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the bundle of a run, done or not, with its scores.

    Args:
        capture_folder: what the run was trained on.
        run: folder of the run.
        out: bundle to write; another that stands there is replaced. Its name is the identity's.
        consent: of the person who can be seen.
        synthetic: declare that a computer made the person, and nobody can be asked.
        licence: of the weights, an SPDX name or a sentence.
        progress: told "scores", how many takes are scored, and of how many.

    Returns:
        How the weights came about and what they score, as the bundle's config.json keeps it.

    Raises:
        ConsentError: if there is no consent and the person is not declared synthetic.
        AvatarError: if the run has no weights yet, or something does not fit.
    """
    if not NAME.fullmatch(out.name):
        raise AvatarError(f"An identity cannot be called {out.name!r}: letters, digits, - and _.")
    for folder in (capture_folder, run):
        if folder.resolve().is_relative_to(out.resolve()):
            raise AvatarError(f"The bundle would replace {folder}: choose another place.")
    if out.is_dir() and any(out.iterdir()) and not (out / CONFIG).is_file():
        raise AvatarError(f"{out} holds other things than an identity: choose another place.")
    capture = Capture.load(capture_folder)
    papers = {
        "licence": licence or (OPEN if synthetic else CLOSED),
        "consent": _consent_record(capture, consent, synthetic),
    }
    renderer, oracle, features, training = _trained(run, capture)
    papers["training"] = training
    config = describe(out.name, capture, renderer, oracle, features, papers)
    clips = {clip.name: clip for clip in choose_clips(capture)}
    person = Identity(config, renderer, clips, out)
    training["held_out"] = score(person, capture, progress)
    write_bundle(capture, replace(person, config=replace(config, training=training)), oracle)
    return training


def score(
    person: Identity, capture: Capture, progress: Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Evaluate on every held-out take: from sound alone, with its transcript, and the controls."""
    takes = [take for take in capture.takes if take.held_out and take.rendered]
    rows: dict[str, dict[str, Any]] = {}
    for done, take in enumerate(takes):
        if progress:
            progress("scores", done, len(takes))
        found = {"sound alone": evaluate(person, capture, take.name)}
        if take.transcript:
            found["with transcript"] = evaluate(person, capture, take.name, use_transcript=True)
        found |= control_rows(person, capture, take.name)
        rows |= {f"{take.name}, {label}": asdict(row) for label, row in found.items()}
    if progress:
        progress("scores", len(takes), len(takes))
    return rows


def _consent_record(capture: Capture, consent: Consent | None, synthetic: bool) -> dict[str, Any]:
    if synthetic == (consent is not None):
        raise ConsentError(
            "A face is not packaged without its owner's consent: give their record with --consent "
            "FILE, or --synthetic if a computer made the person, and only one of the two."
        )
    if consent is None:
        return synthetic_record(capture.subject)
    return consent.record(capture.subject)


def _trained(
    run: Path, capture: Capture
) -> tuple[Renderer, Oracle | None, Features, dict[str, Any]]:
    """What a run has made so far, ready for use, and how it came about."""
    folder = run / "renderer"
    states = saved_states(folder)
    if not states:
        raise AvatarError(
            f"The run {run} has no trained renderer yet: `python -m avatar train CAPTURE --run "
            f"{run}` makes one."
        )
    try:
        state = read_facts(states[-1])
        network = RendererConfig.from_dict(state["description"]["network"])
        facts = state["facts"]
        features = read_features(facts["features"])
        renderer = Renderer(network)
        renderer.load_state_dict(load_file(folder / "renderer.safetensors"))
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise AvatarError(f"The run {run} is damaged: train it anew.") from error
    if network.mouth_box != capture.mouth_box:
        raise AvatarError(f"The run {run} was trained on another capture than {capture.folder}.")
    oracle = _oracle(run, capture) if facts["synthetic_frames"] else None
    hours = (state["seconds"] + facts["oracle_seconds"]) / 3600
    training = {key: value for key, value in facts.items() if key != "features"}
    training |= {"steps": state["step"], "hours": round(hours, 3)}
    return renderer.eval().requires_grad_(False), oracle, features, training


def _oracle(run: Path, capture: Capture) -> Oracle:
    config = TrainingConfig.read(run / FILE).oracle.network
    return load_oracle(run / "oracle", replace(config, mouth_box=capture.mouth_box))
