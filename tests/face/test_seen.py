from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from avatar.errors import BundleError, ClipError
from avatar.face.clip import Clip
from avatar.face.keypoints import EYES
from avatar.face.pose import pose_distance
from avatar.face.seen import MAX_DRAWINGS, SeenDrawings
from avatar.face.space import FEATURES
from avatar.identity import Identity, load_identity
from avatar.render.stretching import stretched

PARTS = {"head", "outline", *FEATURES}


@pytest.fixture(scope="module")
def mira() -> Identity:
    return load_identity("mira")


@pytest.fixture(scope="module")
def seen(mira: Identity) -> SeenDrawings:
    return mira.seen()


@pytest.fixture(scope="module")
def lively(mira: Identity) -> Clip:
    return mira.clip("lively")


def some(clip: Clip, frames: slice = slice(None, None, 25)) -> Clip:
    names = ("keypoints", "irises", "pose", "contour")
    return replace(clip, features=None, **{n: getattr(clip, n)[frames] for n in names})


def speed(points: np.ndarray) -> np.ndarray:
    """(T - 1, n) px a frame."""
    return np.linalg.norm(np.diff(points, axis=0), axis=-1)


def trembling(points: np.ndarray) -> float:
    """Root mean square of the second difference: how much speed changes."""
    return float(np.sqrt((np.diff(points, 2, axis=0) ** 2).sum(axis=-1).mean()))


def test_what_was_seen_stays_all_but_untouched(seen: SeenDrawings, mira: Identity) -> None:
    for clip in mira.clips.values():
        pulled = seen.pull(clip)
        assert pulled.px.max() < 1 and pulled.degrees.max() < 1.2 and not pulled.warning
        assert np.abs(pulled.clip.irises - clip.irises).max() < 1
        assert pulled.clip.features is clip.features


@pytest.mark.parametrize("name", ["lively", "gentle", "listening"])
def test_at_twice_the_trained_range_no_drawing_leaves_the_hull(
    seen: SeenDrawings, mira: Identity, name: str
) -> None:
    asked = stretched(mira.clip(name), seen, 2)
    pulled = seen.pull(asked)
    before, after = seen.distance(some(asked)), seen.distance(some(pulled.clip))
    assert set(after) == PARTS and before["head"].max() > 20 and before["outline"].max() > 4
    assert all(px.max() < 0.3 for px in after.values())
    widest = pose_distance(seen.pose, seen.space.middle).max()
    assert pose_distance(asked.pose, seen.space.middle).max() > 1.8 * widest
    assert pose_distance(pulled.clip.pose, seen.space.middle).max() < 1.2 * widest
    assert f"in {pulled.far.sum()} of 375 frames, by up to {pulled.px.max():.1f} px and" in (
        pulled.warning
    )


def test_the_pull_is_smooth_in_time(seen: SeenDrawings, lively: Clip) -> None:
    """Head, outline and eyes move and tremble less than before; nothing jumps."""
    asked = stretched(lively, seen, 2)
    pulled = seen.pull(asked).clip
    for before, after in (
        (asked.keypoints[:, 27:36], pulled.keypoints[:, 27:36]),
        (asked.keypoints[:, list(EYES)], pulled.keypoints[:, list(EYES)]),
        (asked.contour, pulled.contour),
    ):
        assert speed(after).mean() < 0.8 * speed(before).mean()
        assert speed(after).max() < 1.1 * speed(before).max()
        assert trembling(after) < trembling(before)


def test_the_pull_sets_in_by_degrees(seen: SeenDrawings, lively: Clip) -> None:
    """A little more motion asked for is never much more motion given."""
    frame = slice(30, 60, 10)
    times = np.arange(0.5, 1.5, 0.05)
    heads = np.stack([seen.pull(some(stretched(lively, seen, t), frame)).clip.pose for t in times])
    steps = pose_distance(heads[1:], heads[:-1])
    assert steps.max() < 2.5 * 0.05 * pose_distance(seen.pose, seen.space.middle).max()


