from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from avatar.errors import ClipError
from avatar.face.clip import Clip


def test_loop_goes_forth_and_back_without_a_jump(clip):
    indices = list(clip.frame_indices(20))
    assert indices[:9] == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert max(abs(a - b) for a, b in zip(indices[:-1], indices[1:], strict=True)) == 1
    assert list(clip.frame_indices(5, start=7)) == indices[7:12]


def test_one_frame_repeats(clip):
    parts = {key: getattr(clip, key)[:1] for key in ("keypoints", "irises", "pose", "contour")}
    assert list(replace(clip, **parts).frame_indices(3)) == [0, 0, 0]


def test_round_trip(clip, tmp_path):
    clip = replace(clip, fps=Fraction(30000, 1001))
    clip.save(tmp_path / "drift.safetensors")
    read = Clip.load(tmp_path / "drift.safetensors")
    assert (read.name, read.fps) == (clip.name, clip.fps)
    assert np.array_equal(read.contour, clip.contour)
    assert [path.name for path in tmp_path.iterdir()] == ["drift.safetensors"]


def test_damaged_and_missing_files(clip, tmp_path):
    path = tmp_path / "drift.safetensors"
    with pytest.raises(ClipError, match="missing"):
        Clip.load(path)
    clip.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ClipError, match="damaged"):
        Clip.load(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(ClipError, match="damaged"):
        Clip.load(path)


def test_wrong_shapes_and_numbers(clip):
    with pytest.raises(ClipError, match="irises should be"):
        replace(clip, irises=clip.irises[:3])
    broken = clip.pose.copy()
    broken[2, 0, 0] = np.inf
    with pytest.raises(ClipError, match="pose holds NaN"):
        replace(clip, pose=broken)


def test_a_clip_may_know_what_was_said(clip, tmp_path):
    said = np.arange(10, dtype=np.float32).reshape(5, 2)
    replace(clip, features=said).save(tmp_path / "drift.safetensors")
    assert np.array_equal(Clip.load(tmp_path / "drift.safetensors").features, said)
    clip.save(tmp_path / "drift.safetensors")
    assert Clip.load(tmp_path / "drift.safetensors").features is None
    for wrong in (said[:4], said[..., None], said.astype(np.float64), np.zeros((5, 0), np.float32)):
        with pytest.raises(ClipError, match="features should be"):
            replace(clip, features=wrong)
    with pytest.raises(ClipError, match="features holds NaN"):
        replace(clip, features=np.full((5, 2), np.nan, np.float32))
