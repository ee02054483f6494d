"""What becomes of one film: its pieces of work, and the person followed through it."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import CaptureError
from ..face.keypoints import INNER_LIP_BOTTOM, INNER_LIP_TOP
from .analysis import View, analyse, choose_view
from .backdrop import Samples
from .crop import EYES_APART, Crop, check_crop, leaves, place_crop
from .source import VideoSource
from .tracking import AWAY, Track, follow
from .work import Piece

PIECE = 250
"""Frames of a piece of work: some seconds."""
SAMPLES = 48
"""Frames of a film from which its background is made."""
RESTFUL = 0.3
"""Share of the frames, those with the least open mouths, that show the face at rest."""


class UnusableFilmError(CaptureError):
    """A film in which nobody can be followed."""


@dataclass(frozen=True)
class Film:
    """A film on its way into a capture; what is read of its files is kept."""

    source: VideoSource
    folder: Path
    """Where its pieces are kept."""

    @property
    def name(self) -> str:
        """The file's."""
        return self.source.path.name

    @property
    def samples(self) -> Path:
        """Folder of frames spread over the film."""
        return self.folder / "samples"

    @property
    def shown(self) -> Path:
        """Folder of the frames that the report shows whole."""
        return self.folder / "shown"

    @property
    def shrunk(self) -> bool:
        """Whether the crop had to be much smaller than it should be, as the face is so near."""
        eyes = float(np.median(self.track.eyes[self.track.usable]))
        return self.crop.scale * EYES_APART < 0.85 * eyes

    def view_piece(self) -> Piece:
        """Where to look."""
        return Piece(self.folder / "view.npz", _view, (self.source,), 1)

    def analysis_pieces(self) -> list[Piece]:
        """What is where in the frames; call when ``view_piece`` is done."""
        every = max(self.source.frames // SAMPLES, 1)
        starts = range(0, self.source.frames, PIECE)
        last = len(starts) - 1
        return [
            Piece(
                self.folder / f"analysis_{start:07d}.npz", analyse,
                (self.source, self.view, start, None if n == last else start + PIECE,
                 self.samples, every),
                min(PIECE, self.source.frames - start),
            )
            for n, start in enumerate(starts)
        ]  # fmt: skip

    @cached_property
    def view(self) -> View:
        """The part of the picture that is looked at."""
        found = self.view_piece().load()
        x, y, width, height = (int(value) for value in found["box"])
        box, people = (x, y, width, height), int(found["people"])
        return View(int(found["height"]), box, float(found["scale"]), people)

    @cached_property
    def track(self) -> Track:
        """The person, once all of it has been analysed.

        Raises:
            CaptureError: if there is nobody.
        """
        keys = ("keypoints", "irises", "size", "eyes", "people", "hands", "change")
        parts: dict[str, list[np.ndarray]] = {key: [] for key in keys}
        for piece in self.analysis_pieces():
            found = piece.load()
            for key in keys if found else ():
                parts[key].append(found[key])
            if len(found.get("change", ())) < piece.size:
                break  # the film ends earlier than its file says
        if not parts["change"]:
            raise CaptureError("no frame of it can be read")
        track = follow({key: np.concatenate(part) for key, part in parts.items()})
        if not track.usable.any():
            most = Counter(track.why).most_common(1)[0][0]
            raise CaptureError(f"all of its frames are left out, most of them because of {most}")
        return track

    @property
    def frames(self) -> int:
        """How many there truly are."""
        return len(self.track.why)

    @cached_property
    def crop(self) -> Crop:
        """The square that becomes the canvas."""
        track, usable = self.track, self.track.usable
        crop = place_crop(
            track.keypoints[usable], track.eyes[usable], self.source.width, self.source.height
        )
        check_crop(crop)
        return crop

    @cached_property
    def keypoints(self) -> np.ndarray:
        """(T, 68, 2) float32 px of the canvas."""
        return self.crop.to_canvas(self.track.keypoints)

    @cached_property
    def irises(self) -> np.ndarray:
        """(T, 2, 2) float32 px of the canvas."""
        return self.crop.to_canvas(self.track.irises)

    @cached_property
    def why(self) -> list[str]:
        """T reasons to leave a frame out, "" to use it."""
        away = leaves(self.keypoints)
        pairs = zip(self.track.why, away, strict=True)
        return [why or (AWAY if gone else "") for why, gone in pairs]

    @cached_property
    def usable(self) -> np.ndarray:
        """(T,) bool."""
        return np.array([not reason for reason in self.why])

    def rest_meshes(self) -> np.ndarray:
        """(m, 478, 3) px of the canvas of usable frames whose mouth is about closed."""
        lips = self.keypoints[:, INNER_LIP_TOP] - self.keypoints[:, INNER_LIP_BOTTOM]
        opening = np.linalg.norm(lips, axis=1)
        meshes, openings = [], []
        for number, piece in enumerate(self.analysis_pieces()):
            found = piece.load()
            pairs = zip(found.get("mesh_frames", ()), found.get("meshes", ()), strict=True)
            for frame, faces in pairs:
                frame = int(frame) + number * PIECE
                if frame < self.frames and self.usable[frame]:
                    meshes.append(faces[self.track.slot[frame]])
                    openings.append(opening[frame])
        if not meshes:
            return np.zeros((0, 478, 3), np.float32)
        closed = np.array(openings) <= np.quantile(openings, RESTFUL)
        return self.crop.to_canvas(np.stack(meshes)[closed])

    def background_samples(self) -> Samples:
        """Frames that show what is behind the person."""
        return Samples(self.samples, self.crop, self.source.height, self.usable)


def _view(source: VideoSource) -> dict[str, np.ndarray]:
    view = choose_view(source)
    return {
        "height": np.int64(view.height), "box": np.array(view.box), "scale": np.float64(view.scale),
        "people": np.int64(view.people),
    }  # fmt: skip
