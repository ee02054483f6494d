"""How good a prepared film is for learning a person: figures, a verdict, and what to film again.

Each bar says why it is where it is; the verdict is that of the worst figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..face.keypoints import LEFT_EYE, RIGHT_EYE
from ..speech.phonemes import VISEMES
from .layout import VERDICTS

GOOD, USABLE, REFUSE = VERDICTS
ENOUGH_S = 1.0
"""Seconds for which a mouth shape must be seen: two dozen frames of it."""


class Bar(NamedTuple):
    """What a figure must reach."""

    good: float
    usable: float
    """Beyond this the film is refused."""


BARS = {
    # The rarest shapes are a hundredth of English: five minutes show them for 3 s, one for 0.6 s.
    "speech_minutes": Bar(5.0, 1.0),
    # A mouth picture is 2.67 times the head frame. From 1/3 on the head frame is about as fine as
    # the film, and lips are magnified three times; at 1/6 six times, and teeth are blurs.
    "mouth_scale": Bar(1 / 3, 1 / 6),
    # Mira's rendered frames have 0.30; blurred by 1 px 0.15, by 2 px 0.08, by 3 px 0.055.
    "sharpness": Bar(0.12, 0.05),
    # Change of the face's brightness between its darkest and lightest tenth, as a share of it.
    "light_change": Bar(0.20, 0.60),
    "marked_share": Bar(0.10, 0.50),
    # Silence shows the mouth at rest; without any, the frames in which it is least open do.
    "silence_s": Bar(5.0, 0.0),
    "fps": Bar(23.0, 12.0),
    # What is white has no shape left.
    "clipped_share": Bar(0.05, 0.40),
}
"""Figures by name. Where ``good`` is above ``usable`` more is better, else less."""
LIGHTEST, DARKEST = 215, 55
"""Greys between which a face should be."""
LYING = 45
"""Degrees from which on a head does not sit upright."""
MISSING = 3
"""Mouth shapes that may be seen too little in a good film."""
TURNED, NODDED = 12.0, 6.0
"""Degrees between the outer twentieths of yaw and pitch in a good film: what the head never does
cannot be learnt."""


@dataclass(frozen=True)
class Figures:
    """What was measured in a prepared film."""

    speech_minutes: float
    """Usable frames in which something is said."""
    mouth_scale: float
    """Pixels of the film to a pixel of the mouth picture."""
    sharpness: float
    light: float
    """Median grey of the face."""
    light_change: float
    clipped_share: float
    yaw: tuple[float, float]
    """Degrees, 5th and 95th percentile; + to image right."""
    pitch: tuple[float, float]
    """Likewise; + down."""
    roll: tuple[float, float]
    """Likewise; + clockwise."""
    tilt: float
    """Degrees by which the eyes' line is turned in the picture; + clockwise."""
    viseme_seconds: dict[str, float]
    marked_share: float
    marks: dict[str, float]
    """Seconds left out by reason."""
    silence_s: float
    fps: float
    still: bool
    """Whether the camera stands still."""
    shrunk: bool
    """Whether the crop had to be smaller than it should be, because the face is so near."""


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """5th and 95th percentile."""
    low, high = np.percentile(values, [5, 95])
    return float(low), float(high)


def light_change(light: np.ndarray, fps: Fraction) -> float:
    """By how much the face's brightness changes slowly, from second to second: the span between
    its outer tenths over its median; of (T,) greys."""
    second = max(round(fps), 1)
    slow = [float(np.mean(light[i : i + second])) for i in range(0, len(light), second)]
    low, middle, high = np.percentile(slow, [10, 50, 90])
    return float((high - low) / max(middle, 1.0))


def euler(rotations: np.ndarray) -> np.ndarray:
    """(T, 3) yaw, pitch and roll in degrees from the middle of rotations (T, 3, 3), canonical ->
    camera; yaw + to image right, pitch + down, roll + clockwise."""
    turns = rotations @ Rotation.from_matrix(rotations).mean().as_matrix().T
    around_y, around_x, around_z = Rotation.from_matrix(turns).as_euler("YXZ", degrees=True).T
    return np.stack([-around_y, around_x, around_z], axis=1)  # y points down


def tilt(keypoints: np.ndarray) -> float:
    """Degrees by which the line of the eyes is usually turned, of keypoints (T, 68, 2)."""
    right, left = (np.median(keypoints[:, list(eye)].mean(axis=1), axis=0)
                   for eye in (RIGHT_EYE, LEFT_EYE))  # fmt: skip
    return float(np.degrees(np.arctan2(*(left - right)[::-1])))


