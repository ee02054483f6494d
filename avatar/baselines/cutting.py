"""Cut and paste, without any network: filmed heads with filmed mouths.

Both baselines see the pictures of the train takes, their keypoints and what is said in them, and of
the take that is shown its head motion. Each frame is the train picture whose head is turned most
alike; a frozen mouth, or the mouth of the train frame that says what is to be said, is pasted in.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache

import numpy as np

from ..capture.layout import Capture, Take
from ..errors import CaptureError
from ..face.keypoints import MOUTH
from ..face.patch import paste_mouth
from ..face.pose import middle_pose
from ..face.space import FaceSpace
from ..metrics import views as choose
from ..speech.speech import Speech
from ..speech.visemes import SILENCE, windows
from ..training.dataset import take_features, train_takes

WINDOW = 6
"""Frames of visemes that are compared, as many as the renderer sees."""
POSE = 0.02
"""What a pixel between two heads costs beside a unit of the visemes' distance."""
JUMP = 0.05
"""What a pixel between the lips of successive frames costs."""


class TrainFrames:
    """The pictures of a capture's train takes and all that is known of them."""

    def __init__(self, capture: Capture):
        """Look at what is at hand.

        Raises:
            CaptureError: if no train take has a picture.
        """
        self.capture = capture
        self.views = choose.rendered(train_takes(capture))
        if not self.views:
            raise CaptureError(f"The capture {capture.folder} has no rendered train frame.")
        pose = choose.poses(self.views)
        self.space = FaceSpace(capture.geometry, middle_pose(pose))
        self.heads = self.space.head(pose)
        """(N, 6); a distance of 1 is 1 px."""
        self.lips = self._lips(choose.faces(self.views))
        """(N, 60) px, the pose taken away."""
        self.keypoints = np.stack([t.arrays["landmarks2d"][f] for t, f in self.views])

    @cached_property
    def said(self) -> np.ndarray:
        """(N, WINDOW * 34): what is said around each frame."""
        takes = {take for take, _ in self.views}
        around = {take: spoken(take_features(take)) for take in takes}
        return np.stack([around[take][frame] for take, frame in self.views])

    @property
    def rest(self) -> int:
        """The frame with the most restful lips and, where several are alike, the straightest
        head."""
        lips = distances(self._lips(self.capture.geometry.canonical[None]), self.lips)[0]
        head = np.linalg.norm(self.heads, axis=1)
        return int(np.argmin(lips + POSE * head))

    def nearest_heads(self, pose: np.ndarray) -> np.ndarray:
        """(T,) frames whose heads are nearest to poses (T, 4, 4)."""
        return distances(self.space.head(pose), self.heads).argmin(axis=1)

    @lru_cache(maxsize=64)  # noqa: B019 - there is one of it, as long as the table takes
    def picture(self, index: int) -> np.ndarray:
        """(512, 512, 3) uint8 RGB.

        Raises:
            CaptureError: if it is damaged.
        """
        take, frame = self.views[index]
        return take.head_over_background(frame)

    def pasted(self, head: int, mouth: int) -> np.ndarray:
        """The head of one frame with the mouth of another, (512, 512, 3) uint8 RGB."""
        return paste_mouth(
            self.picture(head), self.keypoints[head], self.picture(mouth), self.keypoints[mouth]
        )

    def _lips(self, faces: np.ndarray) -> np.ndarray:
        """Faces (N, 68, 3) metres to lips (N, 60), of which a distance of 1 is 1 px (root mean
        square over the points)."""
        lips = faces[:, list(MOUTH)].reshape(len(faces), -1)
        return lips * (self.space.scale / np.sqrt(len(MOUTH)))


class FrozenMouth:
    """A mouth at rest, the same picture throughout."""

    name, engine = "frozen mouth", None
    sees = "head motion"

    def __init__(self, train: TrainFrames):
        self.train = train

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """See ``Method``."""
        rest = self.train.rest
        for head in self.train.nearest_heads(_poses(take, speech)):
            yield self.train.pasted(head, rest)

    def one_frame(self, take: Take, speech: Speech) -> None:
        """There is no network."""


class NearestViseme:
    """For each frame a filmed mouth that said the same, in a head turned alike, without jumps.

    The path through the train frames is the cheapest one through the whole take.
    """

    name, engine = "nearest viseme", None
    sees = "head motion, the whole take's sound at once"

    def __init__(self, train: TrainFrames):
        self.train = train

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """See ``Method``."""
        pose = _poses(take, speech)
        heads = self.train.nearest_heads(pose)
        said = spoken(speech.track.values)[: len(pose)]
        for head, mouth in zip(heads, self.mouths(said, pose), strict=True):
            yield self.train.pasted(head, mouth)

    def one_frame(self, take: Take, speech: Speech) -> None:
        """There is no network."""

    def mouths(self, said: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(T,) train frames for windows (T, WINDOW * 34) over poses (T, 4, 4)."""
        train = self.train
        cost = distances(said, train.said)
        cost += POSE * distances(train.space.head(pose), train.heads)
        return cheapest_path(cost, JUMP * distances(train.lips, train.lips))


def cheapest_path(cost: np.ndarray, jump: np.ndarray) -> np.ndarray:
    """One choice a step that costs least in sum (Viterbi).

    Args:
        cost: (T, N) of each choice at each step.
        jump: (N, N) from one choice to the next.

    Returns:
        (T,) int.
    """
    came_from = np.empty(cost.shape, np.int32)
    total = np.zeros(cost.shape[1])
    for step, here in enumerate(cost):
        ways = total[:, None] + (jump if step else 0)
        came_from[step] = ways.argmin(axis=0)
        total = ways.min(axis=0) + here
    path = np.empty(len(cost), int)
    path[-1] = total.argmin()
    for step in range(len(cost) - 1, 0, -1):
        path[step - 1] = came_from[step, path[step]]
    return path


def spoken(values: np.ndarray) -> np.ndarray:
    """Features (T, 34) to what is said around each frame, (T, WINDOW * 34)."""
    return windows(values, WINDOW, SILENCE).reshape(len(values), -1)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of rows (T, D) and (N, D): (T, N)."""
    return np.sqrt(np.maximum(
        np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T, 0
    ))  # fmt: skip


def _poses(take: Take, speech: Speech) -> np.ndarray:
    """(T, 4, 4), as long as both sound and motion last."""
    return take.pose[: len(speech.track.values)]
