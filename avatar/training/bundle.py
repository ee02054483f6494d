"""From a trained network to a bundle that others can load."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..capture.layout import Capture
from ..face.clip import Clip
from ..face.drawing import DrawingStyle
from ..identity import Identity, IdentityConfig
from ..identity_saving import save_identity
from ..nets.oracle import Oracle
from ..nets.pixels import to_bytes, unit
from ..nets.renderer import Renderer
from ..speech.features import Features
from .card import model_card
from .clips import frontal_frame
from .seen import gather_seen

DEFAULT_CLIP = "gentle"


def describe(
    name: str,
    capture: Capture,
    renderer: Renderer,
    oracle: Oracle | None,
    features: Features,
    papers: dict[str, Any],
) -> IdentityConfig:
    """What a bundle says of itself.

    Args:
        name: of the identity.
        capture: what the network was trained on.
        renderer: the trained network.
        oracle: what drew the synthetic frames, where there is one; the Mash tab shows it.
        features: what the network listens to.
        papers: licence, consent and training, as the configuration holds them.
    """
    return IdentityConfig(
        name=name,
        fps=capture.fps,
        network=renderer.config,
        features=features,
        oracle=None if oracle is None else oracle.config,
        geometry=capture.geometry,
        default_background=capture.description.get("default_background", ""),
        default_clip=DEFAULT_CLIP,
        **papers,
    )


def write_bundle(capture: Capture, person: Identity, oracle: Oracle | None) -> Path:
    """Write networks, clips, seen drawings, portrait and model card to the person's folder.

    A bundle that stands there is replaced.
    """
    return save_identity(
        person.folder, person.config, person.renderer, person.clips.values(),
        preview=_portrait(person, person.clip()),
        card=model_card(person.config, capture),
        lite=person.lite(),
        oracle=oracle,
        seen=gather_seen(capture),
        overwrite=True,
    )  # fmt: skip


@torch.inference_mode()
def _portrait(person: Identity, clip: Clip) -> np.ndarray:
    """A still of the silent face, (512, 512, 3) uint8 RGB."""
    drawing = torch.from_numpy(clip.drawing(frontal_frame(clip), DrawingStyle()))
    drawing = unit(drawing).expand(1, 3, -1, -1)
    silence = person.config.features.silence.astype(np.float32)
    window = torch.from_numpy(np.tile(silence, (1, person.config.network.window, 1)))
    return to_bytes(person.renderer.head(drawing, window)[0]).numpy()
