"""The model card of a bundle: what it is, how it was made and how well, what it must not do."""

import re
from typing import Any

from ..capture.layout import Capture
from ..identity import IdentityConfig
from ..nets.renderer import Renderer
from .config import NOBODY

HUB_LICENCES = (
    "apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "openrail",
)  # fmt: skip
"""Licences that the Hub knows by name; the others it calls "other"."""


def model_card(config: IdentityConfig, capture: Capture) -> str:
    """The bundle's README."""
    training, consent = config.training, config.consent
    parameters = sum(p.numel() for p in Renderer(config.network).parameters())
    kind = "synthetic-person, " if consent["synthetic"] else ""
    return f"""---
{_licence_lines(config.licence)}
library_name: avatar
tags: [talking-head, virtual-human, {kind}safetensors]
---
# {config.name}

{_line(consent["subject"])}. {_line(consent["statement"])}.

A renderer of 512x512 pictures at {config.fps} frames a second for the package `avatar`: line
drawings of a moving head and {config.features.k} speech features in, pictures out
({parameters:,} parameters). Clips of head motion come with it.

## Training

{_method(training)}

## On takes it never saw

{_scores(config, capture)}

## Limits

{_limits(training, capture)}

## Licence and consent

Weights: {_line(config.licence)}. {_consent(consent)}
Capture: {_line(str(capture.description.get("licence", "see its owner")))}
"""


def _line(text: str) -> str:
    """Foreign text as one line that starts no heading, table or link."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split())).rstrip(".")


def _licence_lines(licence: str) -> str:
    name = licence.lower()
    if name in HUB_LICENCES:
        return f"license: {name}"
    slug = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:60].strip("-") or "see-below"
    return f"license: other\nlicense_name: {slug}"


def _method(training: dict[str, Any]) -> str:
    """How the weights came about, in a paragraph."""
    began = training["start"]
    since = "random weights" if began == NOBODY else f"the weights of {_line(began)}"
    text = (
        f"{training['frames']:,} frames of the capture's train takes, starting from {since}; "
        f"{training['steps']:,} steps of batch {training['batch']} on {training['device']}, "
        f"{training['hours']:.2f} hours in all. Both decoders, smooth L1 and an edge term."
    )
    if training["synthetic_frames"]:
        text += (
            f" {training['synthetic_ratio']:.0%} of the samples were synthetic: "
            f"{training['synthetic_frames']:,} frames with the mouth of one moment on the head of "
            f"another, drawn by an oracle trained for {training['oracle_steps']:,} steps."
        )
    else:
        text += " **No oracle, no keypoint mashing.**"
    if not training.get("adversarial_steps"):
        return text + " **No adversary.**"
    features = "VGG-19 features"
    if not training["vgg"]:
        features = "matching of discriminator features (**VGG-19's weights could not be fetched**)"
    return (
        f"{text} Least-squares GAN with a head and a mouth PatchGAN in "
        f"{training['adversarial_steps']:,} steps, and {features}."
    )


def _scores(config: IdentityConfig, capture: Capture) -> str:
    scores = config.training["held_out"]
    if not scores:
        return "Not measured: the capture has no held-out pictures."
    rows, read = [], True
    for name, values in scores.items():
        knows = values["reader_subject"] == capture.subject
        read &= knows
        lips = (values["dlip_px"], values["offset_frames"]) if knows else (None, None)
        numbers = [f"{values[key]:.2f}" for key in ("psnr", "mouth_psnr")]
        numbers[1:1] = [f"{values['ssim']:.3f}"]
        numbers.append(f"{values['mouth_ssim']:.3f}")
        numbers.append("n/a" if lips[0] is None else f"{lips[0]:.2f}")
        numbers.append("n/a" if lips[1] is None else str(lips[1]))
        rows.append(f"| {_line(name)} | {values['frames']} | {' | '.join(numbers)} |")
    subjects = ", ".join(sorted({_line(values["reader_subject"]) for values in scores.values()}))
    unread = f" Dlip and offset are not available: the keypoint reader knows only {subjects}."
    table, silent = "\n".join(rows), _same(scores)
    heads = "take|frames|PSNR dB|SSIM|mouth PSNR|mouth SSIM|Dlip px|offset frames".split("|")
    return f"""| {" | ".join(heads)} |
{"|---" * len(heads)}|
{table}

Whole 512x512 frame and the {config.network.mouth_box[2]} px mouth box, driven by the take's sound
and the take's own head motion, nothing pasted back. The controls are driven by the same sound in
another order, five frames late, or not at all: what the right sound gains over them is what the
lips follow it by.{silent}{"" if read else unread} Regenerate with
`python -m avatar evaluate {config.name} CAPTURE TAKE --controls`."""


def _same(scores: dict[str, dict[str, Any]]) -> str:
    """A warning where the controls cannot tell anything."""
    found = [(values["take"], round(values["mouth_psnr"], 2)) for values in scores.values()]
    takes = [take for take, _ in found]
    mute = sorted(take for take in set(takes) if len({p for t, p in found if t == take}) == 1)
    if not mute:
        return ""
    return f" In {', '.join(map(_line, mute))} hardly anything is said: its rows cannot differ."


def _limits(training: dict[str, Any], capture: Capture) -> str:
    """What can be told of what this identity cannot do."""
    trained = [take for take in capture.takes if not take.held_out]
    seconds = sum(int(take.usable.sum()) for take in trained) / float(capture.fps)
    limits = [
        f"Learnt from {seconds / 60:.2g} minutes of film; the paper asks for 20.",
        f"The film's verdict is {capture.verdict!r}.",
        *(_line(reason) + "." for reason in capture.reasons),
    ]
    scale = capture.description.get("mouth_scale")
    if isinstance(scale, int | float) and scale < 1:
        limits.append(
            f"The mouth was filmed at {scale:.2f} of the resolution that is drawn: teeth and lips "
            "cannot be sharper than that."
        )
    if not training["synthetic_frames"]:
        limits.append("Without synthetic pictures the mouth may follow the head.")
    limits += [
        "One person, one light, one background.",
        "Large head turns, poses beyond the clips and languages far from English are weaker.",
        "The tongue was never modelled.",
        "Pictures are for people to look at, not evidence of anything.",
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _consent(consent: dict[str, Any]) -> str:
    if consent["synthetic"]:
        return consent["statement"]
    names = {"who": "Who", "agreed": "Agreed", "date": "Date", "contact": "Contact"}
    record = "\n".join(f"- {name}: {_line(consent[key])}" for key, name in names.items())
    return f"The person who can be seen has agreed:\n\n{record}\n"
