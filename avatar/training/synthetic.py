"""Synthetic training data: mashed pairs, drawn by the trained oracle (paper, 3.3, Fig. 5).

A folder holds ``pairs.safetensors`` (which frames, how far apart their heads, how strong the mouth,
the mashed keypoints, and where all that came from) and ``head/`` and ``mouth/`` pictures as JPEG.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..capture.layout import Capture
from ..errors import AvatarError
from ..face.drawing import DrawingStyle
from ..face.mashing import mash
from ..files import replacing
from ..nets.oracle import Oracle
from ..nets.pixels import to_bytes, unit
from ..speech.features import Features, blend
from ..speech.visemes import windows
from . import distributed
from .augment import Augmentation, Pairs, draw_pairs
from .dataset import VISEMES, Pictures, Sample, collate, oracle_drawings, take_features
from .stopping import Stopping

log = logging.getLogger(__name__)

QUALITY = [
    cv2.IMWRITE_JPEG_QUALITY, 95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]  # fmt: skip
BATCH = 8
TABLE, KINDS = "pairs.safetensors", ("head", "mouth")


class SyntheticSamples(Sequence[Sample]):
    """Samples made of pairs; their pictures are read from the folder when they are asked for."""

    def __init__(
        self, capture: Capture, folder: Path, window: int, features: Features = VISEMES
    ):
        """Read the table.

        Args:
            capture: whose takes were mashed.
            folder: of the table and the pictures.
            window: frames of features that a sample sees.
            features: what is listened to.

        Raises:
            AvatarError: if there is none, or the oracle has not drawn all of its pictures.
        """
        self.capture, self.folder = capture, folder
        self.pairs, self.keypoints, self.facts = _read_table(folder)
        numbers = range(len(self.pairs))
        missing = sum(not path.exists() for n in numbers for path in _paths(folder, n))
        if missing:
            raise AvatarError(f"{folder} lacks {missing} pictures: let the oracle go on first.")
        self._takes = _TakeData(capture, self.pairs.takes, window, features)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        return self._takes.sample(self.pairs, index, self.keypoints[index], self.folder)


class _TakeData:
    """Geometry and features of the takes that pairs are drawn from."""

    def __init__(
        self, capture: Capture, names: Sequence[str], window: int, features: Features = VISEMES
    ):
        self.takes = [capture.take(name) for name in names]
        self.geometry = capture.geometry
        self._window, self._features = window, features

    @cached_property
    def silence(self) -> np.ndarray:
        """(k,) of nobody speaking."""
        return self._features.silence

    @cached_property
    def said(self) -> list[np.ndarray]:
        """(T, frames, k) of each take."""
        return [
            windows(take_features(take, self._features), self._window, self.silence)
            for take in self.takes
        ]

    def mashed(self, pairs: Pairs, index: int) -> np.ndarray:
        """(68, 2) keypoints of a pair."""
        i, j = pairs.frame_i[index], pairs.frame_j[index]
        mouth, head = self.takes[pairs.take_i[index]], self.takes[pairs.take_j[index]]
        return mash(
            mouth.arrays["landmarks2d"][i], mouth.pose[i],
            head.arrays["landmarks2d"][j], head.pose[j],
            self.geometry, strength=float(pairs.strength[index]),
        ).keypoints  # fmt: skip

    def sample(self, pairs: Pairs, index: int, keypoints: np.ndarray, folder: Path) -> Sample:
        """The pair, whose pictures are or will be in a folder."""
        j, head = pairs.frame_j[index], self.takes[pairs.take_j[index]]
        window = self.said[pairs.take_i[index]][pairs.frame_i[index]]
        window = blend(window, self.silence, float(pairs.strength[index]))
        return Sample(
            head.name, int(j), keypoints, head.arrays["iris2d"][j], head.arrays["contour"][j],
            window, partial(_read_pictures, folder, index),
        )  # fmt: skip


def make_synthetic(
    capture: Capture,
    oracle: Oracle,
    folder: Path,
    count: int,
    config: Augmentation,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Draw pairs and let the oracle draw them; goes on where an earlier run stopped.

    Several processes share the work.

    Args:
        capture: whose train takes are mashed.
        oracle: trained, in evaluation mode.
        folder: where the table and the pictures go.
        count: how many pairs; where the folder has pairs already, those stay.
        config: how pairs are drawn.
        progress: told the share of the pictures that are drawn, 0 to 1.

    Raises:
        AvatarError: if the folder holds the pairs of another oracle or another drawing of pairs,
            or a picture cannot be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, between two pictures.
    """
    facts = _facts(capture, oracle, config)
    if distributed.rank() == 0 and not (folder / TABLE).exists():
        for kind in KINDS:
            (folder / kind).mkdir(parents=True, exist_ok=True)
        pairs = draw_pairs(capture, count, config)
        data = _TakeData(capture, pairs.takes, 1)
        keypoints = np.stack([data.mashed(pairs, n) for n in range(len(pairs))])
        _write_table(folder, pairs, keypoints, facts)
    distributed.wait()
    pairs, keypoints, found = _read_table(folder)
    if {key: found.get(key) for key in facts} != facts:
        raise AvatarError(
            f"{folder} holds what another oracle drew, or other pairs: delete it to draw anew."
        )
    data = _TakeData(capture, pairs.takes, 1)
    numbers = range(distributed.rank(), len(pairs), distributed.world())
    left = [n for n in numbers if not all(path.exists() for path in _paths(folder, n))]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    oracle.to(device)
    with ThreadPoolExecutor(4) as pool, Stopping() as stopping:
        for first in range(0, len(left), BATCH):
            part = left[first : first + BATCH]
            samples = [data.sample(pairs, n, keypoints[n], folder) for n in part]
            pictures = _render(oracle, samples, device)
            paths = zip(*(_paths(folder, n) for n in part), strict=True)
            for of_kind, rendered in zip(paths, pictures, strict=True):
                list(pool.map(_write_picture, of_kind, rendered))
            if progress:
                progress(1 - (len(left) - first - len(part)) / len(numbers))
            if stopping.asked:
                raise KeyboardInterrupt
    distributed.wait()
    return folder


