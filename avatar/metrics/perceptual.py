"""LPIPS (Zhang et al., 2018), where the package ``lpips`` and its weights are at hand."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

TRUNK = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet in PyTorch's own cache: it is never fetched from here."""
NOT_FOUND = f"n/a: weights not found (package lpips with {TRUNK})"

Distance = Callable[[np.ndarray, np.ndarray], float]
"""Two (H, W, 3) uint8 RGB pictures to their distance, 0 for equal ones."""


@lru_cache(maxsize=1)
def perceptual_distance() -> Distance | None:
    """The distance by AlexNet features, or None where it cannot be had offline."""
    if not find_spec("lpips") or not (Path(torch.hub.get_dir()) / "checkpoints" / TRUNK).is_file():
        return None
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False).eval()

    @torch.inference_mode()
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        pair = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for p in (a, b))
        return float(network(*pair))

    return distance
