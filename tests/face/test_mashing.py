from pathlib import Path

import numpy as np
import pytest

from avatar.errors import ClipError
from avatar.face.keypoints import EYES, JAW, MOUTH, NOSE
from avatar.face.mashing import MASHED, FaceGeometry, mash, unproject
from avatar.face.pose import pose_distance, posed_points, project

ROWS = np.load(Path(__file__).with_name("mira_rows.npz"))
"""Sixty frames of six takes of the capture, drawn at random, with the exact points in the round."""
KEYPOINTS, POSES, SOLID = ROWS["landmarks2d"], ROWS["pose"], ROWS["landmarks3d_canonical"]
GEOMETRY = FaceGeometry(ROWS["rest"], ROWS["camera"])


def orthographic() -> tuple[FaceGeometry, np.ndarray]:
    """A camera that does not divide by the depth, and the rows as it sees them: (60, 68, 2)."""
    camera = np.array([[1600, 0, 256], [0, 1600, 256], [0, 0, 1]], np.float32)
    geometry = FaceGeometry(ROWS["rest"], camera, perspective=False)
    return geometry, project(SOLID, POSES, camera, perspective=False)


@pytest.mark.parametrize("low, high", [(0, 5), (5, 10), (10, 15)])
def test_a_mouth_in_another_pose_lies_where_the_exact_one_lies(low, high):
    errors = []
    for i in range(len(POSES)):
        for j in range(len(POSES)):
            result = mash(KEYPOINTS[i], POSES[i], KEYPOINTS[j], POSES[j], GEOMETRY)
            if i != j and low <= result.distance < high:
                truth = project(SOLID[i], POSES[j], GEOMETRY.camera)
                errors.append(np.linalg.norm(result.keypoints - truth, axis=1))
    errors = np.array(errors)
    assert len(errors) > 200
    assert errors[:, list(MOUTH)].mean() < 0.8 and errors[:, list(JAW)].mean() < 0.8
    assert np.percentile(errors[:, list(MASHED)].mean(axis=1), 95) < 1.5


def test_mashing_is_worth_it():
    """Left where it was found, the mouth misses the other head by many pixels."""
    i, j = np.argwhere(pose_distance(POSES[:, None], POSES[None]) > 10)[0]
    truth = project(SOLID[i], POSES[j], GEOMETRY.camera)[list(MOUTH)]
    mashed = mash(KEYPOINTS[i], POSES[i], KEYPOINTS[j], POSES[j], GEOMETRY).keypoints[list(MOUTH)]
    assert np.linalg.norm(mashed - truth, axis=1).mean() < 2
    assert np.linalg.norm(KEYPOINTS[i][list(MOUTH)] - truth, axis=1).mean() > 8


@pytest.mark.parametrize("perspective", [True, False])
def test_a_frame_mashed_with_itself_is_itself(perspective):
    geometry, keypoints = (GEOMETRY, KEYPOINTS) if perspective else orthographic()
    for points, pose in zip(keypoints, POSES, strict=True):
        result = mash(points, pose, points, pose, geometry)
        assert np.array_equal(result.keypoints, points.astype(np.float32))
        assert result.distance == 0


def test_orthographic_cameras_mash_as_well():
    geometry, keypoints = orthographic()
    errors = []
    for i, j in np.random.default_rng(0).integers(0, len(POSES), (500, 2)):
        result = mash(keypoints[i], POSES[i], keypoints[j], POSES[j], geometry)
        truth = project(SOLID[i], POSES[j], geometry.camera, perspective=False)
        errors.append(np.linalg.norm((result.keypoints - truth)[list(MASHED)], axis=1))
    assert np.mean(errors) < 0.5


def test_only_lips_and_jaw_move():
    result = mash(KEYPOINTS[0], POSES[0], KEYPOINTS[25], POSES[25], GEOMETRY).keypoints
    kept = [point for point in range(68) if point not in MASHED]
    assert set(EYES + NOSE) <= set(kept) and set(MASHED) == set(JAW + MOUTH)
    assert np.array_equal(result[kept], KEYPOINTS[25][kept])
    assert not np.isclose(result[list(MASHED)], KEYPOINTS[25][list(MASHED)]).any(axis=1).all()


