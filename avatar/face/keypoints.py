"""The 68-keypoint schema (iBUG-68) and its groups; "right" and "left" are the person's own."""

from typing import NamedTuple

COUNT = 68
"""Keypoints of a face."""


class Line(NamedTuple):
    """Keypoints that a drawing joins."""

    points: tuple[int, ...]
    closed: bool


JAW = tuple(range(0, 17))
BROWS = tuple(range(17, 27))
NOSE = tuple(range(27, 36))
EYES = tuple(range(36, 48))
MOUTH = tuple(range(48, 68))

RIGHT_EYE = tuple(range(36, 42))
LEFT_EYE = tuple(range(42, 48))
NOSE_BASE = 33
INNER_LIP_TOP, INNER_LIP_BOTTOM = 62, 66

GROUPS: dict[str, tuple[int, ...]] = {
    "jaw": JAW, "brows": BROWS, "nose": NOSE, "eyes": EYES, "mouth": MOUTH,
}  # fmt: skip

UPPER_FACE_LINES = (
    Line(tuple(range(17, 22)), closed=False),
    Line(tuple(range(22, 27)), closed=False),
    Line(tuple(range(27, 31)), closed=False),
    Line(tuple(range(31, 36)), closed=False),
    Line(RIGHT_EYE, closed=True),
    Line(LEFT_EYE, closed=True),
)
"""What the renderer's drawing shows of the face: no mouth, no jaw, no chin (G13)."""

MOUTH_LINES = (
    Line(tuple(range(48, 60)), closed=True),
    Line(tuple(range(60, 68)), closed=True),
    Line(JAW, closed=False),
)
"""What the oracle's drawings show beside that: lips and jaw."""
