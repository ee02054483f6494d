"""LPIPS and KID, where their packages and weights are at hand; nothing is fetched from here."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

TRUNK = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet in PyTorch's own cache."""
NOT_FOUND = f"n/a: weights not found (package lpips with {TRUNK})"

INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
"""The Inception of FID and KID as torch-fidelity keeps it, in the same cache."""
KID_NOT_FOUND = f"n/a: weights not found (package torch-fidelity with {INCEPTION})"

Distance = Callable[[np.ndarray, np.ndarray], float]
"""Two (H, W, 3) uint8 RGB pictures to their distance, 0 for equal ones."""
Features = Callable[[np.ndarray], np.ndarray]
"""An (H, W, 3) uint8 RGB picture to (2048,) float32."""


@lru_cache(maxsize=1)
def perceptual_distance() -> Distance | None:
    """The distance by AlexNet features (Zhang et al. 2018), or None where it cannot be had."""
    if not _at_hand("lpips", TRUNK):
        return None
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False).eval()

    @torch.inference_mode()
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        pair = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] / 127.5 - 1 for p in (a, b))
        return float(network(*pair))

    return distance


@lru_cache(maxsize=1)
def inception_features() -> Features | None:
    """The features that KID compares, or None where they cannot be had."""
    if not _at_hand("torch_fidelity", INCEPTION):
        return None
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(_cached(INCEPTION))
    )

    @torch.inference_mode()
    def features(picture: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None])[0][0].numpy()

    return features


class KernelDistance:
    """KID of two films (Bińkowski et al. 2018), fed pictures in any order.

    Unlike FID it is not biased where pictures are few. Each costs 8 KB, so feed some hundred that
    are spread evenly over a film, as many of each film that is compared. One person before one
    backdrop gives small values: tell how many pictures there were, and compare only like with like.
    """

    def __init__(self, features: Features):
        """Take ``inception_features()``."""
        self._features = features
        self._made: list[np.ndarray] = []
        self._true: list[np.ndarray] = []

    def add(self, rendered: np.ndarray, true: np.ndarray) -> None:
        """Take one picture of each film, (H, W, 3) uint8 RGB."""
        self._made.append(self._features(rendered))
        self._true.append(self._features(true))

    @property
    def distance(self) -> float:
        """Lower is nearer; by chance a little below 0. NaN with fewer than two pictures."""
        if len(self._made) < 2:
            return float("nan")
        return kernel_distance(np.stack(self._made), np.stack(self._true))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy, with the cube of (x . y / k + 1) as its kernel.

    Args:
        a: (n, k) features of one film's pictures, n at least 2.
        b: (m, k) of the other's.
    """

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        kernel = (x.astype(np.float64) @ y.T.astype(np.float64) / x.shape[1] + 1) ** 3
        if x is not y:
            return kernel.mean()
        return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))

    return float(mean(a, a) + mean(b, b) - 2 * mean(a, b))


def _at_hand(package: str, weights: str) -> bool:
    return find_spec(package) is not None and _cached(weights).is_file()


def _cached(weights: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / weights
