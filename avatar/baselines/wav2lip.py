"""Wav2Lip with its public weights, for a comparison of one's own: a film says another sound.

    python -m avatar.baselines.wav2lip FILM --audio A.wav --weights org/name --out O.mp4

Nothing of it is shipped, and nothing fetched unless it is named. Where this differs from its own
inference: the box that S3FD would find is made of keypoints, and the film streams.
"""

import argparse
import logging
import pickle
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, count, islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..capture.face_track import track_face
from ..capture.layout import Take
from ..capture.source import open_video
from ..errors import AvatarError, BundleError
from ..files import check_places
from ..hub import REPO_ID, fetch_file
from ..metrics.inspection import inspection
from ..metrics.syncnet import FOREHEAD
from ..nets.wav2lip import COLUMNS, MELS, SIZE, Wav2Lip
from ..render.receipt import receipt_path
from ..render.steps import finished, looking
from ..render.video import write_video
from ..speech.audio import load_sound
from ..speech.speech import Speech
from ..timing import frame_count
from .held import held
from .mel import mel_spectrogram, mel_window
from .method import OneFrame

LICENCE = (
    "Wav2Lip's weights were trained on LRS2: research, academic and personal use only, no "
    "commercial use (github.com/Rudrabha/Wav2Lip)."
)
FILES = ("wav2lip.pth", "wav2lip_gan.pth")
"""What a repository may call them."""
CHIN = 10
"""Pixels that the box is longer at the chin, as its inference has it: pads 0 10 0 0."""
SMOOTHING = 5
"""Frames from each on over which its box is averaged."""
BATCH = 16
WAV2LIP = "Wav2Lip"
log = logging.getLogger(__name__)


