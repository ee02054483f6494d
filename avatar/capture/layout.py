"""Reading a capture folder: one person's takes with sound, keypoints and the frames at hand.

    capture.json                       fps, camera, mouth_crop, takes; verdict, reasons, marks
    background.png                     what the frames are composited over
    takes/<take>.wav .txt .npz         sound, transcript, every frame's keypoints; ``usable``
    takes/<take>.phones.tsv            optional exact phones: start, end, ARPAbet symbol
    frames/<take>/<frame:06d>.webp     512x512 RGBA, straight alpha
    mouth/<take>/<frame:06d>.webp      512x512 RGBA, the mouth box magnified; optional

What ``prepare`` leaves out is listed in ``marks``: take, source, start_s and end_s in seconds of
the film it was cut from, and why.
"""

import csv
import json
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import CaptureError
from ..face.clip import Clip
from ..face.drawing import SIZE
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP
from ..face.mashing import FaceGeometry
from ..speech.audio import load_sound
from ..speech.phonemes import Phone
from ..speech.prosody import frame_levels, silence_gate
from ..timing import parse_fps
from .rgba import composite, read_image

HELD_OUT = "test"
"""Takes whose name begins so are never trained on, nor mashed."""
KEYS = ("landmarks2d", "landmarks3d_canonical", "iris2d", "contour", "head_pose")
VERDICTS = ("good", "usable", "refuse")
"""What ``prepare`` says of a film; a capture that says nothing of itself is good."""


