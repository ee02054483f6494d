"""The face in a picture: 68 keypoints, irises, the mesh behind them; who stands before what; hands.

MediaPipe 0.10.21 finds them; its models come inside its wheel.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

CHATTER = (b"I0000", b"W0000", b"INFO: ", b"WARNING: All log messages")
"""How the lines begin that MediaPipe writes at its start."""
_HUSHING = threading.Lock()
MESH = 478
"""Points of MediaPipe's mesh, irises included."""
IRISES = (468, 473)
"""Centres of the irises in the mesh, image left first."""

# The mesh has other points than iBUG-68, and Mira's are vertices of a third mesh. Each keypoint is
# the weighted mean of up to three mesh points: the non-negative weights that come nearest to Mira's
# own keypoints on 185 rendered train frames and their mirror images (mean error 1.0 px at the eyes,
# 1.6 px at the mouth, 2.7 px at the jaw on test_a, against up to 10 px for single mesh points).
KEYPOINTS: tuple[tuple[tuple[int, float], ...], ...] = (
    ((234, 0.88), (127, 0.12)),
    ((227, 0.48), (177, 0.40), (132, 0.12)),
    ((132, 0.79), (137, 0.03), (177, 0.18)),
    ((58, 0.72), (132, 0.28)),
    ((58, 0.63), (136, 0.37)),
    ((172, 0.51), (150, 0.49)),
    ((149, 0.82), (150, 0.18)),
    ((176, 0.56), (148, 0.44)),
    ((152, 1.00),),
    ((400, 0.56), (377, 0.44)),
    ((378, 0.82), (379, 0.18)),
    ((397, 0.51), (379, 0.49)),
    ((288, 0.63), (365, 0.37)),
    ((288, 0.72), (361, 0.28)),
    ((361, 0.79), (366, 0.03), (401, 0.18)),
    ((447, 0.48), (401, 0.40), (361, 0.12)),
    ((454, 0.88), (356, 0.12)),
    ((71, 0.29), (53, 0.48), (46, 0.24)),
    ((68, 0.40), (52, 0.30), (53, 0.31)),
    ((65, 0.57), (224, 0.28), (69, 0.14)),
    ((107, 0.41), (52, 0.40), (55, 0.19)),
    ((55, 0.53), (9, 0.16), (66, 0.31)),
    ((285, 0.53), (9, 0.16), (296, 0.31)),
    ((336, 0.41), (282, 0.40), (285, 0.19)),
    ((295, 0.57), (444, 0.28), (299, 0.14)),
    ((298, 0.40), (282, 0.30), (283, 0.31)),
    ((301, 0.29), (283, 0.48), (276, 0.24)),
    ((417, 0.38), (193, 0.38), (197, 0.24)),
    ((195, 0.41), (465, 0.29), (245, 0.29)),
    ((236, 0.45), (456, 0.33), (281, 0.22)),
    ((275, 0.50), (45, 0.50)),
    ((75, 0.56), (129, 0.30), (98, 0.14)),
    ((97, 0.72), (75, 0.19), (60, 0.09)),
    ((2, 0.66), (250, 0.17), (20, 0.17)),
    ((326, 0.72), (305, 0.19), (290, 0.09)),
    ((305, 0.56), (358, 0.30), (327, 0.14)),
    ((31, 0.28), (30, 0.34), (163, 0.38)),
    ((159, 0.59), (160, 0.38), (29, 0.03)),
    ((158, 0.78), (157, 0.22)),
    ((26, 0.57), (190, 0.36), (469, 0.07)),
    ((145, 0.52), (155, 0.34), (230, 0.14)),
    ((144, 0.48), (145, 0.37), (229, 0.15)),
    ((256, 0.57), (414, 0.36), (476, 0.07)),
    ((385, 0.78), (384, 0.22)),
    ((386, 0.59), (387, 0.38), (259, 0.03)),
    ((261, 0.28), (260, 0.34), (390, 0.38)),
    ((373, 0.48), (374, 0.37), (449, 0.15)),
    ((374, 0.52), (382, 0.34), (450, 0.14)),
    ((61, 0.84), (185, 0.12), (146, 0.04)),
    ((39, 0.87), (73, 0.07), (165, 0.06)),
    ((37, 0.51), (0, 0.27), (39, 0.22)),
    ((0, 0.77), (11, 0.20), (164, 0.04)),
    ((267, 0.51), (0, 0.27), (269, 0.22)),
    ((269, 0.87), (303, 0.07), (391, 0.06)),
    ((291, 0.84), (409, 0.12), (375, 0.04)),
    ((314, 0.07), (405, 0.93)),
    ((314, 0.88), (15, 0.10), (317, 0.02)),
    ((17, 1.00),),
    ((84, 0.88), (15, 0.10), (87, 0.02)),
    ((84, 0.07), (181, 0.93)),
    ((95, 0.72), (61, 0.18), (185, 0.10)),
    ((81, 0.87), (38, 0.08), (89, 0.06)),
    ((13, 1.00),),
    ((311, 0.87), (268, 0.08), (319, 0.06)),
    ((324, 0.72), (291, 0.18), (409, 0.10)),
    ((402, 0.83), (268, 0.09), (271, 0.08)),
    ((87, 0.44), (317, 0.44), (15, 0.12)),
    ((178, 0.83), (38, 0.09), (41, 0.08)),
)


