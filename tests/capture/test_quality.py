from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from avatar.capture.quality import Figures, euler, judge, light_change, marks_of, tilt
from avatar.speech.phonemes import VISEMES

GOOD = Figures(
    speech_minutes=6, mouth_scale=0.5, sharpness=0.3, light=130, light_change=0.05,
    clipped_share=0, yaw=(-15, 15), pitch=(-6, 6), roll=(-3, 3), tilt=2,
    viseme_seconds=dict.fromkeys(VISEMES, 3.0), marked_share=0.02, marks={"no face": 3.0},
    silence_s=20, fps=25, still=True, shrunk=False,
)  # fmt: skip


def test_a_good_film():
    assert judge(GOOD) == ("good", [])


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({"speech_minutes": 3}, "usable", "Only 3.0 minutes of usable speech"),
        ({"speech_minutes": 0.05}, "refuse", "Only 3 s of usable speech"),
        ({"speech_minutes": 0}, "refuse", "No usable speech"),
        ({"mouth_scale": 0.25}, "usable", "4.0 times"),
        ({"mouth_scale": 0.1}, "refuse", "nearer to the camera"),
        ({"sharpness": 0.03}, "refuse", "blurred"),
        ({"light_change": 0.4}, "usable", "light"),
        ({"marked_share": 0.7}, "refuse", "no face 3 s"),
        ({"silence_s": 0}, "usable", "silent"),
        ({"fps": 15}, "usable", "15 frames a second"),
        ({"viseme_seconds": {"aa": 5.0}}, "usable", "most sounds"),
        ({"viseme_seconds": GOOD.viseme_seconds | dict.fromkeys(("sh", "th", "w", "r"), 0.1)},
         "usable", "w, r, th, sh"),
        ({"yaw": (-2, 2)}, "usable", "look around"),
        ({"light": 30}, "usable", "dark"),
        ({"still": False}, "usable", "on a stand"),
        ({"shrunk": True}, "usable", "from further away"),
        ({"tilt": -88}, "refuse", "on its side"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(change: dict, verdict: str, words: str):
    found, reasons = judge(replace(GOOD, **change))
    assert found == verdict and len(reasons) == 1 and words in reasons[0]


def test_the_gravest_reason_comes_first():
    verdict, reasons = judge(replace(GOOD, fps=15, speech_minutes=0.1, still=False))
    assert verdict == "refuse" and len(reasons) == 3 and "speech" in reasons[0]


def test_light_that_flickers_is_not_light_that_changes():
    frames = np.arange(1000)
    assert light_change(120 + 30 * (frames % 2), Fraction(25)) < 0.05
    assert light_change(np.linspace(80, 160, 1000), Fraction(25)) == pytest.approx(0.53, abs=0.05)


def test_angles_are_those_of_the_picture():
    """The camera looks along z, with y down; a face looks against z."""
    degrees = np.linspace(-20, 20, 41)
    for axis, column, sign in (("y", 0, -1), ("x", 1, 1), ("z", 2, 1)):
        angles = euler(Rotation.from_euler(axis, degrees[:, None], degrees=True).as_matrix())
        assert np.allclose(angles[:, column], sign * degrees, atol=1e-6)
        assert np.abs(np.delete(angles, column, axis=1)).max() < 1e-6


def test_the_eyes_tell_how_a_film_lies():
    keypoints = np.zeros((3, 68, 2))
    keypoints[:, 42:48] = (0, 10)
    assert tilt(keypoints) == pytest.approx(90)


def test_marks_are_stretches_of_seconds():
    why = ["", "no face", "no face", "a cut", "", "no face"]
    assert marks_of(why, 0, 6, Fraction(2)) == [
        {"start_s": 0.5, "end_s": 1.5, "why": "no face"},
        {"start_s": 1.5, "end_s": 2.0, "why": "a cut"},
        {"start_s": 2.5, "end_s": 3.0, "why": "no face"},
    ]
    assert marks_of(why, 2, 3, Fraction(2)) == [{"start_s": 1.0, "end_s": 1.5, "why": "no face"}]
