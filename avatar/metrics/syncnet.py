"""SyncNet's scores of one face: LSE-D, LSE-C and the offset, as published, but said in full.

The recipe is that of ``syncnet_python`` (run_pipeline.py, SyncNetInstance.py): 25 frames a second
beside sound at 16 kHz, the face cropped to 224x224, 5 frames against 20 columns of MFCC, the
distance at every shift within 15 frames, each one's mean over time. LSE-D is the least of these
means, LSE-C their median less that. Where this differs, and why:

- Crops come straight from the decoded frames, not through MJPEG, XVID and JPEG.
- The box that S3FD would find is made of keypoints, see ``face_boxes``.
- Only frames that have a sound at every shift count. The original fills the ends with zeros, which
  makes short clips worse than they are.
- One face, so one score.

LSE-D and LSE-C do not change with a constant offset of up to 0.6 s: never tell them without it.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from scipy.ndimage import median_filter

from ..capture.face_track import FaceTrack
from ..errors import MetricError
from ..nets.syncnet import COLUMNS, EMBEDDING, FRAMES, SIZE, SyncNet
from ..speech.pretrained import REPO_ID, WEIGHTS, fetch
from .mfcc import mfcc

FPS = Fraction(25)
"""Frames a second that SyncNet was trained at; other films are resampled to it."""
MAX_SHIFT = 15
"""Frames either way in which the best fit is looked for."""
FEWEST = 25
"""Frames that must count: a mean over less than a second says little."""
SHORTEST = (FEWEST + 2 * MAX_SHIFT + FRAMES) / float(FPS)
"""Seconds of picture and sound that this takes: 2.4."""

FOREHEAD = 0.25
"""Part of the keypoints' height that a detector's box begins above them: eyes and box of published
WIDER FACE labels, which S3FD learned, are on average so far apart."""
CROP_SCALE = 0.40
"""Margin of the crop: this part of the box's half at either side, twice that below, none above."""
GREY = 110
"""What lies beyond the frame."""
SMOOTHING = 13
"""Frames of the median that steadies the box."""
BATCH = 20
COLUMNS_PER_FRAME = 4

VARIABLE = "AVATAR_SYNCNET"
NOT_FOUND = f"n/a: weights not found (SyncNet, converted; --syncnet or {VARIABLE} says where)"


@dataclass(frozen=True)
class SyncScore:
    """How well lips fit a sound. Offsets: positive means that the lips are late."""

    lse_d: float
    """Least mean distance: lower is better; real speech has about 6 to 8."""
    lse_c: float
    """Confidence, median less least: higher is better; under about 2 nothing fits anywhere."""
    offset_frames: int
    """Where that is, in frames of 40 ms; where ``lse_c`` is low it means nothing."""
    distance_at_0: float
    """Mean distance as it stands: beside ``lse_d``, what the offset costs."""
    frames: int
    """Frames that count."""
    distances: np.ndarray
    """(frames, 31): of each frame, from "lips 15 frames early" to "15 frames late"."""


class SyncNetScorer:
    """The network, ready to look and listen; on the GPU where there is one."""

    def __init__(self, weights: Path):
        """Load weights that ``convert_syncnet`` wrote.

        Raises:
            MetricError: if they are missing or not SyncNet's.
        """
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = SyncNet()
        try:
            self.network.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise MetricError(
                f"'{weights}' has no SyncNet weights; make them with "
                "python -m avatar.metrics.convert_syncnet."
            ) from error
        self.network.eval().requires_grad_(False).to(self.device)

    def score(self, frames: Iterable[np.ndarray], track: FaceTrack, sound: np.ndarray) -> SyncScore:
        """Compare the lips of a film with a sound that begins with it.

        Args:
            frames: (H, W, 3) uint8 RGB each, 25 a second.
            track: the face in them.
            sound: (N,) float32 in [-1, 1], mono, 16 kHz.

        Raises:
            MetricError: if there is less than 2.4 s of both, or the sound is silent; a film that is
                refused is not looked at.
        """
        if not sound.any():
            raise MetricError("The sound is silent, so SyncNet has nothing to compare lips with.")
        heard = self._hear(sound)
        counted_windows(len(track) - FRAMES + 1, len(heard))
        return sync_score(self.lips(frames, track), heard)

    @torch.inference_mode()
    def lips(self, frames: Iterable[np.ndarray], track: FaceTrack) -> np.ndarray:
        """What the network sees of a film, read frame by frame.

        Args:
            frames: (H, W, 3) uint8 RGB each, 25 a second.
            track: the face in them.

        Returns:
            (T - 4, 1024) float32: row i is of the frames i to i + 4.
        """
        if track.fps != FPS:
            raise ValueError(f"SyncNet takes {FPS} frames a second, not {track.fps}")
        found, batch = [np.empty((0, EMBEDDING), np.float32)], []
        for frame, box in zip(frames, face_boxes(track.keypoints), strict=False):
            batch.append(crop_face(frame, box))
            if len(batch) == BATCH + FRAMES - 1:
                found.append(self._look(batch))
                batch = batch[1 - FRAMES :]
        if len(batch) >= FRAMES:
            found.append(self._look(batch))
        return np.concatenate(found)

    def _look(self, crops: list[np.ndarray]) -> np.ndarray:
        film = torch.from_numpy(np.stack(crops)).to(self.device)  # (T, 224, 224, 3)
        return self.network.lips(film.permute(3, 0, 1, 2).float()).cpu().numpy()

    @torch.inference_mode()
    def _hear(self, sound: np.ndarray) -> np.ndarray:
        """(m, 1024): row i is of the 0.2 s from frame i on."""
        columns = mfcc(sound)
        if columns.shape[1] < COLUMNS:
            return np.empty((0, EMBEDDING), np.float32)
        windows = torch.from_numpy(np.float32(columns)).unfold(1, COLUMNS, COLUMNS_PER_FRAME)
        found = [
            self.network.sound(batch.to(self.device)).cpu().numpy()
            for batch in windows.permute(1, 0, 2)[:, None].split(10 * BATCH)  # (B, 1, 13, 20)
        ]
        return np.concatenate(found)


