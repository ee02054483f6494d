"""Keypoints read from pixels, by small networks that come with the package.

Two regions are read, the mouth and the upper face, each by a network that
``avatar.training.keypoint_reader`` trained on one person, named in its metadata, with its errors
on takes it has never seen. On anybody else their figures may mean little.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..errors import AvatarError
from ..face.keypoints import BROWS, EYES, MOUTH, NOSE
from .image import Box, crop
from .lips import correlation, lip_distance, opening


@dataclass(frozen=True)
class Region:
    """A part of the face that one reader looks at."""

    name: str
    """The weights are called ``<name>_reader.safetensors``."""
    points: tuple[int, ...]
    """Keypoints that are found."""
    size: tuple[int, int]
    """Width and height of the picture that is read, in pixels; multiples of 16."""
    place: tuple[float, float, float, float]
    """x, y, width, height of its box, in widths and heights of the mouth box and from its corner:
    the one box that every capture and identity names."""
    pairs: tuple[tuple[int, int], ...]
    """Keypoints that face each other across an opening, of which each distance is trained too."""

    def box(self, mouth_box: Box) -> Box:
        """The pixels of a frame that are read."""
        x, y, w, h = mouth_box
        left, top, width, height = self.place
        return round(x + left * w), round(y + top * h), round(width * w), round(height * h)


LIPS = Region("lip", MOUTH, (192, 192), (0, 0, 1, 1), ((61, 67), (62, 66), (63, 65)))
UPPER_FACE = Region(
    "face", BROWS + NOSE + EYES, (288, 192), (-0.25, -0.5, 1.5, 1),
    ((37, 41), (38, 40), (43, 47), (44, 46)),
)  # fmt: skip


@dataclass(frozen=True)
class ReaderError:
    """How well a reader found points that are known."""

    points_px: float
    """Mean distance over the points."""
    frames: int
    opening_px: float | None = None
    """Mean absolute error of the inner-lip opening, where the mouth is read."""
    opening_correlation: float | None = None
    """Pearson correlation of the openings; NaN where the truth does not move."""


def reader_error(found: np.ndarray, truth: np.ndarray) -> ReaderError:
    """Compare read with exact points, (T, n, 2) px each; 20 points are a mouth."""
    points, frames = float(lip_distance(found, truth).mean()), len(found)
    if found.shape[1] != len(MOUTH):
        return ReaderError(points, frames)
    a, b = opening(found), opening(truth)
    return ReaderError(points, frames, float(np.abs(a - b).mean()), correlation(a, b))


class PointReader:
    """Finds the keypoints of a region in a frame."""

    def __init__(self, region: Region, weights: Path | None = None):
        """Load the network, by default the one beside this file.

        Raises:
            AvatarError: if the weights are missing or damaged.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        from ..nets.keypoint_reader import KeypointReader

        self.region = region
        self.network = KeypointReader(len(region.points))
        weights = weights or Path(__file__).with_name(f"{region.name}_reader.safetensors")
        try:
            with safe_open(weights, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            self.network.load_state_dict(tensors)
            self.errors = {
                label: ReaderError(**values)
                for label, values in json.loads(metadata["errors"]).items()
            }
            """Its error on takes that it was not trained on."""
            self.subject = metadata["subject"]
            """Whose face it was trained on."""
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise AvatarError(f"The keypoint reader {weights} is missing or damaged.") from error
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def read(self, frame: np.ndarray, mouth_box: Box) -> np.ndarray:
        """Find the points.

        Args:
            frame: (H, W, 3) uint8 RGB.
            mouth_box: x, y, width, height of the mouth box in px, which places the region's.

        Returns:
            (n, 2) float32 px on the frame, origin at its corner, pixel centres at .5.
        """
        x, y, w, h = self.region.box(mouth_box)
        return self.read_cut(crop(frame, (x, y, w, h))[None])[0] + np.float32((x, y))

    def read_cut(self, pictures: np.ndarray) -> np.ndarray:
        """Find the points in pictures of the region's box alone.

        Args:
            pictures: (B, h, w, 3) uint8 RGB.

        Returns:
            (B, n, 2) float32 px of these pictures, as they are given.
        """
        import torch

        from ..nets.pixels import signed

        (h, w), (width, height) = pictures.shape[1:3], self.region.size
        if (w, h) != (width, height):
            pictures = np.stack([cv2.resize(picture, (width, height)) for picture in pictures])
        pixels = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            points = self.network(signed(pixels)).numpy()
        return (points * (w / width, h / height)).astype(np.float32)


@lru_cache(maxsize=2)
def point_reader(region: Region) -> PointReader:
    """The region's reader that comes with the package."""
    return PointReader(region)


@contextmanager
def one_thread() -> Iterator[None]:
    """Read in here with one thread: two would wait for the engine's, five times as long."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
