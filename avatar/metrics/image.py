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
MIDDLE = 128.0
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
SHARP_SIGMA = 1.0
"""Px of smoothing before sharpness is measured."""
NOISE_SHARE = 0.11185
"""Mean square of the smoothed Laplacian of white noise of level 1."""
FLAT_SIGMA = 2.0
"""Px of smoothing before it is decided what is flat."""
CHEQUER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Zero on all that is smooth, so that noise is left."""

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
    # One channel at a time stays in the processor's cache, which halves the time.
    channels = zip(cv2.split(a), cv2.split(b), strict=True)
    return float(np.mean([_ssim_of_channel(x, y) for x, y in channels]))


def sharpness(picture: np.ndarray) -> float:
    """How fine the details of a picture are; noise is taken out of it.

    Root mean square of the Laplacian after a Gaussian of 1 px, in levels of 255 a px squared, less
    what noise of the picture's level gives. It depends on size and content: compare only pictures
    of one thing at one size. A blur of 1 px takes a third of it away from Mira's frames.

    Args:
        picture: (H, W, 3) uint8 RGB, its brightness is looked at.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), SHARP_SIGMA), -1)
    energy = np.square(edges).mean(dtype=np.float64) - NOISE_SHARE * noise_level(grey) ** 2
    return float(np.sqrt(max(energy, 0)))


def noise_level(picture: np.ndarray) -> float:
    """Standard deviation of white noise, in levels of 255, as estimated from one picture.

    Immerkaer 1996, over the flatter half of the picture as Tai and Yang 2008 propose, so that
    edges and hair do not count as noise. Clean frames have 0.1 to 0.3. Codecs smooth noise away,
    and what is left of a colour's own comes out too low, because video has colours at half size.
    Where most of a picture is black or white, noise is cut off.

    Args:
        picture: (H, W) or (H, W, 3), 0..255, uint8 or float32; of colours, the mean.
    """
    picture = picture.astype(np.float32)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey, (0, 0), FLAT_SIGMA)
    every = (slice(1, -1, 2), slice(1, -1, 2))  # second pixel: they are enough
    slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0)[every], cv2.Sobel(smooth, -1, 0, 1)[every])
    residue = np.abs(cv2.filter2D(picture, -1, CHEQUER)[every])
    flat = residue[slope <= np.median(slope)]
    return float(flat.mean(dtype=np.float64) * np.sqrt(np.pi / 2) / np.linalg.norm(CHEQUER))


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


def _ssim_of_channel(x: np.ndarray, y: np.ndarray) -> float:
    """Of two (H, W) uint8."""
    # Around zero, squares are small enough for variances, their differences, in single precision.
    x, y = np.subtract(x, MIDDLE, dtype=np.float32), np.subtract(y, MIDDLE, dtype=np.float32)
    mean_x, mean_y = _blur(x), _blur(y)
    covariance = _blur(x * y) - mean_x * mean_y
    variances = _blur(x * x + y * y) - (mean_x * mean_x + mean_y * mean_y)
    mean_x += MIDDLE
    mean_y += MIDDLE
    score = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    score /= (mean_x * mean_x + mean_y * mean_y + C1) * (variances + C2)
    return float(score.mean(dtype=np.float64))


def _blur(picture: np.ndarray) -> np.ndarray:
    """The window's mean wherever it lies inside the picture."""
    edge = WINDOW // 2
    return cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA)[edge:-edge, edge:-edge]


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(
            f"expected two uint8 pictures of one shape, "
            f"got {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
