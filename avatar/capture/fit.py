"""From detected faces to a person's rest face in metres, and the pose of the head in each frame.

The camera is a convention: a film does not tell how it was taken, so all are seen by Mira's, from
as far away as makes the eyes as wide as they are in the picture. What perspective differs by goes
into the canonical keypoints, and comes out of them again when they are projected.
"""

import cv2
import numpy as np
from scipy.signal import savgol_filter

from ..errors import CaptureError
from ..face.drawing import SIZE
from ..face.keypoints import EYES, JAW, LEFT_EYE, RIGHT_EYE
from ..face.mashing import FaceGeometry
from ..face.pose import from_motion, middle_pose, posed_points, project, to_motion, unproject
from .detect import WEIGHTS

FOCAL = 1792.0
"""Focal length of the camera in px of the 512 canvas, Mira's."""
EYES_APART = 0.0555
"""Metres between the centres of the eyes: with one camera nobody's size is known."""
EYES_BEFORE = 0.083
"""Metres by which the eyes lie before the point that the head turns about, between the ears."""
DEPTH = 1.19
"""MediaPipe's faces are flatter than faces by this much, as measured on Mira's rendered frames."""
RIGID = (0, 1, 15, 16, *range(27, 36), 36, 39, 42, 45)
"""What moves with the head alone: ears, nose, corners of the eyes."""
FITTED = 300
"""Most frames that the rest face is made of."""
TURNS = 8
"""Rounds of aligning all faces to their median; it stands still after half of them."""
LOST = 5.0
"""A pose that misses its points by so many times the usual is none."""
WINDOW = 7
"""Frames that smoothing looks at: less than two tenths of a second on either side."""

_MIRRORED = ((0, 16), (1, 15), (2, 14), (31, 35), (36, 45), (39, 42), (17, 26), (48, 54))


def fit_geometry(meshes: np.ndarray) -> FaceGeometry:
    """The rest face that moves least over all frames, and the camera that is taken to see it.

    Args:
        meshes: (T, 478, 3) px of the 512 canvas, frames with a closed mouth and an even look;
            T >= 1.

    Raises:
        CaptureError: if there is no face, or not all numbers are finite.
    """
    if not len(meshes) or not np.isfinite(meshes).all():
        raise CaptureError("There is no frame to see the face at rest.")
    some = meshes[np.linspace(0, len(meshes) - 1, min(len(meshes), FITTED)).astype(int)]
    faces = (WEIGHTS @ some * (1, 1, DEPTH)).astype(float)
    camera = np.array([(FOCAL, 0, SIZE / 2), (0, FOCAL, SIZE / 2), (0, 0, 1)], np.float32)
    return FaceGeometry(_upright(_median(faces)).astype(np.float32), camera)


def fit_poses(
    keypoints: np.ndarray, geometry: FaceGeometry, visible: np.ndarray | None = None
) -> np.ndarray:
    """Where the head is in each frame, smoothed without lag.

    Args:
        keypoints: (T, 68, 2) px of the 512 canvas.
        geometry: the rest face and its camera.
        visible: (T,) bool: frames to believe; poses between them are interpolated, at the ends
            held. None: all.

    Returns:
        (T, 4, 4) float32, canonical -> camera, rigid.

    Raises:
        CaptureError: if no frame is visible.
    """
    visible = np.ones(len(keypoints), bool) if visible is None else visible
    if not visible.any():
        raise CaptureError("There is no frame to see where the head is.")
    frames = np.flatnonzero(visible)
    face = geometry.canonical[list(RIGID)].astype(float)
    seen = np.ascontiguousarray(keypoints[frames][:, list(RIGID)], float)
    found = np.stack([_pose(face, points, geometry.camera) for points in seen])
    middle = middle_pose(found)
    missed = np.linalg.norm(project(face, found, geometry.camera) - seen, axis=2).mean(axis=1)
    # Hardly ever, SQPnP sees a head upside down and much too near: the usual pose starts better.
    for i in np.flatnonzero(missed > LOST * np.median(missed)):
        found[i] = _refined(face, seen[i], geometry.camera, middle)
    motion = np.zeros((len(keypoints), 6))
    motion[frames] = to_motion(found, middle)
    return from_motion(smooth(motion, visible), middle).astype(np.float32)


