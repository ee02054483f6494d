"""From a trained network to a bundle that others can load."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from ..capture.layout import Capture
from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from ..identity import IdentityConfig, save_identity
from ..nets.oracle import Oracle
from ..nets.pixels import to_bytes, unit
from ..nets.renderer import Renderer, RendererConfig
from ..speech.visemes import SILENCE
from .clips import choose_clips, frontal_frame

DEFAULT_CLIP = "gentle"


def export_bundle(
    capture: Capture,
    weights: Path,
    network: RendererConfig,
    folder: Path,
    training: dict[str, Any],
    oracle: Oracle | None = None,
) -> Path:
    """Write the bundle of a synthetic subject: networks, clips, portrait and model card.

    Args:
        capture: what the network was trained on; its clips go into the bundle.
        weights: safetensors of the network.
        network: what the network was built of.
        folder: where the bundle goes; one that stands there is replaced.
        training: how the weights came about, for config.json and the model card.
        oracle: what drew the synthetic frames; the Mash tab shows it.

    Returns:
        The folder.
    """
    renderer = Renderer(network)
    renderer.load_state_dict(load_file(weights))
    clips = choose_clips(capture)
    portrait_clip = next(clip for clip in clips if clip.name == DEFAULT_CLIP)
    config = IdentityConfig(
        name=folder.name,
        fps=capture.fps,
        network=network,
        oracle=None if oracle is None else oracle.config,
        geometry=capture.geometry,
        licence="Apache-2.0",
        consent={
            "synthetic": True,
            "subject": capture.description.get("subject", folder.name),
            "statement": "A computer-generated person; no real person is depicted.",
        },
        training=training,
        default_background=capture.description.get("default_background", ""),
        default_clip=DEFAULT_CLIP,
    )
    return save_identity(
        folder, config, renderer, clips,
        preview=_portrait(renderer.eval(), portrait_clip),
        card=model_card(config, capture),
        oracle=oracle,
        overwrite=True,
    )  # fmt: skip


@torch.inference_mode()
def _portrait(renderer: Renderer, clip: Clip) -> np.ndarray:
    """A still of the silent face, (512, 512, 3) uint8 RGB."""
    drawing = torch.from_numpy(clip.drawing(frontal_frame(clip), DrawingStyle()))
    drawing = unit(drawing).expand(1, 3, -1, -1)
    window = torch.from_numpy(np.tile(SILENCE, (1, renderer.config.window, 1)))
    return to_bytes(renderer.head(drawing, window)[0]).numpy()


def _method(training: dict[str, Any]) -> str:
    """How the weights came about, in a paragraph."""
    text = (
        f"{training['frames']} rendered frames of the capture's train takes, "
        f"{training['steps']:,} steps of batch {training['batch']} on {training['device']}, "
        f"{training['hours']:.1f} hours. Both decoders, smooth L1 and an edge term."
    )
    if not training.get("synthetic_frames"):
        return text + " **No adversary, no oracle, no keypoint mashing.**"
    features = "VGG-19 features" if training["vgg"] else (
        "matching of discriminator features (**VGG-19's weights could not be fetched**)"
    )
    return (
        f"{text} {training['synthetic_ratio']:.0%} of the samples were synthetic: "
        f"{training['synthetic_frames']:,} frames with the mouth of one moment on the head of "
        f"another, drawn by an oracle trained for {training['oracle_steps']:,} steps. "
        f"Least-squares GAN with a head and a mouth PatchGAN for the last "
        f"{training['adversarial_steps']:,} steps, and {features}."
    )


def model_card(config: IdentityConfig, capture: Capture) -> str:
    """The bundle's README: what it is, how it was made, how well it does, what it must not do."""
    training = config.training
    rows = "".join(
        f"| {name} | {values['psnr']:.2f} | {values['ssim']:.3f} | {values['mouth_psnr']:.2f} "
        f"| {values['mouth_ssim']:.3f} | {values['dlip_px']:.2f} | {values['offset_frames']} |\n"
        for name, values in training.get("held_out", {}).items()
    )
    parameters = sum(p.numel() for p in Renderer(config.network).parameters())
    return f"""---
license: apache-2.0
library_name: avatar
tags: [talking-head, virtual-human, synthetic-person, safetensors]
---
# {config.name}

{config.consent["subject"]}. {config.consent["statement"]}

A renderer of 512x512 pictures at {config.fps} frames a second for the package `avatar`: line
drawings of a moving head and 34 viseme features in, pictures out ({parameters:,} parameters).
Clips of head motion come with it.

## Training

{_method(training)} {training.get("note", "")}

## On takes it never saw

| take | PSNR dB | SSIM | mouth PSNR | mouth SSIM | Dlip px | offset frames |
|---|---|---|---|---|---|---|
{rows or "| not measured | | | | | | |"}
Whole 512x512 frame and the {config.network.mouth_box[2]} px mouth box, driven by the take's sound
and the take's own head motion, nothing pasted back. Regenerate with
`python -m avatar evaluate {config.name} CAPTURE TAKE`.

## Limits

One person, one light, one background. Large head turns, poses beyond the clips and languages far
from English are weaker. The tongue was never modelled. Pictures are for people to look at, not
evidence of anything.

## Licence and consent

Weights Apache-2.0. {config.consent["statement"]}
Capture: {capture.description.get("licence", "see its owner")}
"""
