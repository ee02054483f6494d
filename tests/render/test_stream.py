import numpy as np
import pytest
from fake_engine import PlainEngine

from avatar.face.clip import Clip
from avatar.identity import IdentityConfig
from avatar.render.stream import render_frames
from avatar.speech.visemes import SILENCE, windows


class FakeEngine(PlainEngine):
    """Writes what it was shown into the pictures: lit pixels of the drawing, first feature."""

    name, batch = "fake", 4

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.windows: list[np.ndarray] = []

    def __call__(self, drawings: np.ndarray, seen: np.ndarray) -> np.ndarray:
        self.sizes.append(len(drawings))
        self.windows += list(seen)
        pictures = np.zeros((*drawings.shape, 3), np.uint8)
        pictures[..., 0] = drawings
        return pictures


def track(frames: int) -> np.ndarray:
    values = np.zeros((frames, len(SILENCE)), np.float32)
    values[:, 1] = np.arange(1, frames + 1)
    return values


def test_a_frame_sees_three_back_and_two_ahead_and_silence_outside() -> None:
    values = track(10)
    np.testing.assert_array_equal(windows(values)[5], values[2:8])
    first, last = windows(values)[0], windows(values)[9]
    np.testing.assert_array_equal(first, np.stack([SILENCE] * 3 + list(values[:3])))
    np.testing.assert_array_equal(last, np.stack(list(values[6:]) + [SILENCE] * 2))


@pytest.mark.parametrize("frames", [1, 2, 5, 7, 23])
def test_batches_see_what_single_frames_see(clip: Clip, frames: int) -> None:
    engine, values, config = FakeEngine(), track(frames), IdentityConfig("x")
    pictures = list(render_frames(engine, clip, config, values))
    assert len(pictures) == frames and sum(engine.sizes) == frames
    assert engine.sizes[0] == 1 and max(engine.sizes) <= engine.batch
    np.testing.assert_array_equal(engine.windows, windows(values))
    for picture, pose in zip(pictures, clip.frame_indices(frames), strict=True):
        np.testing.assert_array_equal(picture[..., 0], clip.drawing(pose, config.style))


def test_nothing_is_rendered_ahead_of_need(clip: Clip) -> None:
    engine = FakeEngine()
    frames = render_frames(engine, clip, IdentityConfig("x"), track(100_000))
    next(frames)
    assert engine.sizes == [1]
    frames.close()
    assert engine.sizes == [1]
