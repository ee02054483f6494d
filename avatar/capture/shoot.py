"""All films of a capture once the person is found in them, and what follows for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..face.keypoints import NOSE_BASE
from ..face.mashing import FaceGeometry
from ..files import replacing
from ..speech.prosody import silence_gate
from .backdrop import write_background
from .crop import place_mouth_box
from .desk import WORK, Desk
from .film import PIECE, Film
from .fit import canonical_keypoints, fit_geometry, fit_poses
from .pictures import Folders, Stretch, make_pictures
from .quality import marks_of, middle_frame
from .takes import Plan, film_levels, listen, plan_takes, write_transcripts
from .work import Piece

PICTURES = 6_000
"""Most frames whose pictures are kept, spread evenly: more teach little and cost gigabytes."""
SHOWN = 24
"""Most left-out frames that the report shows."""


@dataclass(frozen=True)
class Shoot:
    """All films once the person is found in them: what is common to them."""

    desk: Desk

    @property
    def films(self) -> list[Film]:
        """All."""
        return self.desk.films

    @property
    def fps(self) -> Fraction:
        """Of all films."""
        return self.films[0].source.fps

    @cached_property
    def usable(self) -> np.ndarray:
        """Every film's usable frames, (T,) bool, one after the other."""
        return np.concatenate([film.usable for film in self.films])

    def over(self, values: Callable[[Film], np.ndarray]) -> np.ndarray:
        """Something of every film's usable frames."""
        return np.concatenate([values(film)[film.usable] for film in self.films])

    @cached_property
    def mouth_box(self) -> tuple[int, int, int, int]:
        """x, y, 192, 192 px of the canvas."""
        return place_mouth_box(self.over(lambda film: film.keypoints))

    @cached_property
    def geometry(self) -> FaceGeometry:
        """The rest face and the camera."""
        return fit_geometry(np.concatenate([film.rest_meshes() for film in self.films]))

    @cached_property
    def poses(self) -> list[np.ndarray]:
        """For each film (T, 4, 4)."""
        return [fit_poses(f.keypoints, self.geometry, f.usable) for f in self.films]

    def level_pieces(self) -> list[Piece]:
        """How loud every frame is."""
        return [
            Piece(film.folder / "levels.npz", film_levels, (film.source, film.frames), film.frames)
            for film in self.films
        ]

    @cached_property
    def speaking(self) -> list[np.ndarray]:
        """For each film (T,) 0..1: where something is heard."""
        levels = [piece.load()["levels"] for piece in self.level_pieces()]
        return [silence_gate(level, self.fps) for level in levels]

    @cached_property
    def plans(self) -> list[Plan]:
        """The takes."""
        return plan_takes(self.speaking, self.fps)

    @cached_property
    def chosen(self) -> list[frozenset[int]]:
        """For each film the frames whose pictures are kept."""
        frames = [(n, int(f)) for n, film in enumerate(self.films)
                  for f in np.flatnonzero(film.usable)]  # fmt: skip
        places = np.linspace(0, len(frames) - 1, min(PICTURES, len(frames))).round().astype(int)
        kept = [frames[place] for place in places]
        return [frozenset(f for m, f in kept if m == n) for n in range(len(self.films))]

    @cached_property
    def marks(self) -> list[dict[str, Any]]:
        """What is left out of each take, and why."""
        return [
            {"take": plan.name, "source": self.films[plan.film].name} | mark
            for plan in self.plans
            for mark in marks_of(self.films[plan.film].why, plan.start, plan.stop, self.fps)
        ]

    @cached_property
    def shown(self) -> list[frozenset[int]]:
        """For each film the frames that the report shows whole: one to use, and left-out ones."""
        shown = [{int(np.flatnonzero(film.usable)[film.usable.sum() // 2])} for film in self.films]
        some = np.linspace(0, len(self.marks) - 1, min(SHOWN, len(self.marks))).round().astype(int)
        films = {plan.name: plan.film for plan in self.plans}
        for mark in (self.marks[i] for i in some):
            shown[films[mark["take"]]].add(middle_frame(mark, self.fps))
        return [frozenset(frames) for frames in shown]

    def transcript_pieces(self) -> list[Piece]:
        """What is said in each film's takes, where there are transcripts."""
        return [
            Piece(
                film.folder / "transcript.npz", write_transcripts,
                (film.source, self.plans_of(n), text, self.desk.out / "takes"), film.frames,
            )
            for n, (film, text) in enumerate(zip(self.films, self.desk.transcripts, strict=False))
        ]  # fmt: skip

    def listening_pieces(self) -> list[Piece]:
        """Which mouth shape is heard in each frame."""
        return [
            Piece(
                self.desk.out / WORK / f"heard_{plan.name}.npz", listen,
                (self.desk.out / "takes", plan.name, self.fps, plan.frames), plan.frames,
            )
            for plan in self.plans
        ]  # fmt: skip

    def background_piece(self) -> Piece:
        """What is behind the person."""
        samples = [film.background_samples() for film in self.films]
        arguments = (samples, self.desk.out / "background.png")
        return Piece(self.desk.out / WORK / "background.npz", write_background, arguments, 1)

    def picture_pieces(self, background: Path | None) -> dict[str, list[Piece]]:
        """Each take's mattes, outlines and pictures.

        Args:
            background: the picture behind the person, None where it does not stand still.
        """
        middle = np.median(self.over(lambda film: film.keypoints[:, NOSE_BASE]), axis=0)
        result: dict[str, list[Piece]] = {}
        for plan in self.plans:
            film = self.films[plan.film]
            stretch = Stretch(
                film.source, film.crop, self.mouth_box, plan.start, plan.stop, plan.start,
                (int(middle[0]), int(middle[1])), frozenset(), frozenset(),
            )  # fmt: skip
            out = self.desk.out
            folders = Folders(out / "frames" / plan.name, out / "mouth" / plan.name, film.shown)
            result[plan.name] = [
                self._picture_piece(plan, stretch, start, folders, background)
                for start in range(plan.start, plan.stop, PIECE)
            ]
        return result

    def _picture_piece(
        self, plan: Plan, stretch: Stretch, start: int, folders: Folders, background: Path | None
    ) -> Piece:
        span = range(start, min(start + PIECE, plan.stop))
        chosen, shown = (
            frozenset(frames[plan.film] & set(span)) for frames in (self.chosen, self.shown)
        )
        stretch = replace(stretch, start=start, stop=span.stop, chosen=chosen, shown=shown)
        return Piece(
            self.films[plan.film].folder / f"pictures_{plan.name}_{start:07d}.npz", make_pictures,
            (stretch, folders, background), len(span),
        )  # fmt: skip

    def plans_of(self, film: int) -> list[Plan]:
        """One film's takes."""
        return [plan for plan in self.plans if plan.film == film]

    def write_take(self, plan: Plan, contour: np.ndarray) -> None:
        """Write a take's keypoints.

        Args:
            plan: which.
            contour: (T, 128, 2) px, finite.
        """
        film, part = self.films[plan.film], slice(plan.start, plan.stop)
        keypoints, poses = film.keypoints[part], self.poses[plan.film][part]
        with replacing(self.desk.out / "takes" / f"{plan.name}.npz") as temporary:
            np.savez(
                temporary, landmarks2d=keypoints, iris2d=film.irises[part], head_pose=poses,
                landmarks3d_canonical=canonical_keypoints(keypoints, poses, self.geometry),
                contour=contour, usable=film.usable[part],
            )  # fmt: skip
