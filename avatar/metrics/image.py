"""PSNR and SSIM between pictures, whole or in a box, and their means over a video.

Both take uint8 RGB with a data range of 255. SSIM is Wang et al. 2004 with an 11x11 Gaussian
window of sigma 1.5 and biased covariances, per channel, then averaged, leaving out the border that
the window does not cover (as scikit-image does with ``gaussian_weights=True, sigma=1.5,
use_sample_covariance=False``).
"""

from dataclasses import dataclass

import cv2
import numpy as np

DATA_RANGE = 255.0
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference of two uint8 pictures of one shape, on the 0..255 scale."""
    _check(a, b)
    return float(np.square(a.astype(np.float32) - b).mean(dtype=np.float64))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W, 3) uint8 pictures; infinite if equal."""
    return decibels(mean_squared_error(a, b))


def decibels(error: float) -> float:
    """Mean squared error on the 0..255 scale to PSNR in dB; infinite for none."""
    return float("inf") if error == 0 else float(10 * np.log10(DATA_RANGE**2 / error))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of two (H, W, 3) uint8 pictures, at most 1.

    Raises:
        ValueError: if shapes or types differ, or a side is shorter than the 11 px window.
    """
    _check(a, b)
    if min(a.shape[:2]) < WINDOW:
        raise ValueError(f"expected pictures of at least {WINDOW}x{WINDOW}, got {a.shape}")
    # In double precision the variances, differences of large numbers, stay exact.
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    score = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    score /= (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2)
    edge = WINDOW // 2
    return float(score[edge:-edge, edge:-edge].mean())


def crop(picture: np.ndarray, box: Box) -> np.ndarray:
    """The part of a picture (H, W, ...) inside a box."""
    x, y, w, h = box
    return picture[y : y + h, x : x + w]


@dataclass
class ImageScore:
    """Scores of a video, fed frame by frame; holds sums only."""

    frames: int = 0
    _psnr: float = 0.0
    _error: float = 0.0
    _ssim: float = 0.0

    def add(self, rendered: np.ndarray, true: np.ndarray) -> None:
        """Compare one frame: (H, W, 3) uint8 RGB each."""
        error = mean_squared_error(rendered, true)
        self.frames += 1
        self._error += error
        self._psnr += decibels(error)
        self._ssim += ssim(rendered, true)

    @property
    def psnr(self) -> float:
        """Mean over the frames of their PSNR in dB: the figure to compare. NaN without frames."""
        return self._psnr / self.frames if self.frames else float("nan")

    @property
    def psnr_of_mean(self) -> float:
        """PSNR in dB of the mean squared error, which never exceeds ``psnr``."""
        return decibels(self._error / self.frames) if self.frames else float("nan")

    @property
    def ssim(self) -> float:
        """Mean SSIM; NaN without frames."""
        return self._ssim / self.frames if self.frames else float("nan")


def _blur(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT)


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(
            f"expected two uint8 pictures of one shape, "
            f"got {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
