"""Pictures with straight alpha: read from files, and laid over a background."""

from pathlib import Path

import cv2
import numpy as np

from ..errors import CaptureError


def read_image(path: Path) -> np.ndarray:
    """Read a picture as (H, W, 4) uint8 RGBA; alpha is 255 where the file has none.

    Raises:
        CaptureError: if it is missing or no picture.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.ndim != 3:
        raise CaptureError(f"The picture {path} is missing or damaged.")
    if image.shape[2] == 4:
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGBA)


def composite(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Straight-alpha RGBA (H, W, 4) over RGB (H, W, 3), uint8."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    mixed = rgba[..., :3] * alpha + background * (1 - alpha)
    return (mixed + 0.5).astype(np.uint8)
