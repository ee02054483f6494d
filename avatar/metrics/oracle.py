"""Oracles beside the truth: does a mouth drawn first, at full size, come out sharper (Fig. 3)?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..capture.layout import Capture
from ..face.drawing import DrawingStyle, draw_mouth_box, draw_with_mouth
from ..nets.oracle import Oracle
from ..nets.pixels import to_bytes, unit
from . import views as choose
from .image import ImageScore, crop, sharpness

Draw = Callable[[Tensor, Tensor], Tensor]
"""Drawings of head and magnified mouth, (1, 1, 512, 512) in [0, 1] each, to the head
(1, 3, 512, 512) or the mouth box (1, 3, h, w), in [-1, 1]."""


@dataclass(frozen=True)
class OracleScore:
    """How near an oracle's mouths come to true ones on held-out takes (Fig. 3)."""

    frames: int
    mouth_psnr: float
    """dB in the mouth box."""
    mouth_ssim: float
    sharpness: float
    """Of the mouth box, over that of the truth: below 1 is blurrier."""


@torch.inference_mode()
def score_oracle(oracle: Draw, capture: Capture) -> OracleScore:
    """Let an oracle draw held-out frames.

    Args:
        oracle: what draws.
        capture: whose held-out takes are drawn.
    """
    box, score, ratios = capture.mouth_box, ImageScore(), []
    views = choose.rendered(choose.held_out(capture))
    for (take, frame), picture in zip(*choose.true_pictures(views), strict=True):
        parts = [take.arrays[key][frame] for key in ("landmarks2d", "iris2d", "contour")]
        style = DrawingStyle()
        drawings = draw_with_mouth(*parts, style), draw_mouth_box(*parts, box, style)
        made = oracle(*(unit(torch.from_numpy(drawing)[None, None]) for drawing in drawings))[0]
        drawn = to_bytes(made).numpy()
        if drawn.shape[1::-1] != box[2:]:
            drawn = crop(drawn, box)
        true = crop(picture, box)
        score.add(drawn, true)
        ratios.append(sharpness(drawn) / sharpness(true))
    return OracleScore(score.frames, score.psnr, score.ssim, float(np.mean(ratios)))


def hierarchy(oracle: Oracle) -> Draw:
    """Mouth first, then the head around it: the paper's oracle."""
    return lambda *drawings: oracle(*drawings)[0]


def shrunk_mouth(oracle: Oracle) -> Draw:
    """The mouth network alone, its 512 px picture shrunk to the mouth box."""
    _, _, width, height = oracle.config.mouth_box

    def draw(_: Tensor, mouth_drawing: Tensor) -> Tensor:
        mouth = oracle.mouth(mouth_drawing)
        return F.interpolate(mouth, (height, width), mode="area")

    return draw
