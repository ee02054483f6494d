import numpy as np
import pytest
from fake_engine import PlainEngine

from avatar.face.clip import Clip
from avatar.face.drawing import DrawingStyle
from avatar.render import latents
from avatar.render.latents import encoded

STYLE = DrawingStyle()


class Counter(PlainEngine):
    """Counts what it encodes."""

    def __init__(self) -> None:
        self.count = 0

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        self.count += len(drawings)
        return drawings


def test_each_frame_is_encoded_once(clip: Clip) -> None:
    engine = Counter()
    for frames in ([0, 1, 2], [2, 1, 0], [2, 3]):
        for drawing, frame in zip(encoded(engine, clip, STYLE, frames), frames, strict=True):
            np.testing.assert_array_equal(drawing, clip.drawing(frame, STYLE))
    assert engine.count == 4


def test_engines_styles_and_clips_are_told_apart(clip: Clip) -> None:
    engine, thick = Counter(), DrawingStyle(line_width=5)
    encoded(engine, clip, STYLE, [0])
    assert (encoded(engine, clip, thick, [0])[0] == clip.drawing(0, thick)).all()
    other = Clip(clip.name, clip.fps, clip.keypoints + 9, clip.irises, clip.pose, clip.contour)
    assert (encoded(engine, other, STYLE, [0])[0] == other.drawing(0, STYLE)).all()
    second = Counter()
    encoded(second, clip, STYLE, [0])
    assert engine.count == 3 and second.count == 1


def test_memory_is_bounded(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "KEPT", 2)
    engine = Counter()
    for frame in (0, 1, 2, 2, 1, 0):
        encoded(engine, clip, STYLE, [frame])
    assert engine.count == 4  # 1 and 2 were still there