def canonical_keypoints(
    keypoints: np.ndarray, poses: np.ndarray, geometry: FaceGeometry
) -> np.ndarray:
    """Keypoints in the head's own frame, with the rest face's depth (paper, Eq. 2).

    Args:
        keypoints: (T, n, 2) px: all 68, or as many others as ``geometry`` has points.
        poses: (T, 4, 4) canonical -> camera.
        geometry: the rest face and its camera.

    Returns:
        (T, n, 3) float32 metres.
    """
    depth = posed_points(geometry.canonical, poses)[..., 2]
    points = unproject(keypoints, depth, poses, geometry.camera, geometry.perspective)
    return points.astype(np.float32)


def smooth(track: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Even out the detector's trembling without lag; gaps are interpolated, ends held.

    Not for lips and lids, which open and close within fewer frames than it looks at.

    Args:
        track: (T, ...) numbers.
        visible: (T,) bool, at least one of them: frames to believe; None: all.

    Returns:
        (T, ...) of the same type.
    """
    flat = fill_gaps(track, visible).reshape(len(track), -1)
    if len(flat) >= WINDOW:
        flat = savgol_filter(flat.astype(float), WINDOW, 2, axis=0)
    return flat.reshape(track.shape).astype(track.dtype)


def fill_gaps(track: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Interpolate between the frames to believe, hold the ends; arguments and result as above."""
    if visible is None or visible.all():
        return track
    flat, frames = track.reshape(len(track), -1).astype(float), np.flatnonzero(visible)
    every = np.arange(len(flat))
    flat = np.stack([np.interp(every, frames, column[frames]) for column in flat.T], axis=1)
    return flat.reshape(track.shape).astype(track.dtype)


def _pose(face: np.ndarray, points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """(4, 4): the pose in which ``face`` (n, 3) is seen at ``points`` (n, 2)."""
    _, turn, place = cv2.solvePnP(
        face, points, camera.astype(float), None, flags=cv2.SOLVEPNP_SQPNP
    )
    return _refined(face, points, camera, _matrix(turn, place))


def _refined(
    face: np.ndarray, points: np.ndarray, camera: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """(4, 4): ``_pose`` as it is found from one that is near."""
    turn, place = cv2.Rodrigues(start[:3, :3])[0], start[:3, 3:].copy()
    return _matrix(*cv2.solvePnP(face, points, camera.astype(float), None, turn, place, True)[1:])


def _matrix(turn: np.ndarray, place: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], place[:, 0]
    return pose


def _median(faces: np.ndarray) -> np.ndarray:
    """(68, 3): the median of faces (T, 68, 3), each turned, moved and scaled onto it."""
    middle = faces[len(faces) // 2] - faces[len(faces) // 2].mean(axis=0)
    weights = np.full(len(middle), 0.3)
    weights[list(RIGID)] = 1
    for _ in range(TURNS):
        middle = np.median([_aligned(face, middle, weights) for face in faces], axis=0)
    return middle


def _aligned(face: np.ndarray, to: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``face`` moved by the similarity that brings it nearest to ``to`` (Umeyama 1991)."""
    weights = (weights / weights.sum())[:, None]
    centred, wanted = face - (weights * face).sum(axis=0), to - (weights * to).sum(axis=0)
    u, s, vt = np.linalg.svd((weights * wanted).T @ centred)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * signs).sum() / (weights * centred**2).sum()
    return scale * centred @ ((u * signs) @ vt).T + (weights * to).sum(axis=0)


def _upright(face: np.ndarray) -> np.ndarray:
    """A face (68, 3) in px of the camera, x right, y down, z away, on the canonical axes in metres.

    It looks straight ahead where its two sides are equally far and the chin is under the eyes.
    """
    eyes = face[list(EYES)].mean(axis=0)
    across = sum(face[right] - face[left] for left, right in _MIRRORED)
    across = across / np.linalg.norm(across)
    down = face[JAW[8]] - eyes
    down = down - (down @ across) * across
    down = down / np.linalg.norm(down)
    axes = np.stack([across, np.cross(across, down), -down])  # x, y, z of the canonical frame
    apart = np.linalg.norm(face[list(LEFT_EYE)].mean(axis=0) - face[list(RIGHT_EYE)].mean(axis=0))
    return (face - eyes) @ axes.T * (EYES_APART / apart) + (0, -EYES_BEFORE, 0)
