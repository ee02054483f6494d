from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest

from avatar.speech.phonemes import VISEMES, Phone
from avatar.speech.visemes import viseme_track
from avatar.ui.timeline import GROUPS, timeline


def track(seconds: float):
    count = max(int(seconds / 0.4), 1)
    phones = [Phone(i * 0.4, i * 0.4 + 0.2, "AA" if i % 2 else "P") for i in range(count)]
    time = np.arange(int(seconds * 16_000)) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    return viseme_track(phones, sound, Fraction(25))


def test_every_mouth_shape_but_silence_has_a_colour():
    members = [viseme for _, group in GROUPS.values() for viseme in group]
    assert sorted(members) == sorted(set(VISEMES) - {"sil"})


@pytest.mark.parametrize("seconds", [0.04, 3.0, 300.0])
def test_well_formed_and_bounded_at_any_length(seconds):
    html = timeline(track(seconds))
    root = ElementTree.fromstring(html)
    assert root.get("data-seconds") == f"{len(track(seconds)) / 25:.3f}"
    assert "nan" not in html
    assert len(html) < 1_000_000


def test_a_stripe_for_each_shape_in_time_order():
    root = ElementTree.fromstring(timeline(track(2.0)))
    stripes = [r for r in root.iter("rect") if r.get("class") in ("closed", "open")]
    assert [s.get("class") for s in stripes] == ["closed", "open"] * 2 + ["closed"]
    starts = [float(s.get("x")) for s in stripes]
    assert starts == sorted(starts)
