import cv2
import numpy as np

from avatar.face.pose import damp, project


def poses(degrees: list[float]) -> np.ndarray:
    result = np.tile(np.eye(4), (len(degrees), 1, 1))
    for pose, angle in zip(result, degrees, strict=True):
        pose[:3, :3] = cv2.Rodrigues(np.radians([0, angle, 0]))[0]
        pose[:3, 3] = (0, angle / 100, 2)
    return result


def test_project_agrees_with_opencv():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.1, (1, 10, 3))
    pose, camera = poses([12.0]), np.array([[1792, 0, 256], [0, 1792, 256], [0, 0, 1.0]])
    rotation = cv2.Rodrigues(pose[0, :3, :3])[0]
    expected, _ = cv2.projectPoints(points[0], rotation, pose[0, :3, 3], camera, None)
    assert np.allclose(project(points, pose, camera)[0], expected[:, 0], atol=1e-6)


def test_damp_shrinks_turn_and_shift_around_the_middle():
    pose = poses([-20, 0, 20])
    for amount in (0, 0.2, 1):
        expected = poses([-20 * amount, 0, 20 * amount])
        assert np.allclose(damp(pose, amount), expected, atol=1e-6)