def judge(figures: Figures) -> tuple[str, list[str]]:
    """The verdict and its reasons, the gravest first; none where all is good."""
    found = [*_by_bars(figures), *_by_eye(figures)]
    if abs(figures.tilt) > LYING:
        found.append((REFUSE, "The film lies on its side; turn it."))
    found.sort(key=lambda reason: -VERDICTS.index(reason[0]))
    return (found[0][0] if found else GOOD), [sentence for _, sentence in found]


def _by_bars(figures: Figures) -> list[tuple[str, str]]:
    sentences = {
        "speech_minutes": f"{_minutes(figures.speech_minutes)}; film at least "
        f"{BARS['speech_minutes'].good:.0f} minutes in which you talk without a stop.",
        "mouth_scale": f"The mouth is small: its pictures are magnified "
        f"{1 / max(figures.mouth_scale, 1e-3):.1f} times; go nearer to the camera, or film with "
        "more pixels.",
        "sharpness": "The face is blurred; clean the lens, let the camera focus on the face, and "
        "film in more light.",
        "light_change": f"The light on the face changes by {figures.light_change:.0%}; film away "
        "from windows and screens, and lock the exposure.",
        "marked_share": f"{figures.marked_share:.0%} of the frames had to be left out "
        f"({_why(figures.marks)}); stay alone in the picture, with hands and things away from the "
        "mouth.",
        "silence_s": f"Only {figures.silence_s:.1f} s are silent; rest for some seconds, mouth "
        "closed, between sentences.",
        "fps": f"The film has only {figures.fps:.3g} frames a second; film with 25 or 30.",
        "clipped_share": f"{figures.clipped_share:.0%} of the face is white; film in softer light.",
    }
    graded = [(grade(name, getattr(figures, name)), sentences[name]) for name in BARS]
    return [(verdict, sentence) for verdict, sentence in graded if verdict != GOOD]


def _by_eye(figures: Figures) -> list[tuple[str, str]]:
    """What makes a film usable rather than good, and never worse."""
    rare = rare_visemes(figures.viseme_seconds)
    turned, nodded = (high - low for low, high in (figures.yaw, figures.pitch))
    names = ", ".join(rare) if len(rare) < len(VISEMES) / 2 else "most sounds"
    found = {
        f"The mouth shapes of {names} are seen for less than {ENOUGH_S:.0f} s each; read a longer "
        "text that has all sounds.": len(rare) > MISSING,
        f"The head turns by {turned:.0f} and nods by {nodded:.0f} degrees only; look around a "
        "little while you talk.": turned < TURNED or nodded < NODDED,
        "The face is dark; film in more light.": figures.light < DARKEST,
        "The face is very bright; film in softer light.": figures.light > LIGHTEST,
        "The camera or what is behind you moves; put the camera on a stand, before a plain "
        "wall.": not figures.still,
        "The face fills the picture; film from further away, with room around head and "
        "shoulders.": figures.shrunk,
    }
    return [(USABLE, sentence) for sentence, so in found.items() if so]


def rare_visemes(seconds: dict[str, float]) -> list[str]:
    """Mouth shapes that are seen too little."""
    return [name for name in VISEMES[1:] if seconds.get(name, 0.0) < ENOUGH_S]


def grade(name: str, value: float) -> str:
    """The verdict of one figure by its bar."""
    good, usable = BARS[name]
    sign = 1 if good > usable else -1
    if sign * value >= sign * good:
        return GOOD
    return USABLE if sign * value >= sign * usable else REFUSE


def _minutes(minutes: float) -> str:
    if minutes == 0:
        return "No usable speech is heard: it cannot be learnt what the mouth does"
    length = f"{minutes * 60:.0f} s" if minutes < 2 else f"{minutes:.1f} minutes"
    return f"Only {length} of usable speech"


def _why(marks: dict[str, float]) -> str:
    parts = sorted(marks.items(), key=lambda mark: -mark[1])
    return ", ".join(f"{reason} {seconds:.0f} s" for reason, seconds in parts)


def marks_of(why: Sequence[str], start: int, stop: int, fps: Fraction) -> list[dict[str, Any]]:
    """Stretches of frames ``start`` to ``stop`` that are left out, and why: seconds of the film."""
    marks: list[dict[str, Any]] = []
    frame = start
    for reason, frames in groupby(why[start:stop]):
        first, frame = frame, frame + len(list(frames))
        if reason:
            begin, end = (round(float(value / fps), 2) for value in (first, frame))
            marks.append({"start_s": begin, "end_s": end, "why": reason})
    return marks


def middle_frame(mark: dict[str, Any], fps: Fraction) -> int:
    """Frame of the film in the middle of a mark."""
    return int((mark["start_s"] + mark["end_s"]) / 2 * fps)