def sync_score(lips: np.ndarray, sound: np.ndarray) -> SyncScore:
    """The published scores from embeddings of lips (n, 1024) and sound (m, 1024).

    Raises:
        MetricError: if they are of less than 2.4 s.
    """
    counted = counted_windows(len(lips), len(sound))
    # Lips that are late by k frames show at i what was heard at i - k.
    distances = np.stack(
        [
            np.linalg.norm(lips[counted] - sound[counted - late], axis=1)
            for late in range(-MAX_SHIFT, MAX_SHIFT + 1)
        ],
        axis=1,
    )
    means = distances.mean(axis=0, dtype=np.float64)
    best = int(means.argmin())
    return SyncScore(
        lse_d=float(means[best]), lse_c=float(np.median(means) - means[best]),
        offset_frames=best - MAX_SHIFT, distance_at_0=float(means[MAX_SHIFT]),
        frames=len(counted), distances=distances,
    )  # fmt: skip


def counted_windows(lips: int, sound: int) -> np.ndarray:
    """Of so many windows each, the numbers of those that have a sound at every shift.

    Raises:
        MetricError: if they are of less than 2.4 s.
    """
    windows = min(lips, sound)
    counted = np.arange(MAX_SHIFT, windows - MAX_SHIFT)
    if len(counted) < FEWEST:
        seconds = (windows + FRAMES) / float(FPS)
        raise MetricError(
            f"SyncNet needs {SHORTEST} s of picture and sound together; this has {seconds:.2f} s."
        )
    return counted


def face_boxes(keypoints: np.ndarray) -> Iterator[tuple[float, float, float]]:
    """Boxes like a face detector's, steadied as SyncNet's pipeline does: centre x, y and half side.

    S3FD, which that pipeline asks, is not at hand. Its boxes end at the chin and the cheeks, as the
    keypoints do, and begin in the middle of the forehead, a quarter of their height above the
    brows. Half a side is half the longer side.

    Args:
        keypoints: (T, 68, 2) px.
    """
    (left, top), (right, bottom) = keypoints.min(axis=1).T, keypoints.max(axis=1).T
    top = top - FOREHEAD * (bottom - top)
    half = np.maximum(right - left, bottom - top) / 2
    raw = ((left + right) / 2, (top + bottom) / 2, half)
    steady = (median_filter(np.float64(values), SMOOTHING, mode="nearest") for values in raw)
    yield from zip(*steady, strict=True)


def crop_face(frame: np.ndarray, box: tuple[float, float, float]) -> np.ndarray:
    """What SyncNet looks at: a frame (H, W, 3) uint8 RGB to (224, 224, 3) uint8 BGR.

    The crop is 1.4 halves of the box to either side, one above its centre and 1.8 below.
    """
    x, y, half = box
    side, below = half * (1 + CROP_SCALE), half * (1 + 2 * CROP_SCALE)
    left, right, top, bottom = map(math.floor, (x - side, x + side, y - half, y + below))
    height, width = frame.shape[:2]
    y0, y1 = np.clip((top, bottom), 0, height)
    x0, x1 = np.clip((left, right), 0, width)
    face = np.full((bottom - top, right - left, 3), GREY, np.uint8)
    face[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1, ::-1]
    return cv2.resize(face, (SIZE, SIZE))


def find_syncnet(source: str | None = None) -> SyncNetScorer | None:
    """The scorer, where its weights are at hand.

    Args:
        source: a file of ``convert_syncnet``, or "org/name" of a repository on the Hub whose
            ``model.safetensors`` is one; None: what the variable ``AVATAR_SYNCNET`` says.

    Returns:
        None if neither is given.

    Raises:
        MetricError: if what was given cannot be had.
    """
    source = source or os.environ.get(VARIABLE)
    if not source:
        return None
    if Path(source).exists() or not REPO_ID.fullmatch(source):
        return SyncNetScorer(Path(source))
    try:
        return SyncNetScorer(fetch(source) / WEIGHTS)
    except (LookupError, ConnectionError) as error:
        raise MetricError(f"SyncNet's weights: {source} {error}.") from error
