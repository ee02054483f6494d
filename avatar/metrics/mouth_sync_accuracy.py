"""How often ``MouthSync`` tells a true pair of mouth and sound from a shifted one.

    nice python -m avatar.metrics.mouth_sync_accuracy CAPTURE [FOLDER OF FILMS ...]

Every mouth is paired with its own sound, and with the same sound moved by 3 to 15 frames either
way; the true pair should score higher. Chance is 0.5. Measured over windows of one and of two
seconds, starting five frames apart wherever they are, speech or pause, and over whole clips.
A capture is measured on takes that were not trained on, cut into clips of three seconds, with its
exact keypoints; films from their pixels, as anybody's are.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..capture.face_track import track_face
from ..capture.layout import Capture, Take
from ..capture.source import open_video
from ..render.steps import finished
from ..timing import SAMPLE_RATE
from .mouth_sync import FPS, MOST, MouthSync, fit_sound, mouth_shape

NEAREST = 3
"""Frames of the smallest shift that has to be told."""
CLIP = 75
"""Frames of a clip that a take is cut into: three seconds."""
STRIDE = 5
"""Frames from the start of one window to the next."""
FILMS = (".mp4", ".mpg", ".mov", ".mkv", ".webm", ".avi")
"""Files of a folder that are films."""
HELD_OUT = ("train_13", "train_14")
"""Train takes that are kept for measuring, beside those named ``test...``."""

Clip = tuple[np.ndarray, np.ndarray]
"""Mouth (T, 7) and sound (T * 640,)."""


@dataclass(frozen=True)
class ShiftAccuracy:
    """Shares in 0..1; chance is 0.5 for the first three and 0.1 for the last."""

    one_second: float
    """True pairs of one second that score higher than shifted ones."""
    two_seconds: float
    whole: float
    """The same over whole clips."""
    offset_within_one: float
    """Clips whose best shift is at most one frame."""
    score: float
    """Mean score of the clips as they are."""
    clips: int


def shift_accuracy(judge: MouthSync, clips: Iterable[Clip]) -> ShiftAccuracy:
    """Measure on clips whose sound fits."""
    tellings: dict[int, list[float]] = {25: [], 50: [], 0: []}
    offsets, scores = [], []
    for mouth, sound in clips:
        rows = judge.agreements(mouth, sound)
        for frames, told in tellings.items():
            told += _told(rows, frames or rows.shape[1])
        curve = np.nanmean(rows, axis=1)
        offsets.append(int(curve.argmax()) - MOST)
        scores.append(curve[MOST])
    shares = (float(np.mean(told)) for told in tellings.values())
    near = float(np.mean(np.abs(offsets) <= 1))
    return ShiftAccuracy(*shares, near, float(np.mean(scores)), len(offsets))


def _told(rows: np.ndarray, frames: int) -> list[bool]:
    """Whether each true window of (31, T) agreements beats each of its shifted ones."""
    whole = frames >= rows.shape[1]
    starts = [0] if whole else range(0, rows.shape[1] - frames + 1, STRIDE)
    mean = np.nanmean if whole else np.mean  # a shifted clip is as much of it as overlaps
    windows = np.array([mean(rows[:, start : start + frames], axis=1) for start in starts])
    true = windows[:, MOST]
    shifted = windows[:, [MOST + o for o in range(-MOST, MOST + 1) if abs(o) >= NEAREST]].T
    return [bool(t > s) for other in shifted for t, s in zip(true, other, strict=True) if s == s]


def take_clips(takes: Iterable[Take]) -> Iterator[Clip]:
    """Clips of a capture's takes, with exact keypoints."""
    for take in takes:
        mouth = mouth_shape(take.arrays["landmarks3d_canonical"])
        sound = fit_sound(take.sound, len(mouth))
        yield from _cut(mouth, sound)


def film_clips(folder: Path) -> Iterator[Clip]:
    """Films of a folder, at most ten seconds of each, found and followed in their pixels."""
    for path in sorted(path for path in folder.iterdir() if path.suffix in FILMS):
        source = open_video(path).at(FPS)
        track = finished(track_face(source, stop=10 * int(FPS)))
        yield mouth_shape(track.canonical), fit_sound(source.sound(), len(track))


def _cut(mouth: np.ndarray, sound: np.ndarray) -> Iterator[Clip]:
    samples = int(SAMPLE_RATE / FPS)
    for start in range(0, len(mouth) - CLIP + 1, CLIP):
        stop = start + CLIP
        yield mouth[start:stop], sound[start * samples : stop * samples]


def measure(judge: MouthSync, capture: Capture, folders: Iterable[Path]) -> dict[str, dict]:
    """Accuracies by where the clips are from: "capture", and the name of each folder of films."""
    takes = [take for take in capture.takes if take.held_out or take.name in HELD_OUT]
    clips = {"capture": take_clips(takes)} | {path.name: film_clips(path) for path in folders}
    return {name: asdict(shift_accuracy(judge, some)) for name, some in clips.items()}


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("films", type=Path, nargs="*", help="folders of films with fitting sound")
    arguments = parser.parse_args()
    measured = measure(MouthSync(), Capture.load(arguments.capture), arguments.films)
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
