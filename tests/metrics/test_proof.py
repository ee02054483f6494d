from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from fake_engine import QuickEngine

from avatar.errors import AvatarError
from avatar.identity import Identity, load_identity
from avatar.metrics.proof import HEIGHT, WIDTH, Proof, panels, prove
from avatar.render.engine import make_engine
from avatar.speech.speech import Speech


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def speech(mira: Identity) -> Speech:
    return Speech.from_text("Oh.", mira.config.fps)


def finish(steps) -> tuple[list, Proof]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_five_pictures_and_their_curves_in_one_video(mira, speech, tmp_path: Path):
    seen, proof = finish(prove(mira, make_engine(mira), speech, tmp_path / "proof.mp4"))
    assert [step.done for step in seen] == list(range(1, len(speech.track) + 1))
    assert seen[-1].frame.shape == (HEIGHT, WIDTH, 3)
    frames = iio.imread(proof.video.path)
    assert frames.shape == (len(speech.track), HEIGHT, WIDTH, 3)
    assert 0 <= proof.spread_px < 8 and 2 < proof.silence_px < 12 and 0 < proof.reader_px < 1
    assert (proof.rest_px is None) == (mira.config.geometry is None)
    # The curves grow with the video: at first the right half of the plot is empty.
    half = np.s_[345:520, WIDTH // 2 + 20 : WIDTH - 40]
    drawn = [np.abs(step.frame[half].astype(int) - (246, 247, 248)).max(axis=2) > 60
             for step in (seen[0], seen[-1])]  # fmt: skip
    assert drawn[1].sum() > drawn[0].sum() + 500


def test_few_clips_are_shown_from_other_beginnings(mira):
    still = mira.clip("still")
    shown = panels(replace(mira, clips={"still": still}))
    assert [panel.name for panel in shown] == [
        "still", "still 2", "still 3", "still 4", "silence, still"
    ]  # fmt: skip
    assert len({panel.start for panel in shown[:4]}) == 4
    assert [panel.silent for panel in shown] == [False] * 4 + [True]


def test_silence_is_shown_over_the_motion_that_speaks_most(mira):
    assert [panel.name for panel in panels(mira)][-1] == "silence, lively"


def test_what_is_broken_off_leaves_nothing(mira, speech, tmp_path: Path):
    steps = prove(mira, QuickEngine(), speech, tmp_path / "proof.mp4")
    next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AvatarError, match="does not exist"):
        next(prove(mira, QuickEngine(), speech, tmp_path / "no" / "proof.mp4"))
