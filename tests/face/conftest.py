from fractions import Fraction

import numpy as np
import pytest

from avatar.face.clip import Clip


def plain_face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A symmetric face on the 512 canvas: keypoints, irises and an outline down to the chin."""
    angle = np.linspace(0, np.pi, 17)
    jaw = np.stack([256 - 90 * np.cos(angle), 250 + 130 * np.sin(angle)], axis=1)
    brows = np.concatenate([
        np.stack([np.linspace(a, b, 5), np.full(5, 200)], axis=1)
        for a, b in ((190, 240), (272, 322))
    ])  # fmt: skip
    bridge = np.stack([np.full(4, 256), np.linspace(230, 280, 4)], axis=1)
    nostrils = np.stack([np.linspace(240, 272, 5), np.full(5, 290)], axis=1)
    eye = np.array([(-16, 0), (-6, -7), (6, -7), (16, 0), (6, 7), (-6, 7)])
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    mouth = np.stack([256 + 30 * np.cos(turn), 335 + 12 * np.sin(turn)], axis=1)
    keypoints = np.concatenate([jaw, brows, bridge, nostrils, eye + (215, 230), eye + (297, 230)])
    keypoints = np.concatenate([keypoints, mouth]).astype(np.float32)
    irises = np.array([(215, 230), (297, 230)], np.float32)
    around = np.linspace(-np.pi, np.pi, 200)
    outline = np.stack([256 + 110 * np.sin(around), 250 - 150 * np.cos(around)], axis=1)
    return keypoints, irises, outline.astype(np.float32)


@pytest.fixture
def face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return plain_face()


@pytest.fixture
def clip() -> Clip:
    """Five frames that drift to the right."""
    keypoints, irises, outline = plain_face()
    drift = np.arange(5, dtype=np.float32)[:, None, None] * (1, 0)
    pose = np.tile(np.eye(4, dtype=np.float32), (5, 1, 1))
    parts = [(part + drift).astype(np.float32) for part in (keypoints, irises, outline)]
    return Clip("drift", Fraction(25), parts[0], parts[1], pose, parts[2])
