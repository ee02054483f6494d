"""One person through a whole film: whose face it is in each frame, and which frames to leave out.

The person is whoever is seen longest and largest; a face stays theirs by being near where it was.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import CaptureError
from ..face.keypoints import BROWS, MOUTH, NOSE
from .fit import fill_gaps, smooth

NO_FACE, TWO_FACES, HAND, CUT, AWAY = (
    "no face", "another person", "a hand before the mouth", "a cut", "the face leaves the crop",
)  # fmt: skip
"""Why a frame is left out."""
STEADY = list(BROWS + NOSE)
"""Keypoints that are smoothed."""
REACH = 0.6
"""Share of its size by which a face may move from one frame to the next and still be the same."""
GROWTH = 1.5
"""Factor by which it may seem to grow or shrink."""
PLACE, LIKE = 1.0, np.log(GROWTH)
"""Share of its size by which a face's usual place may differ after it was gone, or after a cut, and
by how much its size may."""
GAP = 12
"""Frames for which a face may be gone and still be the same if it comes back where it was."""
OTHER = 0.5
"""Another face this large beside the person's counts: whoever is so near may be who is heard.
Smaller ones are far behind, and leave the picture of the person as it is."""
MOST_CHANGE, TIMES_USUAL = 12.0, 5.0
"""A cut changes the whole picture by more grey levels, and by more times what is usual there."""
JUMP = 0.3
"""A face that is elsewhere by this share of its size from one frame to the next has been cut."""
AROUND = 2
"""Frames left out on either side of a cut."""
MARGIN = 0.12
"""A hand hides the mouth if it comes as near to it as this share of the face's size."""
HELD = 5
"""Frames around one in which a hand or another person was seen; others are not looked at."""


@dataclass(frozen=True)
class Track:
    """The person in every frame of a film; what is not seen is interpolated."""

    keypoints: np.ndarray
    """(T, 68, 2) float32 px of the film."""
    irises: np.ndarray
    """(T, 2, 2) float32 px."""
    size: np.ndarray
    """(T,) float32 px: height or width of the face, whichever is more."""
    eyes: np.ndarray
    """(T,) float32 px from eye to eye, in depth too."""
    slot: np.ndarray
    """(T,) int: which of the faces found it is, -1 none."""
    why: list[str]
    """T reasons to leave a frame out, "" to use it."""

    @property
    def usable(self) -> np.ndarray:
        """(T,) bool."""
        return np.array([not reason for reason in self.why])