@dataclass(frozen=True)
class Capture:
    """A capture folder."""

    folder: Path
    fps: Fraction
    mouth_box: tuple[int, int, int, int]
    """x, y, width, height in pixels of the 512x512 head frame."""
    world_to_camera: np.ndarray
    """(4, 4) float32."""
    intrinsics: np.ndarray
    """(3, 3) float32 px."""
    background: np.ndarray
    """(512, 512, 3) uint8 RGB."""
    description: dict[str, Any]
    """All of capture.json."""

    @classmethod
    def load(cls, folder: str | Path) -> "Capture":
        """Read the folder's description.

        Raises:
            CaptureError: if a file is missing or malformed.
        """
        folder = Path(folder)
        path = folder / "capture.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            box = tuple(int(v) for v in data["mouth_crop"])
            x, y, width, height = box
            camera = np.asarray(data["camera"]["world_to_camera"], np.float32).reshape(4, 4)
            intrinsics = np.asarray(data["camera"]["K"], np.float32).reshape(3, 3)
            fps = parse_fps(data["fps"])
            if data.get("verdict", VERDICTS[0]) not in VERDICTS:
                raise ValueError(f"verdict {data['verdict']!r}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CaptureError(f"{path} is missing or malformed: {error!r}.") from error
        background = read_image(folder / "background.png")[..., :3]
        if background.shape[:2] != (SIZE, SIZE):
            raise CaptureError(f"{folder / 'background.png'} is not {SIZE}x{SIZE}.")
        return cls(folder, fps, (x, y, width, height), camera, intrinsics, background, data)

    @property
    def take_names(self) -> list[str]:
        """Takes that have keypoints, sorted."""
        return sorted(path.stem for path in (self.folder / "takes").glob("*.npz"))

    @property
    def takes(self) -> list["Take"]:
        """All takes that have keypoints, by name."""
        return [self.take(name) for name in self.take_names]

    @property
    def listening(self) -> set[str]:
        """Names of the takes in which the person only listens, where the capture says so."""
        listed = self.description.get("takes", [])
        return {entry["name"] for entry in listed if entry.get("listening")}

    @property
    def subject(self) -> str:
        """Who is shown."""
        return self.description.get("subject", self.folder.name)

    @property
    def verdict(self) -> str:
        """Whether a person can be learnt from it: one of ``VERDICTS``."""
        return self.description.get("verdict", VERDICTS[0])

    @property
    def reasons(self) -> list[str]:
        """Why the verdict is not better: sentences that say what to film again."""
        return self.description.get("reasons", [])

    def take(self, name: str) -> "Take":
        """One take by name.

        Raises:
            CaptureError: if there is none of that name.
        """
        if name not in self.take_names:
            raise CaptureError(
                f"The capture {self.folder} has no take {name!r}; it has: "
                f"{', '.join(self.take_names)}."
            )
        return self._takes.setdefault(name, Take(self, name))

    @cached_property
    def _takes(self) -> dict[str, "Take"]:
        """Those that were asked for: a take is read, and what is said in it found, once."""
        return {}

    @cached_property
    def geometry(self) -> FaceGeometry:
        """The person's rest face, which is the median of the silent frames, and the camera.

        Listening takes are silent throughout; without any, the pauses of all takes count but,
        where there are others, of those held out. Who never pauses is seen with lips least apart.
        """
        listening, seen = self.listening, [take for take in self.takes if not take.held_out]
        takes = [take for take in seen if take.name in listening] or seen or self.takes
        faces = [t.arrays["landmarks3d_canonical"][t.silent & t.usable] for t in takes]
        if not any(map(len, faces)):
            faces = [_lips_least_apart(take) for take in takes]
        if not any(map(len, faces)):
            raise CaptureError(f"The capture {self.folder} has no frame to see a rest face in.")
        rest = np.median(np.concatenate(faces), axis=0)
        return FaceGeometry(rest.astype(np.float32), self.intrinsics)


@dataclass(frozen=True, eq=False)
class Take:
    """One take of a capture; what has been read of it is kept."""

    capture: Capture
    name: str

    @property
    def held_out(self) -> bool:
        """Whether it is kept from all training and mashing."""
        return self.name.startswith(HELD_OUT)

    def _path(self, suffix: str) -> Path:
        return self.capture.folder / "takes" / f"{self.name}{suffix}"

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """landmarks2d (T,68,2), iris2d (T,2,2), contour (T,M,2) px, landmarks3d_canonical (T,68,3)
        and head_pose (T,4,4), canonical -> world, in metres."""
        path = self._path(".npz")
        try:
            with np.load(path, allow_pickle=False) as data:
                return {key: data[key].astype(np.float32) for key in KEYS}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CaptureError(f"{path} is missing or malformed: {error}.") from error

    @cached_property
    def usable(self) -> np.ndarray:
        """(T,) bool: False where the face is not seen well; keypoints there are made up.

        All True where the take does not say.
        """
        frames = len(self.pose)
        with np.load(self._path(".npz"), allow_pickle=False) as data:
            usable = data["usable"] if "usable" in data else np.ones(frames, bool)
        if usable.shape != (frames,) or usable.dtype != bool:
            raise CaptureError(f"{self._path('.npz')}: usable should be {frames} true or false.")
        return usable

    @cached_property
    def pose(self) -> np.ndarray:
        """(T, 4, 4) float32, canonical -> camera."""
        return (self.capture.world_to_camera @ self.arrays["head_pose"]).astype(np.float32)

    @cached_property
    def sound(self) -> np.ndarray:
        """(N,) float32 mono at 16 kHz."""
        return load_sound(self._path(".wav"))

    @cached_property
    def silent(self) -> np.ndarray:
        """(T,) bool: frames in which nothing is heard."""
        gate = silence_gate(frame_levels(self.sound, self.capture.fps), self.capture.fps)
        quiet = np.ones(len(self.pose), bool)
        quiet[: len(gate)] = gate[: len(quiet)] == 0
        return quiet

    @property
    def transcript(self) -> str:
        """What is said, empty where the take is silent or has no transcript."""
        path = self._path(".txt")
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    @property
    def phones(self) -> list[Phone] | None:
        """Exact phones where the capture has them.

        Raises:
            CaptureError: if their file is malformed.
        """
        path = self._path(".phones.tsv")
        if not path.exists():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter="\t")
            try:
                return [Phone(float(start), float(end), symbol) for start, end, symbol in rows]
            except ValueError as error:
                raise CaptureError(f"{path} is malformed: {error}.") from error

    @property
    def rendered(self) -> list[int]:
        """Frames whose head picture is at hand and which are usable, in order."""
        folder = self.capture.folder / "frames" / self.name
        found = sorted(int(path.stem) for path in folder.glob("*.webp") if path.stem.isdecimal())
        away = set(np.flatnonzero(~self.usable).tolist()) if found else set()
        return [frame for frame in found if frame not in away]

    @property
    def magnified(self) -> set[int]:
        """Frames whose magnified mouth box is at hand."""
        folder = self.capture.folder / "mouth" / self.name
        return {int(path.stem) for path in folder.glob("*.webp") if path.stem.isdecimal()}

    def head(self, frame: int) -> np.ndarray:
        """(512, 512, 4) uint8 RGBA of one rendered frame.

        Raises:
            CaptureError: if it is missing, damaged or of another size.
        """
        picture = self._picture("frames", frame)
        if picture.shape[:2] != (SIZE, SIZE):
            raise CaptureError(f"Frame {frame} of {self.name} is not {SIZE}x{SIZE}.")
        return picture

    def mouth(self, frame: int) -> np.ndarray | None:
        """(512, 512, 4) uint8 RGBA of the magnified mouth box, or None where it is not at hand."""
        path = self.capture.folder / "mouth" / self.name / f"{frame:06d}.webp"
        return self._picture("mouth", frame) if path.exists() else None

    def head_over_background(self, frame: int) -> np.ndarray:
        """(512, 512, 3) uint8 RGB."""
        return composite(self.head(frame), self.capture.background)

    def mouth_over_background(self, frame: int) -> np.ndarray | None:
        """(512, 512, 3) uint8 RGB of the magnified mouth box, or None."""
        picture = self.mouth(frame)
        if picture is None:
            return None
        x, y, w, h = self.capture.mouth_box
        box = self.capture.background[y : y + h, x : x + w]
        behind = cv2.resize(box, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return composite(picture, behind)

    def clip(self, name: str, start: int = 0, stop: int | None = None) -> Clip:
        """The take's head motion from frame ``start`` to ``stop`` as a clip."""
        part = slice(start, stop)
        return Clip(
            name,
            self.capture.fps,
            keypoints=self.arrays["landmarks2d"][part],
            irises=self.arrays["iris2d"][part],
            pose=self.pose[part],
            contour=self.arrays["contour"][part],
        )

    def _picture(self, kind: str, frame: int) -> np.ndarray:
        path = self.capture.folder / kind / self.name / f"{frame:06d}.webp"
        return read_image(path)


def _lips_least_apart(take: Take) -> np.ndarray:
    """(n, 68, 3): a tenth of a take's usable faces."""
    faces = take.arrays["landmarks3d_canonical"][take.usable]
    apart = np.linalg.norm(faces[:, INNER_LIP_TOP] - faces[:, INNER_LIP_BOTTOM], axis=1)
    return faces[np.argsort(apart)[: -(-len(faces) // 10)]]