def test_faces_that_were_never_made_are_pulled_part_by_part(
    seen: SeenDrawings, lively: Clip
) -> None:
    """Brows above the hair, a nose of clay and squinting eyes do not turn the head."""
    random = np.random.default_rng(0)
    keypoints = lively.keypoints + random.normal(0, 8, (1, 68, 2)).astype(np.float32)
    irises = lively.irises + np.float32([(15, 0), (-15, 0)])
    pulled = seen.pull(replace(lively, keypoints=keypoints, irises=irises))
    assert "px" in pulled.warning and pulled.degrees.max() < 1.2
    after = seen.distance(some(pulled.clip))
    assert all(px.max() < 0.3 for px in after.values())


def test_blinks_survive_in_poses_in_which_none_was_seen(seen: SeenDrawings, lively: Clip) -> None:
    def opening(clip: Clip) -> np.ndarray:
        lids = clip.keypoints[:, [41, 40, 47, 46], 1] - clip.keypoints[:, [37, 38, 43, 44], 1]
        return lids.mean(axis=1)

    asked = stretched(lively, seen, 1.5)
    before, after = opening(asked), opening(seen.pull(asked).clip)
    assert after.min() < 2.5 and after.max() > 8 and np.corrcoef(before, after)[0, 1] > 0.97


def test_saved_drawings_are_those_of_before(seen: SeenDrawings, tmp_path: Path) -> None:
    path = tmp_path / "seen.safetensors"
    seen.save(path)
    again = SeenDrawings.load(path, seen.geometry)
    assert path.stat().st_size < 600_000 and len(again) == len(seen) <= MAX_DRAWINGS
    for name in ("keypoints", "irises", "contour", "pose"):
        assert np.abs(getattr(again, name) - getattr(seen, name)).max() < 1 / 100


def test_a_clip_whose_poses_are_none_is_refused(seen: SeenDrawings, lively: Clip) -> None:
    for pose in (np.zeros_like(lively.pose), -lively.pose, 3 * lively.pose):
        with pytest.raises(ClipError, match="pose that is none"):
            seen.pull(replace(lively, pose=pose))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: a.pop("pose"), "damaged"),
        (lambda a: a.update(pose=0 * a["pose"]), "a pose is none"),
        (lambda a: a.update(pose=a["pose"] * np.nan), "NaN"),
        (lambda a: a.update(pose=a["pose"] * np.float32([1, 1, 1, -1])), "behind the camera"),
        (lambda a: a.update(pose=a["pose"].astype(np.float64)), "float32"),
        (lambda a: a.update(keypoints=a["keypoints"][:, :60]), "keypoints should be"),
        (lambda a: a.update(irises=a["irises"][:9]), "irises should be"),
        (lambda a: a.update(contour=a["contour"][:, :1]), "outlines of 2 to"),
        (lambda a: a.update({k: np.concatenate([v, v]) for k, v in a.items()}), "1 to 600"),
        (lambda a: a.update({k: v[:0] for k, v in a.items()}), "1 to 600"),
        (lambda a: a.update(contour=np.zeros((600, 1024, 40), np.int16)), "too large"),
    ],
)
def test_bad_files_are_one_sentence(
    seen: SeenDrawings, tmp_path: Path, change, expected: str
) -> None:
    path = tmp_path / "seen.safetensors"
    seen.save(path)
    arrays = load_file(path)
    change(arrays)
    save_file(arrays, path)
    with pytest.raises(BundleError, match=expected) as error:
        SeenDrawings.load(path, seen.geometry)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 9, 2000])
def test_a_truncated_file_is_damaged(seen: SeenDrawings, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "seen.safetensors"
    seen.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match=r"seen\.safetensors is damaged"):
        SeenDrawings.load(path, seen.geometry)