def follow(found: dict[str, np.ndarray]) -> Track:
    """Find the person in what ``analyse`` found in a whole film.

    Raises:
        CaptureError: if there is no face in it.
    """
    slot = _person(found["keypoints"].mean(axis=2), found["size"])
    seen = slot >= 0
    if not seen.any():
        raise CaptureError("there is no face in it")
    cuts = _cuts(found["change"])
    rows = np.arange(len(slot))
    of_person = {key: found[key][rows, slot] for key in ("keypoints", "irises", "size", "eyes")}
    for track in of_person.values():
        track[~seen] = np.nan
    tracks = {key: fill_gaps(track, seen) for key, track in of_person.items()}
    # Lips and lids are too fast to be smoothed: read so, closed lips were open.
    tracks["keypoints"][:, STEADY] = smooth(tracks["keypoints"][:, STEADY])
    hidden = _hidden(found["hands"], tracks["keypoints"], tracks["size"])
    # Later reasons give way to earlier ones.
    reasons = {
        NO_FACE: ~seen,
        TWO_FACES: _around(_others(found, slot, tracks), HELD // 2),
        HAND: _around(hidden, HELD),
        CUT: _around(cuts | _jumps(of_person["keypoints"], tracks["size"]), AROUND),
    }
    why = [next((r for r, where in reasons.items() if where[i]), "") for i in rows]
    return Track(**tracks, slot=slot, why=why)


def _person(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which face is the person's in each frame, -1 none: (T,) from (T, 2, 2) and (T, 2).

    Faces are joined to paths. Paths that lie about at one place of the picture, one after the
    other, are one person's; the person is whose paths are longest and largest all together.
    """
    paths = [tuple(np.array(path).T) for path in _paths(centres, sizes)]
    if not paths:
        return np.full(len(sizes), -1)
    middles = np.stack([np.median(centres[path], axis=0) for path in paths])
    usual = np.array([np.median(sizes[path]) for path in paths])
    weight = np.array([sizes[path].sum() for path in paths])
    apart = np.linalg.norm(middles[:, None] - middles, axis=2)
    near = (apart < PLACE * usual[:, None]) & (np.abs(np.log(usual[:, None] / usual)) < LIKE)
    slot = np.full(len(sizes), -1)
    person = np.flatnonzero(near[int((near @ weight).argmax())])
    for number in person[np.argsort(-weight[person])]:
        frames, faces = paths[number]
        free = slot[frames] < 0
        slot[frames[free]] = faces[free]
    return slot


def _paths(centres: np.ndarray, sizes: np.ndarray) -> list[list[tuple[int, int]]]:
    """Each face's way through the film as (frame, face) in order."""
    done: list[list[tuple[int, int]]] = []
    alive: list[list[tuple[int, int]]] = []
    for frame, its_sizes in enumerate(sizes):
        faces = [int(face) for face in np.flatnonzero(np.isfinite(its_sizes))]
        done += [path for path in alive if frame - path[-1][0] > GAP]
        alive = [path for path in alive if frame - path[-1][0] <= GAP]
        pairs = []
        for number, path in enumerate(alive):
            before = sizes[path[-1]]
            for face in faces:
                moved = float(np.linalg.norm(centres[frame, face] - centres[path[-1]])) / before
                grown = its_sizes[face] / before
                if moved < REACH and 1 / GROWTH < grown < GROWTH:
                    pairs.append((moved, number, face))
        taken_paths, taken = set(), set()
        for _, number, face in sorted(pairs):
            if number not in taken_paths and face not in taken:
                alive[number].append((frame, face))
                taken_paths.add(number)
                taken.add(face)
        alive += [[(frame, face)] for face in faces if face not in taken]
    return done + alive


def _others(
    found: dict[str, np.ndarray], slot: np.ndarray, tracks: dict[str, np.ndarray]
) -> np.ndarray:
    """(T,) bool: frames with another face, near or anywhere in the picture."""
    rows = np.arange(len(slot))
    centres = np.stack([found["keypoints"].mean(axis=2)[rows, 1 - np.maximum(slot, 0)]], axis=1)
    near = np.concatenate([centres, found["size"][rows, 1 - np.maximum(slot, 0)][:, None, None]], 2)
    near[slot < 0] = np.nan
    own, size = tracks["keypoints"].mean(axis=1)[:, None], tracks["size"][:, None]
    result = np.zeros(len(slot), bool)
    for people in (near, found["people"]):
        away = np.linalg.norm(people[..., :2] - own, axis=2) > 0.5 * size  # not the same face twice
        result |= (away & (people[..., 2] > OTHER * size)).any(axis=1)
    return result


def _hidden(hands: np.ndarray, keypoints: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(T,) bool: frames in which a hand (T, 2, 21, 2) is before the mouth."""
    mouth = keypoints[:, list(MOUTH)]
    margin = (MARGIN * size)[:, None]
    low, high = mouth.min(axis=1) - margin, mouth.max(axis=1) + margin
    points = hands.reshape(len(hands), -1, 2)
    inside = (points > low[:, None]) & (points < high[:, None])  # False for NaN
    return inside.all(axis=2).any(axis=1)


def _cuts(change: np.ndarray) -> np.ndarray:
    """(T,) bool: first frames of new scenes."""
    usual = np.array([np.median(change[max(i - 12, 0) : i + 13]) for i in range(len(change))])
    return change > np.maximum(MOST_CHANGE, TIMES_USUAL * usual)


def _jumps(keypoints: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(T,) bool: frames in which the face is suddenly elsewhere; keypoints as they were found."""
    centre = keypoints.mean(axis=1)
    moved = np.linalg.norm(np.diff(centre, axis=0, prepend=centre[:1]), axis=1)
    return moved > JUMP * size  # False for NaN


def _around(frames: np.ndarray, more: int) -> np.ndarray:
    """(T,) bool: those frames and as many more on either side."""
    return np.convolve(frames, np.ones(2 * more + 1))[more : more + len(frames)] > 0
