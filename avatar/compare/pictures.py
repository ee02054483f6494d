"""Pictures against the reference's, frame beside frame: whole, face and mouth, in one pass."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..capture.face_track import FaceTrack
from ..face.keypoints import MOUTH
from ..metrics.image import (
    WINDOW,
    Box,
    crop,
    decibels,
    mean_squared_error,
    noise_level,
    sharpness,
    ssim,
)
from ..metrics.motion import Flicker
from ..metrics.perceptual import (
    KID_NOT_FOUND,
    NOT_FOUND,
    KernelDistance,
    inception_features,
    perceptual_distance,
)
from .figures import Figures
from .footage import Footage, same_shape

FACE_SIDE, MOUTH_SIDE = 300, 192
"""Sides of the boxes in px of a canvas on which the eyes are 98 px apart."""
CALM_S = 0.2
"""Deviation of the Gaussian, in seconds, that calms the boxes' way through the picture."""
CEILING_DB = 60.0
"""PSNR of equal pictures, so that one of them does not make a mean infinite; rounding to 8 bits
alone leaves 59 dB."""
MOST = 1_000
"""Most frames whose pictures are compared; of longer videos they are spread evenly."""
MOST_KID = 200
"""Most pictures that KID is worked out from."""
COMPARED = (
    "psnr", "psnr_of_mean", "ssim", "face_psnr", "face_ssim", "mouth_psnr", "mouth_ssim",
    "lpips", "mouth_lpips", "kid",
)  # fmt: skip
"""What needs a reference."""


@dataclass(frozen=True)
class Boxes:
    """Where face and mouth of the reference are in each frame, in px of what is compared."""

    face: list[Box]
    mouth: list[Box]


def place_boxes(track: FaceTrack, size: tuple[int, int]) -> Boxes:
    """Boxes of one size that go with the face.

    Args:
        track: of the reference, on the common clock.
        size: width and height of the pictures that are compared, px.
    """
    ratio = size[0] / track.width
    sigma = CALM_S * float(track.fps)

    def boxes(points: np.ndarray, side: float) -> list[Box]:
        side = int(max(min(side * ratio / track.scale, *size), WINDOW))
        centre = gaussian_filter1d(points.mean(axis=1) * ratio, sigma, axis=0, mode="nearest")
        corner = np.clip(np.round(centre - side / 2), 0, np.array(size) - side).astype(int)
        return [(int(x), int(y), side, side) for x, y in corner]

    return Boxes(
        boxes(track.keypoints, FACE_SIDE), boxes(track.keypoints[:, list(MOUTH)], MOUTH_SIDE)
    )


def measure_pictures(
    reference: Footage | None, footages: Sequence[Footage]
) -> Generator[tuple[int, int], None, list[Figures]]:
    """Compare pictures; returns what is found for each of ``footages``.

    Args:
        reference: what they are compared with; None: only what needs no reference.
        footages: on the reference's clock.

    Yields:
        Frames that were compared, and how many there are.
    """
    clock = reference or footages[0]
    size, step = clock.size, -(-clock.frames // MOST)
    meters = [_Meter(reference, footage, size) for footage in footages]
    with ExitStack() as stack:
        videos = [
            stack.enter_context(closing(footage.pictures(meter.size)))
            for footage, meter in zip(footages, meters, strict=True)
        ]
        truth = stack.enter_context(closing(clock.pictures(size)))
        for frame, (true, *shown) in enumerate(zip(truth, *videos, strict=True)):
            for meter, picture in zip(meters, shown, strict=True):
                meter.watch(frame, picture)
                if frame % step == 0:
                    meter.compare(frame, picture, true)
            yield frame + 1, clock.frames
    return [meter.figures() for meter in meters]


class _Region:
    """A part of the picture, whose frames are scored beside the truth."""

    def __init__(self, frames: int):
        self.error, self.ssim = np.full(frames, np.nan), np.full(frames, np.nan)

    def add(self, frame: int, picture: np.ndarray, true: np.ndarray) -> None:
        equal = np.array_equal(picture, true)  # as where the reference meets itself: no need to ask
        self.error[frame] = 0 if equal else mean_squared_error(picture, true)
        self.ssim[frame] = 1 if equal else ssim(picture, true)

    @property
    def psnr(self) -> np.ndarray:
        """(T,) dB, NaN where not measured."""
        return np.array([min(decibels(error), CEILING_DB) for error in self.error])

    def put(self, found: Figures, name: str) -> None:
        known = np.isfinite(self.error)
        for key, curve in (("psnr", self.psnr), ("ssim", self.ssim)):
            mean = float(curve[known].mean()) if known.any() else None
            found.put(f"{name}{key}", mean, "no face in the reference")


class _Meter:
    """Adds up what the pictures of one video say."""

    def __init__(self, reference: Footage | None, footage: Footage, size: tuple[int, int]):
        self.against = reference is not None and same_shape(reference, footage)
        self.no_pair = "no reference" if reference is None else "pictures of another shape"
        self.size = size if self.against else footage.size
        track = (reference if self.against else footage).face()
        self.boxes = place_boxes(track, self.size) if track else None
        self.whole, self.face, self.mouth = (_Region(footage.frames) for _ in range(3))
        self.distance = perceptual_distance() if self.against else None
        self.distances: list[list[float]] = []
        features = inception_features() if self.against else None
        self.kernel = KernelDistance(features) if features else None
        self.apart = -(-footage.frames // MOST_KID)
        self.texture: list[tuple[float, float]] = []
        self.flicker = Flicker()

    def watch(self, frame: int, picture: np.ndarray) -> None:
        """Look at every frame, for what comes and goes."""
        self.flicker.add(crop(picture, self.boxes.face[frame]) if self.boxes else picture)

    def compare(self, frame: int, picture: np.ndarray, true: np.ndarray) -> None:
        """Look at one frame beside the truth."""
        face = crop(picture, self.boxes.face[frame]) if self.boxes else picture
        self.texture.append((sharpness(face), noise_level(picture)))
        if not self.against:
            return
        pairs = [(picture, true)]
        self.whole.add(frame, picture, true)
        if self.boxes:
            self.face.add(frame, face, crop(true, self.boxes.face[frame]))
            pairs.append(tuple(crop(p, self.boxes.mouth[frame]) for p in (picture, true)))
            self.mouth.add(frame, *pairs[-1])
        if self.kernel and frame % self.apart == 0:
            self.kernel.add(picture, true)
        if self.distance:
            self.distances.append([self.distance(*pair) for pair in pairs])

    def figures(self) -> Figures:
        """What all frames together say."""
        found = Figures()
        for key, value in zip(("sharpness", "noise"), np.mean(self.texture, axis=0), strict=True):
            found.put(key, value)
        found.put("flicker", self.flicker.mean, "too short")
        if not self.against:
            found.miss(COMPARED, self.no_pair)
            return found
        for name, region in (("", self.whole), ("face_", self.face), ("mouth_", self.mouth)):
            region.put(found, name)
        found.put("psnr_of_mean", min(decibels(float(np.nanmean(self.whole.error))), CEILING_DB))
        found.series = {
            "psnr": self.whole.psnr, "ssim": self.whole.ssim, "mouth_psnr": self.mouth.psnr,
        }  # fmt: skip
        why = "no face in the reference" if self.distance else NOT_FOUND
        distances = np.mean(self.distances, axis=0).tolist() if self.distances else []
        for key, distance in zip(("lpips", "mouth_lpips"), [*distances, None, None], strict=False):
            found.put(key, distance, why)
        found.put("kid", self.kernel and self.kernel.distance, KID_NOT_FOUND)
        return found