def _facts(capture: Capture, oracle: Oracle, config: Augmentation) -> dict[str, Any]:
    """What pairs and pictures depend on, beside their number."""
    facts = asdict(config) | {"subject": capture.subject, "oracle": _digest(oracle)}
    del facts["most"]
    return facts


@torch.inference_mode()
def _render(
    oracle: Oracle, samples: list[Sample], device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Heads and mouths, each (B, 512, 512, 3) uint8 RGB."""
    box = oracle.config.mouth_box
    batch = collate([oracle_drawings(sample, box, DrawingStyle()) for sample in samples])
    with torch.autocast(device.type, torch.bfloat16):
        pictures = oracle(*(unit(batch[k].to(device)) for k in ("drawing", "mouth_drawing")))
    head, mouth = (to_bytes(picture).numpy() for picture in pictures)
    return head, mouth


def gallery(samples: SyntheticSamples, count: int = 8) -> np.ndarray:
    """Pairs from the nearest heads to the furthest (Fig. 9): drawing, head, mouth; uint8 RGB."""
    order = np.argsort(samples.pairs.distance)
    columns = []
    for n in order[np.linspace(0, len(order) - 1, count).astype(int)]:
        sample = samples[int(n)]
        parts = oracle_drawings(sample, samples.capture.mouth_box, DrawingStyle())
        drawing = parts["drawing"][0].numpy()
        text = f"{samples.pairs.distance[n]:.0f} deg, strength {samples.pairs.strength[n]:.1f}"
        cv2.putText(drawing, text, (12, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 1, cv2.LINE_AA)
        pictures = [np.repeat(drawing[..., None], 3, axis=2), *sample.pictures()]
        columns.append(np.vstack([cv2.resize(p, (256, 256)) for p in pictures]))
    return np.hstack(columns)


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    """The head and the mouth picture of a pair."""
    head, mouth = (folder / kind / f"{index:06d}.jpg" for kind in KINDS)
    return head, mouth


def _write_picture(path: Path, picture: np.ndarray) -> None:
    # Not cv2.imwrite, which does not tell when the disk is full.
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), QUALITY)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise AvatarError(
            f"{path} could not be written ({error}): make room and start again."
        ) from error


def _read_pictures(folder: Path, index: int) -> Pictures:
    head, mouth = map(_read_picture, _paths(folder, index))
    return head, mouth


def _read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    if picture is None:
        raise AvatarError(f"{path} is damaged: delete it, and let the oracle draw it again.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _digest(oracle: Oracle) -> str:
    """What tells this oracle's weights from others."""
    digest = hashlib.sha256()
    for name, tensor in oracle.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _write_table(
    folder: Path, pairs: Pairs, keypoints: np.ndarray, facts: dict[str, Any]
) -> None:
    arrays = {key: np.ascontiguousarray(v) for key, v in vars(pairs).items() if key != "takes"}
    metadata = {"takes": json.dumps(pairs.takes), "facts": json.dumps(facts)}
    with replacing(folder / TABLE) as temporary:
        save_file(arrays | {"keypoints": keypoints}, temporary, metadata)


def _read_table(folder: Path) -> tuple[Pairs, np.ndarray, dict[str, Any]]:
    """Pairs, mashed keypoints (N, 68, 2), and where they came from."""
    try:
        with safe_open(folder / TABLE, framework="numpy") as file:
            metadata = file.metadata()
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        keypoints = arrays.pop("keypoints")
        pairs = Pairs(tuple(json.loads(metadata["takes"])), **arrays)
        return pairs, keypoints, json.loads(metadata["facts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AvatarError(
            f"{folder / TABLE} is missing or damaged: delete the folder to draw pairs anew."
        ) from error