def test_unproject_finds_the_points_in_the_round():
    """What the depth of the rest face misses lies along the line of sight."""
    found = unproject(KEYPOINTS, POSES, GEOMETRY)
    assert np.abs(found - SOLID)[:, list(EYES + NOSE)].max() < 0.02
    assert np.allclose(project(found, POSES, GEOMETRY.camera), KEYPOINTS, atol=1e-4)
    exact = FaceGeometry(SOLID[7], GEOMETRY.camera)
    assert np.abs(unproject(KEYPOINTS[7], POSES[7], exact) - SOLID[7])[list(MOUTH)].max() < 1e-6


def test_strength_scales_the_mouth_from_rest():
    i, j = int(np.argmax(SOLID[:, 62, 2] - SOLID[:, 66, 2])), 3

    def opening(strength: float) -> float:  # signed: at rest these points of the skin overlap
        result = mash(
            KEYPOINTS[i], POSES[i], KEYPOINTS[j], POSES[j], GEOMETRY, strength=strength
        ).keypoints
        return float(result[66, 1] - result[62, 1])

    rest = project(GEOMETRY.canonical, POSES[j], GEOMETRY.camera)
    assert opening(0) == pytest.approx(rest[66, 1] - rest[62, 1], abs=1e-3)
    assert opening(0) < opening(0.5) < opening(1) < opening(1.5)
    assert opening(0.5) == pytest.approx((opening(0) + opening(1)) / 2, abs=0.5)


def test_distance_is_the_angle_between_the_heads():
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(0.2), 0, np.sin(0.2)], [0, 1, 0], [-np.sin(0.2), 0, np.cos(0.2)]]
    turn[:3, 3] = 5, 6, 7
    assert pose_distance(np.eye(4), turn) == pytest.approx(np.degrees(0.2))
    assert pose_distance(np.stack([turn, np.eye(4)]), turn).round(4).tolist() == [
        0, round(np.degrees(0.2), 4)
    ]  # fmt: skip


def test_distance_can_be_capped():
    distance = pose_distance(POSES[:, None], POSES[None])
    i, j = np.unravel_index(np.argmax(distance), distance.shape)
    frames = KEYPOINTS[i], POSES[i], KEYPOINTS[j], POSES[j], GEOMETRY
    assert mash(*frames).distance == pytest.approx(distance[i, j])
    with pytest.raises(ClipError, match=f"{distance[i, j]:.1f} degrees apart, more than the 5 "):
        mash(*frames, max_distance=5)


def test_poses_that_are_none_are_one_sentence():
    frames = KEYPOINTS[0], np.zeros((4, 4)), KEYPOINTS[1], POSES[1], GEOMETRY
    with pytest.raises(ClipError, match="cannot be undone"):
        mash(*frames)
    behind = POSES[1].copy()
    behind[:] = 0
    with pytest.raises(ClipError, match="into the camera"):
        mash(KEYPOINTS[0], POSES[0], KEYPOINTS[1], behind, GEOMETRY)


def test_geometry_in_json():
    read = FaceGeometry.from_dict(GEOMETRY.to_dict())
    assert np.abs(read.canonical - GEOMETRY.canonical).max() <= 5.1e-6
    assert np.array_equal(read.camera, GEOMETRY.camera) and read.perspective
    good = GEOMETRY.to_dict()
    hostile = [
        {"canonical": good["canonical"]},
        good | {"canonical": good["canonical"][:-1]},
        good | {"canonical": [["a", 0, 0]] * 68},
        good | {"canonical": [[float("nan"), 0, 0]] * 68},
        good | {"canonical": [[10**400, 0, 0]] * 68},
        good | {"canonical": [[1, 2, 3], [4]]},
        good | {"camera": np.zeros((3, 3)).tolist()},
        good | {"perspective": 1},
        good | {"surprise": 1},
    ]
    for values in hostile:
        with pytest.raises(ValueError):
            FaceGeometry.from_dict(values)


def test_points_stay_where_a_pose_of_nothing_leaves_them():
    assert np.array_equal(posed_points(SOLID[0], np.eye(4)), SOLID[0])