def _weights() -> np.ndarray:
    """KEYPOINTS as a matrix (68, 478)."""
    matrix = np.zeros((len(KEYPOINTS), MESH), np.float32)
    for row, parts in zip(matrix, KEYPOINTS, strict=True):
        for vertex, weight in parts:
            row[vertex] = weight
    return matrix / matrix.sum(axis=1, keepdims=True)


WEIGHTS = _weights()
"""(68, 478) float32: ``WEIGHTS @ mesh`` are the keypoints."""


@dataclass(frozen=True)
class Face:
    """A face in a picture."""

    mesh: np.ndarray
    """(478, 3) float32 px, x right, y down; z in px too, smaller is nearer."""

    @property
    def keypoints(self) -> np.ndarray:
        """(68, 2) float32 px, iBUG-68."""
        return WEIGHTS @ self.mesh[:, :2]

    @property
    def irises(self) -> np.ndarray:
        """(2, 2) float32 px, image left first."""
        return self.mesh[list(IRISES), :2]

    @property
    def size(self) -> float:
        """Height or width of the face in px, whichever is more."""
        return float(np.ptp(self.mesh[:, :2], axis=0).max())


class _Solution:
    """A MediaPipe graph that is closed when the block ends."""

    def __init__(self, make: Callable[[], Any]):
        with _hushed():
            self._graph = make()
            # Its threads go on starting, and writing, until a first picture has gone through.
            self._graph.process(np.zeros((64, 64, 3), np.uint8))
        self._finds = 0

    def __enter__(self) -> "_Solution":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graph.close()

    def _process(self, frame: np.ndarray) -> Any:
        """What the graph finds in a picture (H, W, 3) uint8 RGB."""
        # Models are loaded when they are first needed: once something is found, all have been.
        with _hushed() if self._finds < 2 else nullcontext():
            result = self._graph.process(frame)
        self._finds += any(getattr(result, name) is not None for name in result._fields)
        return result


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep MediaPipe from telling users, whenever it starts, what it is made of.

    It writes straight to the process's stderr, and has no switch for that. All that others write
    meanwhile is passed on. One at a time: two at once would give back each other's.
    """
    with _HUSHING, tempfile.TemporaryFile() as told:
        sys.stderr.flush()
        true = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(true, 2)
            told.seek(0)
            for line in told:
                if not line.startswith(CHATTER):
                    os.write(true, line)
            os.close(true)


class FaceDetector(_Solution):
    """Finds faces and follows them from frame to frame, so it must see frames in order.

    Args:
        faces: most faces to find.
        still: look at each picture by itself.
    """

    def __init__(self, faces: int = 2, still: bool = False):
        from mediapipe.python.solutions.face_mesh import FaceMesh

        super().__init__(
            lambda: FaceMesh(static_image_mode=still, max_num_faces=faces, refine_landmarks=True)
        )

    def __call__(self, frame: np.ndarray) -> list[Face]:
        """Faces in a picture (H, W, 3) uint8 RGB, the largest first."""
        found = self._process(frame).multi_face_landmarks or []
        height, width = frame.shape[:2]
        # MediaPipe gives the depth in the unit of x.
        scale = np.array((width, height, width), np.float32)
        faces = [Face(_points(landmarks) * scale) for landmarks in found]
        return sorted(faces, key=lambda face: -face.size)


class Matter(_Solution):
    """Tells a person from what is behind them."""

    def __init__(self):
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        super().__init__(lambda: SelfieSegmentation(model_selection=0))

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """(H, W) float32 in 0..1, 1 where the person is, for a picture (H, W, 3) uint8 RGB."""
        return np.clip(self._process(frame).segmentation_mask, 0, 1)


class FaceFinder(_Solution):
    """Finds faces, also small ones that ``FaceDetector`` overlooks, but only where they are."""

    def __init__(self):
        from mediapipe.python.solutions.face_detection import FaceDetection

        super().__init__(lambda: FaceDetection(model_selection=1))

    def __call__(self, frame: np.ndarray) -> list[tuple[float, float, float]]:
        """Centre x, y and size in px of faces in a picture (H, W, 3) uint8 RGB, largest first."""
        found = self._process(frame).detections or []
        height, width = frame.shape[:2]
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        faces = [
            ((b.xmin + b.width / 2) * width, (b.ymin + b.height / 2) * height,
             max(b.width * width, b.height * height))
            for b in boxes
        ]  # fmt: skip
        return sorted(faces, key=lambda face: -face[2])


class HandDetector(_Solution):
    """Finds hands, to tell when one is before the mouth."""

    def __init__(self):
        from mediapipe.python.solutions.hands import Hands

        super().__init__(lambda: Hands(max_num_hands=2, model_complexity=0))

    def __call__(self, frame: np.ndarray) -> list[np.ndarray]:
        """(21, 2) float32 px of each hand in a picture (H, W, 3) uint8 RGB."""
        found = self._process(frame).multi_hand_landmarks or []
        height, width = frame.shape[:2]
        return [_points(hand)[:, :2] * np.array((width, height), np.float32) for hand in found]


def _points(landmarks: Any) -> np.ndarray:
    """(n, 3) float32 of MediaPipe's list, as shares of the picture."""
    return np.array([(p.x, p.y, p.z) for p in landmarks.landmark], np.float32)
