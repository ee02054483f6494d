"""How far the detector's keypoints are from the true ones, on a capture's rendered frames.

    python -m avatar.capture.accuracy CAPTURE [TAKE ...]

The detector sees each frame over the capture's background, by itself. Nothing is learnt here, but
the weights from mesh to keypoints were found on train frames of Mira: judge them by her test takes.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import AvatarError, CaptureError
from ..face.keypoints import BROWS, EYES, INNER_LIP_BOTTOM, INNER_LIP_TOP, JAW, MOUTH, NOSE
from ..face.pose import middle_pose, pose_distance
from .detect import FaceDetector
from .fit import fit_geometry, fit_poses
from .layout import Capture, Take

PARTS = {"brows": BROWS, "eyes": EYES, "nose": NOSE, "mouth": MOUTH, "jaw": JAW}


@dataclass(frozen=True)
class Accuracy:
    """Errors over some frames, in px of the 512 canvas unless said otherwise."""

    frames: int
    missed: int
    """Frames in which no face was found."""
    points: dict[str, tuple[float, float]]
    """Mean and 95th percentile of the distance from the truth, by part of the face."""
    still: dict[str, float]
    """Mean distance without what is the same in all frames: what cannot be put down to other
    points of the face being meant."""
    opening_error: float
    """Mean error of the distance between the inner lips."""
    opening_bias: float
    opening_correlation: float
    turn_error: float
    """Mean angle in degrees between the fitted and the true pose, after one constant turn."""


def measure(takes: Sequence[Take]) -> Accuracy:
    """Compare what is found with the truth in all rendered frames of takes.

    Raises:
        CaptureError: if there is no rendered frame, or no face is found in any.
    """
    found, irises, meshes, frames = [], [], [], []
    missed = 0
    with FaceDetector(1, still=True) as detector:
        for take, frame in _rendered(takes):
            faces = detector(take.head_over_background(frame))
            missed += not faces
            if faces:
                found.append(faces[0].keypoints)
                irises.append(faces[0].irises)
                meshes.append(faces[0].mesh)
                frames.append((take, frame))
    if not frames:
        raise CaptureError("The takes have no rendered frame in which a face is found.")
    truth = np.stack([take.arrays["landmarks2d"][frame] for take, frame in frames])
    true_irises = np.stack([take.arrays["iris2d"][frame] for take, frame in frames])
    poses = np.stack([take.pose[frame] for take, frame in frames])
    keypoints = np.stack(found)
    away = {name: keypoints[:, list(part)] - truth[:, list(part)] for name, part in PARTS.items()}
    away["irises"] = np.stack(irises) - true_irises
    seen, true = opening(keypoints), opening(truth)
    return Accuracy(
        frames=len(frames),
        missed=missed,
        points={name: _mean_and_p95(offset) for name, offset in away.items()},
        still={name: _mean_and_p95(o - o.mean(axis=0))[0] for name, o in away.items()},
        opening_error=float(np.abs(seen - true).mean()),
        opening_bias=float((seen - true).mean()),
        opening_correlation=float(np.corrcoef(seen, true)[0, 1]),
        turn_error=_turn_error(np.stack(meshes), keypoints, poses),
    )


def opening(keypoints: np.ndarray) -> np.ndarray:
    """Distance between the inner lips of keypoints (T, 68, 2): (T,) px."""
    lips = keypoints[:, INNER_LIP_TOP] - keypoints[:, INNER_LIP_BOTTOM]
    return np.linalg.norm(lips, axis=1)


def as_markdown(accuracy: Accuracy) -> str:
    """A table of what ``measure`` gave."""
    lines = [
        f"{accuracy.frames} frames, {accuracy.missed} without a face found.",
        "",
        "| part | mean, px | 95th percentile, px | mean without constant offset, px |",
        "| --- | --- | --- | --- |",
    ]
    for name, (mean, p95) in accuracy.points.items():
        lines.append(f"| {name} | {mean:.2f} | {p95:.2f} | {accuracy.still[name]:.2f} |")
    return "\n".join(lines) + (
        f"\n\nLip opening: mean error {accuracy.opening_error:.2f} px, bias "
        f"{accuracy.opening_bias:+.2f} px, correlation {accuracy.opening_correlation:.3f}. "
        f"Pose: {accuracy.turn_error:.2f} degrees."
    )


def _rendered(takes: Sequence[Take]) -> Iterator[tuple[Take, int]]:
    for take in takes:
        for frame in take.rendered:
            yield take, frame


def _mean_and_p95(offset: np.ndarray) -> tuple[float, float]:
    distance = np.linalg.norm(offset, axis=-1)
    return float(distance.mean()), float(np.percentile(distance, 95))


def _turn_error(meshes: np.ndarray, keypoints: np.ndarray, poses: np.ndarray) -> float:
    """Frames need not follow each other, so each is fitted by itself; two heads' axes are defined
    differently by one constant turn."""
    geometry = fit_geometry(meshes[np.argsort(opening(keypoints))[: -(-len(meshes) // 3)]])
    fitted = np.concatenate([fit_poses(each[None], geometry) for each in keypoints])
    between = middle_pose(np.linalg.inv(fitted) @ poses)
    return float(pose_distance(fitted @ between, poses).mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    name, text = "python -m avatar.capture.accuracy", "Compare the detector with exact keypoints."
    parser = argparse.ArgumentParser(prog=name, description=text)
    parser.add_argument("capture", type=Path, help="a capture with exact keypoints")
    parser.add_argument("takes", nargs="*", help="takes to look at; those held out if not given")
    options = parser.parse_args(arguments)
    try:
        capture = Capture.load(options.capture)
        takes = [capture.take(name) for name in options.takes]
        accuracy = measure(takes or [take for take in capture.takes if take.held_out])
    except AvatarError as error:
        print(f"avatar: {error}", file=sys.stderr)
        return 1
    print(as_markdown(accuracy))
    return 0


if __name__ == "__main__":
    sys.exit(main())
