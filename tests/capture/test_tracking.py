"""Who is followed, and what is left out, on faces that are written down here."""

import numpy as np
import pytest

from avatar.capture.tracking import CUT, HAND, NO_FACE, TWO_FACES, follow
from avatar.errors import CaptureError

FRAMES = 100
SHAPE = np.stack([np.linspace(-50, 50, 68), np.tile([-50.0, 50.0], 34)], axis=1)
SHAPE[48:68] = (0, 30)


def found(*people: dict[int, tuple[float, float]], size: tuple[float, ...] = (100.0, 100.0)):
    """What the analysis finds of people at places (x, y) by frame, the first in slot 0 where it
    is there; sizes are theirs."""
    result = {
        "keypoints": np.full((FRAMES, 2, 68, 2), np.nan, np.float32),
        "irises": np.full((FRAMES, 2, 2, 2), np.nan, np.float32),
        "size": np.full((FRAMES, 2), np.nan, np.float32),
        "eyes": np.full((FRAMES, 2), np.nan, np.float32),
        "people": np.full((FRAMES, 2, 3), np.nan, np.float32),
        "hands": np.full((FRAMES, 2, 21, 2), np.nan, np.float32),
        "change": np.ones(FRAMES, np.float32),
    }
    for frame in range(FRAMES):
        here = [(p[frame], s) for p, s in zip(people, size, strict=False) if frame in p]
        for slot, (place, its) in enumerate(here):
            result["keypoints"][frame, slot] = SHAPE * its / 100 + place
            result["irises"][frame, slot] = place
            result["size"][frame, slot] = its
            result["eyes"][frame, slot] = its / 3
    return result


def test_a_face_alone_is_used_throughout():
    track = follow(found({f: (200 + f, 200) for f in range(FRAMES)}))
    assert track.usable.all() and (track.slot == 0).all()
    assert np.allclose(track.keypoints[50], SHAPE + (250, 200), atol=1e-3)


def test_gaps_are_filled_and_left_out():
    track = follow(found({f: (200 + f, 200) for f in range(FRAMES) if not 40 <= f < 60}))
    assert [why == NO_FACE for why in track.why] == [40 <= f < 60 for f in range(FRAMES)]
    assert np.allclose(track.keypoints[50], SHAPE + (250, 200), atol=0.5)


def test_nobody_at_all():
    with pytest.raises(CaptureError, match="no face"):
        follow(found({}))


def test_the_person_stays_the_same_when_another_is_larger_for_a_while():
    person = {f: (200, 200) for f in range(FRAMES) if not 50 <= f < 70}
    other = {f: (600, 200) for f in range(40, 80)}
    values = found(person, other, size=(100.0, 130.0))
    track = follow(values)
    assert np.abs(track.keypoints.mean(axis=1)[:, 0] - 200).max() < 20
    assert {track.why[45], track.why[55], track.why[75]} == {TWO_FACES, NO_FACE}
    assert track.usable[:38].all() and track.usable[83:].all()


def test_the_detector_may_name_the_faces_in_any_order():
    person = {f: (200, 200) for f in range(FRAMES)}
    values = found(person, {f: (600, 200) for f in range(60)}, size=(100.0, 60.0))
    for key in ("keypoints", "irises", "size", "eyes"):
        values[key][10:30] = values[key][10:30, ::-1]
    track = follow(values)
    assert (track.slot[10:30] == 1).all() and (track.slot[30:60] == 0).all()
    assert track.why[20] == track.why[50] == TWO_FACES and not track.why[80]


def test_a_small_face_far_behind_spoils_nothing():
    person, behind = {f: (200, 200) for f in range(FRAMES)}, {f: (400, 100) for f in range(FRAMES)}
    assert follow(found(person, behind, size=(100.0, 40.0))).usable.all()


def test_somebody_elsewhere_in_the_picture():
    values = found({f: (200, 200) for f in range(FRAMES)})
    values["people"][::5, 0] = (200, 200, 90)  # the same face, found otherwise
    values["people"][50, 1] = (900, 200, 80)
    track = follow(values)
    assert [f for f in range(FRAMES) if track.why[f] == TWO_FACES] == [48, 49, 50, 51, 52]


def test_a_hand_before_the_mouth_and_one_beside_it():
    values = found({f: (200, 200) for f in range(FRAMES)})
    values["hands"][50, 0] = (200, 230)
    values["hands"][20, 0] = (100, 230)
    track = follow(values)
    assert [f for f in range(FRAMES) if track.why[f] == HAND] == list(range(45, 56))


def test_cuts_by_the_picture_and_by_the_face():
    values = found({f: (200, 200) if f < 70 else (260, 200) for f in range(FRAMES)})
    values["change"][30] = 40
    track = follow(values)
    cut = [f for f in range(FRAMES) if track.why[f] == CUT]
    assert set(range(28, 33)) <= set(cut) and {69, 70, 71} <= set(cut) and len(cut) < 16
