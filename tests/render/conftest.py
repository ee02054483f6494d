from fractions import Fraction

import numpy as np
import pytest

from avatar.face.clip import Clip


@pytest.fixture
def clip() -> Clip:
    """Five frames, each somewhere else."""
    random = np.random.default_rng(0)
    shapes = {"keypoints": (5, 68, 2), "irises": (5, 2, 2), "pose": (5, 4, 4), "contour": (5, 9, 2)}
    arrays = {key: random.uniform(99, 400, s).astype(np.float32) for key, s in shapes.items()}
    return Clip("c", Fraction(25), **arrays)
