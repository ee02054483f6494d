"""A head-motion clip: what the head does, and what was said meanwhile where that is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import AvatarError, ClipError
from ..files import replacing
from ..timing import parse_fps
from .drawing import DrawingStyle, draw
from .keypoints import COUNT

MAX_FRAMES = 200_000
"""Longest clip that is read, about two hours: a bundle from a stranger must not fill the memory."""
MAX_FEATURES = 4096
"""Most features a frame."""


def refuse_misshapen(
    holder: object, expected: dict[str, tuple[int, ...]], what: str, error: type[AvatarError]
) -> None:
    """Raise an error, which begins with ``what``, if an array of the holder is not float32 and of
    the expected shape, or not finite."""
    for name, shape in expected.items():
        array = getattr(holder, name)
        if array.shape != shape or array.dtype != np.float32:
            raise error(
                f"{what}: {name} should be float32 {shape}, but is {array.dtype} {array.shape}."
            )
        if not np.isfinite(array).all():
            raise error(f"{what}: {name} holds NaN or infinite numbers.")


@dataclass(frozen=True, eq=False)  # a clip is equal to itself alone: others may keep things by it
class Clip:
    """Head motion, frame by frame."""

    name: str
    fps: Fraction
    keypoints: np.ndarray
    """(T, 68, 2) float32 px on the 512 canvas, iBUG-68."""
    irises: np.ndarray
    """(T, 2, 2) float32 px, image left first."""
    pose: np.ndarray
    """(T, 4, 4) float32, canonical -> camera, metres."""
    contour: np.ndarray
    """(T, M, 2) float32 px, head-and-shoulder outline."""
    features: np.ndarray | None = None
    """(T, k) float32 speech features of what was said meanwhile, for the renderer to repeat it."""

    def __post_init__(self):
        frames = len(self.keypoints)
        expected: dict[str, tuple[int, ...]] = {
            "keypoints": (frames, COUNT, 2),
            "irises": (frames, 2, 2),
            "pose": (frames, 4, 4),
            "contour": (frames, self.contour.shape[1] if self.contour.ndim == 3 else 0, 2),
        }
        if self.features is not None:
            wide = self.features.ndim == 2 and 0 < self.features.shape[1] <= MAX_FEATURES
            expected["features"] = (frames, self.features.shape[1] if wide else 1)
        refuse_misshapen(self, expected, f"Clip {self.name}", ClipError)
        if not 0 < frames <= MAX_FRAMES or self.contour.shape[1] < 2:
            raise ClipError(f"Clip {self.name} has no frames or no contour, or is too long.")

    def __len__(self) -> int:
        return len(self.keypoints)

    def frame_indices(self, count: int, start: int = 0) -> Iterator[int]:
        """Clip frames for ``count`` video frames: forth and back without a jump, from ``start``."""
        period = max(2 * (len(self) - 1), 1)
        for i in range(start, start + count):
            phase = i % period
            yield phase if phase < len(self) else period - phase

    def drawing(self, frame: int, style: DrawingStyle) -> np.ndarray:
        """The renderer's drawing of one frame: (512, 512) uint8."""
        return draw(self.keypoints[frame], self.irises[frame], self.contour[frame], style)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, whole or not at all."""
        arrays = {
            "keypoints": self.keypoints, "irises": self.irises,
            "pose": self.pose, "contour": self.contour, "features": self.features,
        }  # fmt: skip
        arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items() if v is not None}
        with replacing(path) as temporary:
            save_file(arrays, temporary, metadata={"name": self.name, "fps": str(self.fps)})

    @classmethod
    def load(cls, path: str | Path) -> "Clip":
        """Read what ``save`` wrote; nothing in the file is executed.

        Raises:
            ClipError: if the file is missing, damaged or holds wrong shapes.
        """
        path = Path(path)
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                names = ["keypoints", "irises", "pose", "contour"]
                names += {"features"} & set(file.keys())
                arrays = {key: file.get_tensor(key) for key in names}
            fps = parse_fps(metadata.get("fps", ""))
        except FileNotFoundError as error:
            raise ClipError(f"The clip {path.name} is missing.") from error
        except (SafetensorError, OSError, ValueError) as error:
            raise ClipError(f"The clip {path.name} is damaged: {error}.") from error
        return cls(name=metadata.get("name", path.stem), fps=fps, **arrays)
