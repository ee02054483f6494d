"""A capture of a cartoon, laid out as real ones are: a few frames, a spoken word, exact points."""

import json
from pathlib import Path

import cv2
import numpy as np

from avatar.speech import tts
from avatar.speech.audio import save_wav
from avatar.timing import frame_count

FPS = 25
BOX = (164, 259, 192, 192)
WORDS = "My mama"
"""What is said in every take."""


def make_capture(folder: Path, takes: dict[str, range]) -> Path:
    """Write a capture whose takes have pictures of the given frames; those of ``test...`` takes
    have no magnified mouths."""
    for name in ("takes", "frames", "mouth"):
        (folder / name).mkdir(parents=True)
    sound = np.concatenate([part.sound for part in tts.speak(WORDS)])
    background = np.full((512, 512, 3), (186, 180, 170), np.uint8)
    cv2.imwrite(str(folder / "background.png"), background)
    description = {
        "subject": "a cartoon", "fps": FPS, "mouth_crop": BOX,
        "camera": {"world_to_camera": np.eye(4).tolist(), "K": np.diag([1000, 1000, 1]).tolist()},
    }  # fmt: skip
    (folder / "capture.json").write_text(json.dumps(description))
    for name, rendered in takes.items():
        save_wav(folder / "takes" / f"{name}.wav", sound)
        (folder / "takes" / f"{name}.txt").write_text(WORDS)
        keypoints, irises, contour = motion(frame_count(len(sound), FPS), len(name))
        pose = np.tile(np.eye(4, dtype=np.float32), (len(keypoints), 1, 1))
        pose[:, 2, 3] = 1  # a metre away
        solid = np.concatenate([keypoints / 1000, np.zeros((len(keypoints), 68, 1))], axis=2)
        np.savez(
            folder / "takes" / f"{name}.npz", landmarks2d=keypoints, iris2d=irises,
            contour=contour, head_pose=pose, landmarks3d_canonical=solid,
        )  # fmt: skip
        _write_pictures(folder, name, rendered, keypoints)
    return folder


def hide(take: Path, frames: list[int]) -> None:
    """Mark frames of a take, an ``.npz`` file, as not usable."""
    with np.load(take) as data:
        arrays = dict(data)
    usable = np.ones(len(arrays["landmarks2d"]), bool)
    usable[frames] = False
    np.savez(take, **arrays | {"usable": usable})


def motion(frames: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints (T, 68, 2), irises (T, 2, 2) and outline (T, 100, 2) of a face that sways and
    opens and closes its mouth."""
    time = np.arange(frames)[:, None]
    angle = np.linspace(0, np.pi, 17)
    jaw = np.stack([256 - 90 * np.cos(angle), 270 + 150 * np.sin(angle)], axis=1)
    brows = np.stack([np.r_[np.linspace(190, 240, 5), np.linspace(272, 322, 5)], [190] * 10], 1)
    bridge = np.stack([[256] * 4, np.linspace(230, 280, 4)], axis=1)
    nostrils = np.stack([np.linspace(240, 272, 5), [290] * 5], axis=1)
    eye = np.array([(-16, 0), (-6, -7), (6, -7), (16, 0), (6, 7), (-6, 7)])
    still = np.concatenate([jaw, brows, bridge, nostrils, eye + (215, 230), eye + (297, 230)])
    turn = np.pi - np.r_[np.arange(12) / 12, np.arange(8) / 8] * 2 * np.pi  # corner, top, corner
    opened = 6 + 4 * np.sin(time * 0.9 + seed)
    half_height = np.where(np.arange(20) < 12, opened + 12, opened)
    half_width = np.where(np.arange(20) < 12, 36, 28)
    x = np.broadcast_to(256 + half_width * np.cos(turn), half_height.shape)
    mouth = np.stack([x, 350 - half_height * np.sin(turn)], axis=2)
    around = np.linspace(-np.pi, np.pi, 100)
    outline = np.stack([256 + 130 * np.sin(around), 260 - 180 * np.cos(around)], axis=1)
    sway = 8 * np.stack([np.sin(time * 0.2 + seed), np.cos(time * 0.3 + seed)], axis=2)
    keypoints = np.concatenate([np.tile(still, (frames, 1, 1)), mouth], axis=1) + sway
    irises = np.array([(215, 230), (297, 230)]) + sway
    return tuple(part.astype(np.float32) for part in (keypoints, irises, outline + sway))


def _write_pictures(folder: Path, take: str, rendered: range, keypoints: np.ndarray) -> None:
    for kind in ("frames", "mouth"):
        (folder / kind / take).mkdir()
    x, y, w, h = BOX
    for frame in rendered:
        picture = cartoon(keypoints[frame])
        name = f"{frame:06d}.webp"
        cv2.imwrite(str(folder / "frames" / take / name), picture)
        if not take.startswith("test"):
            mouth = cv2.resize(picture[y : y + h, x : x + w], (512, 512))
            cv2.imwrite(str(folder / "mouth" / take / name), mouth)


def cartoon(keypoints: np.ndarray) -> np.ndarray:
    """(512, 512, 4) uint8 BGRA of a face with these keypoints (68, 2)."""
    picture = np.zeros((512, 512, 4), np.uint8)
    centre = keypoints[30]
    ellipse = (tuple(int(v) for v in centre), (110, 150), 0, 0, 360)
    cv2.ellipse(picture, *ellipse, (150, 180, 220, 255), -1, cv2.LINE_AA)
    for points, colour in ((slice(48, 60), (90, 80, 200, 255)), (slice(60, 68), (20, 10, 40, 255))):
        cv2.fillPoly(picture, [np.round(keypoints[points]).astype(np.int32)], colour, cv2.LINE_AA)
    return picture
