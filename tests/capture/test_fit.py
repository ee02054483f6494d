import cv2
import numpy as np
import pytest
from films import MIRA, truth

from avatar.capture.detect import Face, FaceDetector, HandDetector, Matter
from avatar.capture.fit import canonical_keypoints, fit_geometry, fit_poses, smooth
from avatar.capture.source import open_video
from avatar.errors import CaptureError
from avatar.face.keypoints import BROWS, EYES, MOUTH, NOSE
from avatar.face.pose import pose_distance, project


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    with FaceDetector() as detect:
        found = [detect(frame) for frame in open_video(MIRA).read()]
    assert all(len(faces) == 1 for faces in found)
    return [faces[0] for faces in found]


@pytest.fixture(scope="module")
def keypoints(faces: list[Face]) -> np.ndarray:
    return np.stack([face.keypoints for face in faces])


def test_keypoints_are_where_the_face_is(keypoints: np.ndarray, faces: list[Face]):
    """The detector has learnt from people; its error on a drawn one is a few pixels of 512."""
    error = np.linalg.norm(keypoints - truth()["keypoints"], axis=-1)
    for group, bound in ((BROWS, 2.5), (NOSE, 2.5), (EYES, 2.0), (MOUTH, 2.5)):
        assert error[:, list(group)].mean() < bound
    irises = np.stack([face.irises for face in faces])
    assert np.linalg.norm(irises - truth()["irises"], axis=-1).mean() < 3


def test_a_blink_is_seen(keypoints: np.ndarray):
    def opening(points: np.ndarray) -> np.ndarray:
        return points[:, [40, 41, 46, 47], 1].mean(1) - points[:, [37, 38, 43, 44], 1].mean(1)

    assert np.corrcoef(opening(keypoints), opening(truth()["keypoints"]))[0, 1] > 0.9


def test_no_face_and_two_faces(faces: list[Face]):
    picture = next(open_video(MIRA).read())
    with FaceDetector(still=True) as detect:
        assert detect(np.full((512, 512, 3), 128, np.uint8)) == []
        both = detect(np.concatenate([cv2.resize(picture, (384, 512)), picture], axis=1))
        assert len(both) == 2 and both[0].size >= both[1].size


def test_matte_and_hands_of_a_head():
    picture = next(open_video(MIRA).read())
    with Matter() as matter, HandDetector() as hands:
        alpha = matter(picture)
        assert hands(picture) == []
    assert alpha.shape == (512, 512) and 0 <= alpha.min() and alpha.max() <= 1
    assert alpha[250, 256] > 0.9 and alpha[20, 20] < 0.1


def test_poses_turn_as_the_head_does(faces: list[Face], keypoints: np.ndarray):
    poses = fit_poses(keypoints, fit_geometry(np.stack([face.mesh for face in faces])))
    true = truth()["pose"]
    # Whose face looks straight ahead is a convention, so a constant turn is taken out.
    u, _, vt = np.linalg.svd(np.einsum("tij,tkj->ik", poses[:, :3, :3], true[:, :3, :3]))
    turned = poses.copy()
    turned[:, :3, :3] = (u @ vt).T @ poses[:, :3, :3]
    assert pose_distance(turned, true).mean() < 1.5
    np.testing.assert_allclose(
        np.swapaxes(poses[:, :3, :3], 1, 2) @ poses[:, :3, :3], np.tile(np.eye(3), (100, 1, 1)),
        atol=1e-5,
    )  # fmt: skip


def test_a_head_that_the_solver_sees_upside_down_is_put_right(
    faces: list[Face], keypoints: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    geometry = fit_geometry(np.stack([face.mesh for face in faces]))
    right, solve, calls = fit_poses(keypoints, geometry), cv2.solvePnP, []

    def fails_once(*arguments, **named):
        found, turn, place = solve(*arguments, **named)
        if "flags" in named:
            calls.append(named)
            if len(calls) == 5:  # as OpenCV 4.11 does in one of half a million
                return found, np.array([[-1.66], [0.15], [0.1]]), place * 0.4
        return found, turn, place

    monkeypatch.setattr(cv2, "solvePnP", fails_once)
    assert pose_distance(fit_poses(keypoints, geometry), right).max() < 0.1
    assert len(calls) == len(keypoints)


def test_the_rest_face_is_a_face(faces: list[Face]):
    rest = fit_geometry(np.stack([face.mesh for face in faces])).canonical
    right, left = rest[36:42].mean(axis=0), rest[42:48].mean(axis=0)
    assert np.linalg.norm(left - right) == pytest.approx(0.0555, abs=1e-4)
    assert left[0] > 0 > right[0]  # her left is the image's right
    assert rest[30, 1] < rest[36:48, 1].mean() < rest[[0, 16], 1].mean()  # nose, eyes, ears
    assert rest[8, 2] < rest[57, 2] < rest[33, 2] < rest[27, 2]  # chin, lip, nose, its root


def test_canonical_keypoints_project_back(faces: list[Face], keypoints: np.ndarray):
    geometry = fit_geometry(np.stack([face.mesh for face in faces]))
    poses = fit_poses(keypoints, geometry)
    canonical = canonical_keypoints(keypoints, poses, geometry)
    assert np.abs(project(canonical, poses, geometry.camera) - keypoints).max() < 0.01


def test_gaps_are_bridged(faces: list[Face], keypoints: np.ndarray):
    geometry = fit_geometry(np.stack([face.mesh for face in faces]))
    visible = np.ones(100, bool)
    visible[[*range(0, 4), *range(40, 46), 99]] = False
    broken = np.where(visible[:, None, None], keypoints, np.float32(1e4))
    whole, bridged = fit_poses(keypoints, geometry), fit_poses(broken, geometry, visible)
    assert np.isfinite(bridged).all()
    assert pose_distance(bridged[visible], whole[visible]).mean() < 0.3
    assert pose_distance(bridged, whole).max() < 8
    with pytest.raises(CaptureError):
        fit_poses(keypoints, geometry, np.zeros(100, bool))
    with pytest.raises(CaptureError):
        fit_geometry(np.empty((0, 478, 3), np.float32))


def test_smoothing_has_no_lag():
    random = np.random.default_rng(0)
    true = np.sin(np.arange(200) / 6)
    noisy = true + 0.1 * random.standard_normal(200)
    even = smooth(noisy.astype(np.float32))
    assert even.dtype == np.float32
    assert np.abs(even - true).mean() < 0.7 * np.abs(noisy - true).mean()
    lags = range(-3, 4)
    best = max(lags, key=lambda lag: np.dot(np.roll(even, lag)[9:-9], true[9:-9]))
    assert best == 0
