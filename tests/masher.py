"""Mira as a bundle that can mash: her renderer, the capture's rest face, a random oracle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from avatar.face.mashing import FaceGeometry
from avatar.identity import load_identity
from avatar.identity_saving import save_identity
from avatar.nets.oracle import Oracle, OracleConfig
from avatar.speech.visemes import SILENCE

ROWS = Path(__file__).parent / "face" / "mira_rows.npz"
OPEN = 40
"""The frame of each clip in which something is said; nobody speaks in the others."""


def make_masher(folder: Path) -> Path:
    """Write the bundle ``folder``; its oracle is tiny and untrained."""
    mira, rows = load_identity("mira"), np.load(ROWS)
    network = OracleConfig(mouth_box=mira.config.network.mouth_box, widths=(4, 8), blocks=1)
    geometry = FaceGeometry(rows["rest"], rows["camera"])
    config = replace(mira.config, geometry=geometry, oracle=network)
    said = np.tile(SILENCE, (len(mira.clip()), 1))
    said[OPEN - 5 : OPEN + 5, 0], said[OPEN - 5 : OPEN + 5, 1] = 0, 1
    said[OPEN - 5 : OPEN + 5, 21] = 1
    clips = [replace(clip, features=said[: len(clip)]) for clip in mira.clips.values()]
    torch.manual_seed(0)
    return save_identity(
        folder, config, mira.renderer, clips, oracle=Oracle(network), card="# Mira\n"
    )
