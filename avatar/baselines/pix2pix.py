"""NVP + Pix2Pix as the paper built it to compare with: sound to keypoints, keypoints to picture.

The sound's visemes become lips and jaw in the head's own frame, which are posed as the head is and
drawn into its line drawing; one image-to-image network turns the drawing into the picture.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..capture.layout import Take
from ..face.drawing import SIZE, draw_with_mouth
from ..face.mashing import MASHED
from ..face.pose import project
from ..nets.oracle import UNet
from ..nets.pixels import unit
from ..speech.speech import Speech
from ..speech.visemes import SILENCE, windows
from .method import OneFrame
from .store import Baselines

OPENVINO = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
"""As our renderer is run."""
BATCH = 4
"""Frames at a time, so that every core has its own."""
Draw = Callable[[np.ndarray], np.ndarray]
"""Drawings (B, 512, 512) uint8 to pictures (B, 512, 512, 3) uint8 RGB."""


class NvpPix2Pix:
    """The baseline: what is heard and the head's drawing go through a mouth made of lines."""

    name, sees = "NVP + Pix2Pix", "head motion"

    def __init__(self, baselines: Baselines, engine: str):
        """Take the trained networks, and what our renderer runs on, to run on the same: PyTorch,
        or OpenVINO."""
        self.points = baselines.mouth_points
        self.engine = engine if engine.startswith("torch") else "openvino"
        runs = _openvino if self.engine == "openvino" else _torch
        self.draw = runs(baselines.pix2pix)

    def frames(self, take: Take, speech: Speech) -> Iterator[np.ndarray]:
        """See ``Method``."""
        irises, contour = take.arrays["iris2d"], take.arrays["contour"]
        mouths = self.mouths(speech.track.values[: len(take.pose)])
        for start in range(0, len(mouths), BATCH):
            drawings = [
                draw_with_mouth(posed(points, take, frame), irises[frame], contour[frame])
                for frame, points in enumerate(mouths[start : start + BATCH], start)
            ]
            yield from self.draw(np.stack(drawings))

    def one_frame(self, take: Take, speech: Speech) -> OneFrame:
        """See ``Method``."""
        blank, said = np.zeros((1, SIZE, SIZE), np.uint8), speech.track.values[:1]
        return lambda: (self.mouths(said), self.draw(blank))

    @torch.inference_mode()
    def mouths(self, values: np.ndarray) -> np.ndarray:
        """Features (T, 34) to jaw and lips (T, 37, 3), metres in the head's own frame."""
        said = windows(values, self.points.config.window, SILENCE)
        return self.points(torch.from_numpy(said.copy())).numpy()


def posed(points: np.ndarray, take: Take, frame: int) -> np.ndarray:
    """A frame's keypoints with another mouth and jaw.

    Args:
        points: (37, 3) metres, jaw and mouth in the head's own frame.
        take: whose head it is.
        frame: when; its own mouth and jaw are not looked at.

    Returns:
        (68, 2) float32 px.
    """
    geometry, keypoints = take.capture.geometry, take.arrays["landmarks2d"][frame].copy()
    camera = geometry.camera, geometry.perspective
    keypoints[list(MASHED)] = project(points, take.pose[frame], *camera)
    return keypoints


class _Painter(nn.Module):
    """Drawings (B, 512, 512) uint8 to pictures (B, 512, 512, 3) uint8."""

    def __init__(self, network: UNet):
        super().__init__()
        self.network = network

    def forward(self, drawings: Tensor) -> Tensor:
        lines = (unit(drawings)[:, None] * 2 - 1).expand(-1, 3, -1, -1)
        levels = self.network(lines).add(1).mul(127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).permute(0, 2, 3, 1)


def _torch(network: UNet) -> Draw:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    painter = _Painter(network).to(device)

    @torch.inference_mode()
    def draw(drawings: np.ndarray) -> np.ndarray:
        return painter(torch.from_numpy(drawings).to(device)).cpu().numpy()

    return draw


def _openvino(network: UNet) -> Draw:
    import openvino as ov

    example = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
    with warnings.catch_warnings():  # tracing warns of what is meant: all shapes are fixed
        warnings.simplefilter("ignore")
        model = ov.convert_model(_Painter(network), example_input=example, input=[(1, SIZE, SIZE)])
    queue = ov.AsyncInferQueue(ov.Core().compile_model(model, "CPU", OPENVINO))
    queue.set_callback(_keep_picture)

    def draw(drawings: np.ndarray) -> np.ndarray:
        pictures = np.empty((*drawings.shape, 3), np.uint8)
        for i in range(len(drawings)):
            queue.start_async({0: drawings[i : i + 1]}, (pictures, i))
        queue.wait_all()
        return pictures

    return draw


def _keep_picture(request: Any, place: tuple[np.ndarray, int]) -> None:
    pictures, i = place
    pictures[i] = request.get_output_tensor().data[0]
