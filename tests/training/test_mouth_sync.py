"""Training the judge of mouths, on mouths that open with the loudness of noise."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from avatar.errors import CaptureError
from avatar.metrics.mouth_sync import MouthSync, mouth_shape, normal_mouth
from avatar.metrics.mouth_sync_accuracy import HELD_OUT, take_clips
from avatar.training.mouth_sync import (
    MouthSyncTraining,
    save,
    train,
    varied_mouth,
    varied_voice,
)

SHORT = MouthSyncTraining(steps=30, batch=8, voices=1, frames=60, windows=(25,), head=1.0)


def take(name: str, seed: int, frames: int = 300) -> SimpleNamespace:
    """A face whose lower lip follows the loudness of a noise."""
    random = np.random.default_rng(seed)
    loudness = np.abs(gaussian_filter1d(random.normal(size=frames), 1.5))
    face = np.zeros((frames, 68, 3), np.float32)
    face[:, 36, 0], face[:, 45, 0] = -0.04, 0.04
    face[:, 48:, 0] = 0.02 * np.cos(np.arange(20))
    face[:, 54:60, 2] = -0.03 * loudness[:, None]
    sound = random.normal(size=frames * 640) * np.repeat(loudness, 640) * 0.2
    return SimpleNamespace(
        name=name, held_out=name.startswith("test"), sound=np.float32(sound),
        arrays={"landmarks3d_canonical": face},
    )  # fmt: skip


@pytest.fixture(scope="module")
def capture() -> SimpleNamespace:
    takes = [take(f"train_{i:02}", i) for i in range(3)] + [take("test_a", 99)]
    return SimpleNamespace(takes=takes, listening=set(), subject="noise", folder="nowhere")


def test_it_learns_what_goes_together_and_when(capture, tmp_path) -> None:
    path = tmp_path / "mouth_sync.safetensors"
    save(path, train(capture, SHORT), {"subject": "noise", "accuracy": "{}"})
    judge, unseen = MouthSync(path), capture.takes[-1]
    canonical = unseen.arrays["landmarks3d_canonical"]
    assert judge.subject == "noise" and not judge.general
    assert judge.score(canonical, unseen.sound).offset_frames == 0
    assert judge.score(canonical[:-5], unseen.sound[5 * 640 :]).offset_frames == 5
    assert judge.score(canonical[5:], unseen.sound).offset_frames == -5


def test_the_same_every_time(capture) -> None:
    few = replace(SHORT, steps=2)
    once, again = (train(capture, few).state_dict() for _ in range(2))
    assert all(torch.equal(once[key], again[key]) for key in once)


def test_what_is_held_out_is_not_trained_on(capture) -> None:
    others = replace_takes(capture, [take(HELD_OUT[0], 1), take("test_b", 2), take("listen", 3)])
    others.listening = {"listen"}
    with pytest.raises(CaptureError, match="no take to train on"):
        train(others, SHORT)
    kept = [*capture.takes, take(HELD_OUT[0], 5)]
    seen, more = train(capture, replace(SHORT, steps=1)), replace_takes(capture, kept)
    same = train(more, replace(SHORT, steps=1))
    assert torch.equal(seen.sharpness, same.sharpness)
    assert torch.equal(seen.mouth[0].weight, same.mouth[0].weight)


def replace_takes(capture: SimpleNamespace, takes: list) -> SimpleNamespace:
    return SimpleNamespace(**vars(capture) | {"takes": takes})


def test_variations_keep_mouth_and_sound_together(capture) -> None:
    random = np.random.default_rng(0)
    bands, mouth = varied_voice(capture.takes[0], SHORT, random)
    assert len(bands) == len(mouth) and bands.shape[1:] == (96,) and mouth.shape[1:] == (7,)
    seconds = len(mouth) / 25
    assert 12 / SHORT.fastest - 0.1 < seconds < 12 / SHORT.slowest + 0.1
    loud = bands.mean(axis=1)
    assert np.corrcoef(loud, mouth[:, 1])[0, 1] > 0.5
    shape = mouth_shape(capture.takes[0].arrays["landmarks3d_canonical"])
    varied = varied_mouth(shape, random)
    assert np.isfinite(normal_mouth(varied)).all()
    assert np.corrcoef(varied[:, 1], shape[:, 1])[0, 1] > 0.5


def test_takes_are_cut_into_clips_of_three_seconds(capture) -> None:
    clips = list(take_clips(capture.takes[:1]))
    assert len(clips) == 4
    assert all(mouth.shape == (75, 7) and sound.shape == (48_000,) for mouth, sound in clips)
