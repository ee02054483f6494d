"""The viseme timeline: what the mouth does, over how loud it is, as one picture made of text."""

from html import escape
from itertools import groupby
from pathlib import Path

import numpy as np

from ..speech.phonemes import VISEMES
from ..speech.visemes import VisemeTrack

PLAYHEAD = Path(__file__).with_name("timeline.js").read_text(encoding="utf-8")
"""Script that lets the figure and the video follow each other."""
NARROWEST = 340
"""Pixels that the figure is stretched to at least."""
HEIGHT, WAVE, STRIPE = 176, 104, 34
"""Pixels: the whole picture, the part with the curves, the row of stripes under it."""
SCALES = ((12, 96), (45, 56), (120, 28), (float("inf"), 12))
"""Pixels a second for sounds up to so many seconds: a long one must stay readable and small."""

GROUPS = {
    "closed": ("lips closed", ("pbm",)),
    "teeth": ("lip or tongue on teeth", ("fv", "th")),
    "open": ("open", ("aa", "ae", "ah", "ao", "eh")),
    "wide": ("wide", ("ih", "iy", "sz")),
    "round": ("rounded", ("ow", "uw", "w", "r", "er", "sh")),
    "tongue": ("tongue", ("l", "tdn", "kg")),
}
"""Class in the style sheet: (what people read, its visemes)."""
_CLASS_OF = {viseme: name for name, (_, members) in GROUPS.items() for viseme in members}


def timeline(track: VisemeTrack) -> str:
    """Draw a track as HTML: loudness, lip opening, one stripe for each mouth shape, a ruler.

    Args:
        track: the 34 named channels.

    Returns:
        A scrollable figure, whose playhead the page moves.
    """
    fps = float(track.fps)
    seconds = len(track) / fps
    scale = next(pixels for longest, pixels in SCALES if seconds <= longest)
    x = np.arange(len(track)) / fps * scale
    width = max(seconds * scale, 1)
    loudness, opening = (track.values[:, track.names.index(n)] for n in ("loudness", "jaw_open"))
    parts = [
        f'<path class="loudness" d="{_mirrored(x, loudness, width)}"/>',
        f'<path class="opening" d="{_curve(x + scale / fps / 2, opening)}"/>',
        *_stripes(track, scale / fps),
        *_ruler(seconds, scale),
    ]
    legend = "".join(
        f'<span><i class="{name}"></i>{label}</span>' for name, (label, _) in GROUPS.items()
    )
    return (
        f'<figure class="timeline" data-seconds="{seconds:.3f}"><figcaption>'
        '<b>Mouth shapes</b><span><i class="opening-key"></i>jaw opening</span>'
        f'<span><i class="loudness-key"></i>loudness</span>{legend}</figcaption>'
        '<div class="scroll" tabindex="0" role="img" aria-label="Mouth shapes over time">'
        f'<svg viewBox="0 0 {width:.1f} {HEIGHT}" preserveAspectRatio="none" '
        f'style="width:max(100%,{width:.0f}px);height:{HEIGHT}px">{"".join(parts)}</svg>'
        f'{_labels(track, scale, seconds)}<div class="playhead"></div></div></figure>'
    )


def _mirrored(x: np.ndarray, values: np.ndarray, width: float) -> str:
    """A filled shape around the middle of the upper part."""
    middle, half = WAVE / 2, WAVE / 2 - 4
    upper = [f"{a:.1f} {middle - half * v:.1f}" for a, v in zip(x, values, strict=True)]
    lower = [f"{a:.1f} {middle + half * v:.1f}" for a, v in zip(x, values, strict=True)][::-1]
    return f"M0 {middle}L{'L'.join(upper)}L{width:.1f} {middle}L{'L'.join(lower)}Z"


def _curve(x: np.ndarray, values: np.ndarray) -> str:
    points = (f"{a:.1f} {WAVE - 6 - (WAVE - 12) * v:.1f}" for a, v in zip(x, values, strict=True))
    return f"M{'L'.join(points)}"


def _runs(track: VisemeTrack) -> list[tuple[str, int, int]]:
    """(viseme, first frame, frame after the last) of each stretch with one strongest shape."""
    strongest = track.values[:, : len(VISEMES)].argmax(axis=1)
    runs, start = [], 0
    for index, members in groupby(strongest):
        stop = start + sum(1 for _ in members)
        runs.append((VISEMES[index], start, stop))
        start = stop
    return runs


def _stripes(track: VisemeTrack, pixels_a_frame: float) -> list[str]:
    top = WAVE + 10
    return [
        f'<rect class="{_CLASS_OF[viseme]}" x="{start * pixels_a_frame:.1f}" y="{top}" '
        f'width="{max((stop - start) * pixels_a_frame - 0.8, 0.8):.1f}" height="{STRIPE}" rx="3">'
        f"<title>{viseme}, {start / float(track.fps):.2f} s</title></rect>"
        for viseme, start, stop in _runs(track)
        if viseme in _CLASS_OF
    ]


def _ruler(seconds: float, scale: float) -> list[str]:
    return [
        f'<path class="tick" d="M{t * scale:.1f} 0V{HEIGHT - 20}"/>' for t in _ticks(seconds, scale)
    ]


def _ticks(seconds: float, scale: float) -> np.ndarray:
    """Round times at least 60 px apart."""
    step = next((s for s in (1, 2, 5, 10, 30) if s * scale >= 60), 60)
    return np.arange(0, seconds + 1e-6, step)


def _labels(track: VisemeTrack, scale: float, seconds: float) -> str:
    """Names and times over the picture, in the page's own letters, which must not be stretched."""
    fps, shown = float(track.fps), max(scale, NARROWEST / seconds)
    names = [
        f'<span class="name" style="left:{100 * (start + stop) / 2 / len(track):.2f}%">'
        f"{escape(viseme)}</span>"
        for viseme, start, stop in _runs(track)
        if viseme in _CLASS_OF and (stop - start) / fps * shown >= 5 + 6 * len(viseme)
    ]
    times = [
        f'<span class="time" style="left:{100 * t / seconds:.2f}%">{t:g} s</span>'
        for t in _ticks(seconds, scale)
        if t < seconds * 0.97 or t == 0
    ]
    return (
        f'<div class="labels" style="width:max(100%,{seconds * scale:.0f}px)">'
        f"{''.join(names + times)}</div>"
    )
