from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_engine import QuickEngine
from masher import OPEN, make_masher

from avatar.errors import AvatarError, BundleError, ClipError
from avatar.face.drawing import draw_with_mouth
from avatar.identity import Identity, load_identity
from avatar.render.engine import make_engine
from avatar.render.mashing import Frame, look, mash_pictures, sheet


@pytest.fixture(scope="module")
def mira(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return load_identity(make_masher(tmp_path_factory.mktemp("masher") / "mira"))


@pytest.fixture(scope="module")
def engine(mira: Identity):
    return make_engine(mira, "torch")


def test_every_picture_of_a_mash(mira, engine):
    i, j = Frame.of(mira, "lively", OPEN), Frame.of(mira, "still", 7)
    pictures = mash_pictures(mira, engine, i, j)
    assert np.array_equal(pictures.drawing_i, draw_with_mouth(*i.parts, mira.config.style))
    assert np.array_equal(pictures.drawing_j, draw_with_mouth(*j.parts, mira.config.style))
    parts = pictures.mash.keypoints, *j.parts[1:]
    assert np.array_equal(pictures.drawing, draw_with_mouth(*parts, mira.config.style))
    for picture in (pictures.mouth, pictures.head, pictures.rendered):
        assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8
    assert pictures.mash.distance > 0
    assert sheet(pictures).shape == (2 * 552, 3 * 512, 3)


def test_the_renderer_says_what_frame_i_said_on_the_head_of_frame_j(mira, engine):
    """The lips are not those of frame j any more, and what changes, changes around them."""
    spoken, silent = (Frame.of(mira, "still", index) for index in (OPEN, 7))
    assert spoken.window(mira)[3, 21] == 1 and silent.window(mira)[3, 21] == 0
    mashed = mash_pictures(mira, engine, spoken, silent).rendered
    weak = mash_pictures(mira, engine, spoken, silent, strength=0).rendered
    closed = look(mira, engine, silent)
    assert np.array_equal(weak, closed)
    x, y, w, h = mira.config.network.mouth_box
    changed = np.abs(mashed.astype(int) - closed).mean(axis=2)
    inside = changed[y + 40 : y + 150, x + 40 : x + 150].mean()
    changed[y : y + h, x : x + w] = 0
    assert inside > 3 and inside > 5 * changed.mean()


def test_strength_and_distance(mira):
    frames = Frame.of(mira, "lively", OPEN), Frame.of(mira, "listening", 90)
    quick = QuickEngine()
    full, none = (mash_pictures(mira, quick, *frames, strength=s).mash for s in (1, 0))
    assert not np.allclose(full.keypoints, none.keypoints) and full.distance == none.distance
    with pytest.raises(ClipError, match="more than the 0.1 allowed"):
        mash_pictures(mira, quick, *frames, max_distance=0.1)
    with pytest.raises(AvatarError, match="between 0 and 2"):
        mash_pictures(mira, quick, *frames, strength=3)


@pytest.mark.parametrize("index", [-1, 375])
def test_frames_that_are_not_there(mira, index):
    with pytest.raises(ClipError, match="frames 0 to 374"):
        Frame.of(mira, "still", index)
    with pytest.raises(ClipError, match="there are: gentle"):
        Frame.of(mira, "dance", 0)


def test_a_clip_that_does_not_know_what_was_said(mira):
    silent = replace(mira.clip("still"), features=None)
    frame = Frame(silent, 5)
    drawing = look(mira, QuickEngine(), frame)
    assert np.array_equal(drawing[..., 0], draw_with_mouth(*frame.parts, mira.config.style))
    pictures = mash_pictures(mira, QuickEngine(), frame, frame)
    assert pictures.rendered is None and sheet(pictures).shape == (2 * 552, 3 * 512, 3)


def test_features_of_another_kind_are_refused(mira):
    frame = Frame(replace(mira.clip("still"), features=np.zeros((375, 768), np.float32)), 5)
    with pytest.raises(ClipError, match="768 features a frame, its identity 34"):
        look(mira, QuickEngine(), frame)


def test_without_an_oracle_one_sentence_says_what_is_missing(mira, tmp_path: Path):
    plain = replace(mira, folder=tmp_path)
    frame = Frame.of(mira, "still", 0)
    with pytest.raises(BundleError, match=r"no oracle \(oracle\.safetensors"):
        mash_pictures(plain, QuickEngine(), frame, frame)
