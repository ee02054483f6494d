"""Trained baselines as files: weights in half precision that say what they are and whose.

They lie apart from ``checkpoints``, and are no identities.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import AvatarError
from ..files import replacing
from ..nets.mouth_points import MouthPoints, MouthPointsConfig
from ..nets.oracle import OracleConfig, UNet
from ..nets.renderer import Renderer, RendererConfig

SHIPPED = Path(__file__).with_name("weights")
"""Those of Mira's capture."""
MOUTH_POINTS, PIX2PIX, OURS = "mouth_points", "pix2pix", "ours"
"""Audio to keypoints; drawing to picture; our own renderer, trained no longer than the two."""


@dataclass(frozen=True)
class Baselines:
    """What was trained on one capture at one budget."""

    subject: str
    """Whose capture."""
    mouth_points: MouthPoints
    pix2pix: UNet
    ours: Renderer
    facts: dict[str, dict[str, Any]]
    """By network: steps, seconds, frames; and of our renderer's oracle, which is not counted among
    them, ``oracle_seconds``."""

    @classmethod
    def load(cls, folder: Path) -> "Baselines":
        """Read a folder that ``save`` filled file by file.

        Raises:
            AvatarError: if a file is missing or damaged.
        """
        points, points_says = _read(folder, MOUTH_POINTS, _mouth_points)
        pix2pix, pix2pix_says = _read(folder, PIX2PIX, _pix2pix)
        ours, ours_says = _read(folder, OURS, _ours)
        says = {MOUTH_POINTS: points_says, PIX2PIX: pix2pix_says, OURS: ours_says}
        subjects = {each["subject"] for each in says.values()}
        if len(subjects) > 1:
            raise AvatarError(f"The baselines in {folder} were trained on different captures.")
        facts = {name: each["facts"] for name, each in says.items()}
        return cls(subjects.pop(), points, pix2pix, ours, facts)


def save(
    folder: Path,
    name: str,
    weights: dict[str, Tensor],
    subject: str,
    config: dict[str, Any],
    facts: dict[str, Any],
) -> Path:
    """Write one network's weights; returns the path.

    Args:
        folder: made if need be.
        name: one of ``MOUTH_POINTS``, ``PIX2PIX``, ``OURS``.
        weights: its state.
        subject: whose capture it was trained on.
        config: what it is built of.
        facts: steps, seconds, frames.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    metadata = {
        "baseline": name, "subject": subject, "config": json.dumps(config),
        "facts": json.dumps(facts),
    }  # fmt: skip
    with replacing(path) as temporary:
        save_file({k: v.half().contiguous() for k, v in weights.items()}, temporary, metadata)
    return path


def _mouth_points(config: dict[str, Any]) -> MouthPoints:
    return MouthPoints(MouthPointsConfig.from_dict(config))


def _pix2pix(config: dict[str, Any]) -> UNet:
    config = OracleConfig.from_dict(config)
    return UNet(3, config.widths, config.blocks)


def _ours(config: dict[str, Any]) -> Renderer:
    return Renderer(RendererConfig.from_dict(config))


def _read(folder: Path, name: str, build: Any) -> tuple[Any, dict[str, Any]]:
    """A network in evaluation mode, and ``subject`` and ``facts``."""
    path = folder / f"{name}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        network = build(json.loads(metadata["config"]))
        network.load_state_dict(weights)
        says = {"subject": metadata["subject"], "facts": json.loads(metadata["facts"])}
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise AvatarError(
            f"The baseline {path} is missing or damaged: train it with "
            "'python -m avatar.baselines.train'."
        ) from error
    return network.eval().requires_grad_(False), says