class Wav2LipDubber:
    """The generator with somebody's weights."""

    def __init__(self, source: str):
        """Load weights; their licence is told.

        Args:
            source: a file as its authors publish it, or "org/name" of a Hub repository with one.

        Raises:
            AvatarError: if it cannot be had, or holds something else.
        """
        path = _find(source)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = Wav2Lip()
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
            self.network.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
        except (
            OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError, AttributeError,
            pickle.UnpicklingError,
        ) as error:  # fmt: skip
            raise AvatarError(f"'{path.name}' has no weights of Wav2Lip.") from error
        self.network.eval().requires_grad_(False).to(self.device)
        log.warning(LICENCE)

    def frames(
        self, film: Iterable[tuple[np.ndarray, np.ndarray]], sound: np.ndarray, fps: Fraction
    ) -> Iterator[np.ndarray]:
        """Let a film say a sound.

        Args:
            film: pictures (H, W, 3) uint8 RGB, each with the box of its face, (4,) int x0, y0, x1,
                y1.
            sound: (N,) float32 mono at 16 kHz.
            fps: frames a second of the film.

        Yields:
            (H, W, 3) uint8 RGB, as many as there are pictures.
        """
        mel = mel_spectrogram(sound)
        parts = enumerate(film)
        while batch := list(islice(parts, BATCH)):
            heard = np.stack([mel_window(mel, frame, fps) for frame, _ in batch])
            faces = np.stack([_face(*part) for _, part in batch])
            for (_, part), said in zip(batch, self._say(heard, faces), strict=True):
                yield _pasted(*part, said)

    def one_frame(self) -> None:
        """Run the network on one black face."""
        self._say(np.zeros((1, MELS, COLUMNS), np.float32), np.zeros((1, SIZE, SIZE, 3), np.uint8))

    @torch.inference_mode()
    def _say(self, heard: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(B, 80, 16) and faces (B, 96, 96, 3) uint8 BGR to faces of the same kind."""
        whole = torch.from_numpy(faces).permute(0, 3, 1, 2).to(self.device).float() / 255
        mel: Tensor = torch.from_numpy(heard)[:, None].to(self.device)
        said = self.network(mel, torch.cat([_masked(whole), whole], dim=1))
        return (said * 255).byte().permute(0, 2, 3, 1).cpu().numpy()


class Wav2LipRow:
    """Wav2Lip as a row of the table: it dubs the take's own film."""

    name = WAV2LIP
    sees = "the true film, mouth included (held between true frames)"

    def __init__(self, source: str):
        """Take the weights; see ``Wav2LipDubber``."""
        self.dubber = Wav2LipDubber(source)
        self.engine = f"torch ({self.dubber.device.type})"

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """See ``Method``."""
        length = min(len(take.pose), len(speech.track.values))
        film = held(take.rendered, length, take.head_over_background)
        boxes = face_boxes(take.arrays["landmarks2d"][:length], 512, 512)
        return self.dubber.frames(zip(film, boxes, strict=True), speech.sound, take.capture.fps)

    def one_frame(self, take: Take, speech: Speech) -> OneFrame:
        """See ``Method``."""
        return self.dubber.one_frame


def face_boxes(keypoints: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes as Wav2Lip's inference makes them: padded at the chin, then smoothed.

    Args:
        keypoints: (T, 68, 2) px.
        width: of the film, px.
        height: of the film, px.

    Returns:
        (T, 4) int x0, y0, x1, y1.
    """
    (left, top), (right, bottom) = keypoints.min(axis=1).T, keypoints.max(axis=1).T
    top, bottom = top - FOREHEAD * (bottom - top), bottom + CHIN
    limits = (width, height, width, height)
    boxes = np.clip(np.stack([left, top, right, bottom], axis=1).astype(int), 0, limits)
    last = max(len(boxes) - SMOOTHING, 0)
    means = [boxes[i : i + SMOOTHING].mean(axis=0) for i in np.arange(len(boxes)).clip(max=last)]
    return np.stack(means).astype(int)


def dub(film: Path, audio: Path, weights: str, out: Path) -> None:
    """Let the person in a film say another sound; a film that ends early begins again.

    Raises:
        AvatarError: if a file cannot be read or written, or the film shows no face.
    """
    check_places([out, receipt_path(out)], [film, audio, weights])
    dubber, source, sound = Wav2LipDubber(weights), open_video(film), load_sound(audio)
    track = finished(looking(track_face(source)))
    boxes = face_boxes(track.keypoints, source.width, source.height)
    length = frame_count(len(sound), source.fps)
    again = (zip(source.read(), boxes, strict=False) for _ in count())
    frames = dubber.frames(islice(chain.from_iterable(again), length), sound, source.fps)
    size = source.width, source.height
    inspect = inspection(source.fps, sound, "another network drew the lips", size)
    write_video(out, frames, source.fps, sound, size=size, label=True, inspect=inspect)


def _find(source: str) -> Path:
    """The file of weights; see ``Wav2LipDubber``."""
    if Path(source).is_file():
        return Path(source)
    if not REPO_ID.fullmatch(source):
        raise AvatarError(f"There are no weights of Wav2Lip at '{source}'.")
    for name in FILES:
        try:
            return fetch_file(source, name, "main")
        except BundleError as error:
            problem = error
    raise AvatarError(f"No {' or '.join(FILES)} could be had: {problem}") from problem


def _face(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(96, 96, 3) uint8 BGR."""
    x0, y0, x1, y1 = box
    return cv2.resize(picture[y0:y1, x0:x1, ::-1], (SIZE, SIZE))


def _masked(faces: Tensor) -> Tensor:
    """Faces (B, 3, 96, 96) with their lower halves black."""
    faces = faces.clone()
    faces[:, :, SIZE // 2 :] = 0
    return faces


def _pasted(picture: np.ndarray, box: np.ndarray, said: np.ndarray) -> np.ndarray:
    """A picture with another face (96, 96, 3) uint8 BGR in its box."""
    x0, y0, x1, y1 = box
    result = picture.copy()
    result[y0:y1, x0:x1] = cv2.resize(said, (x1 - x0, y1 - y0))[..., ::-1]
    return result


def main() -> int:
    """Dub from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--audio", type=Path, required=True, help="what is to be said")
    parser.add_argument("--weights", required=True, metavar="FILE|ORG/NAME",
                        help=f"{' or '.join(FILES)}, or a Hub repository that has one")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the MP4 to write")
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        dub(options.film, options.audio, options.weights, options.out)
    except AvatarError as error:
        print(f"wav2lip: {error}", file=sys.stderr)
        return 1
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
