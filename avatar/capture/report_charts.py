"""Charts of a prepared capture: where the head goes, what is said, what happens when."""

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..speech.phonemes import VISEMES
from .quality import ENOUGH_S, NODDED, TURNED
from .tracking import AWAY, CUT, HAND, NO_FACE, TWO_FACES

INK, RULE, GOOD, POOR = "#282c34", "#d8dce2", "#2a9d6f", "#d1495b"
REASONS = {
    NO_FACE: "#d1495b", TWO_FACES: "#7b5ea7", HAND: "#e08e45", CUT: "#3b3f46", AWAY: "#4c86b8",
}  # fmt: skip
SPANS = 1_000
"""Most values a line has."""


def pose_chart(angles: np.ndarray) -> bytes:
    """Where the head points: PNG of (T, 3) degrees of yaw, pitch and roll."""
    figure = _figure(10, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    yaw, pitch, _ = angles.T
    left.hexbin(yaw, pitch, gridsize=36, cmap="viridis", mincnt=1, bins="log", linewidths=0)
    for values, wanted, line in ((yaw, TURNED, left.axvline), (pitch, NODDED, left.axhline)):
        for edge in np.percentile(values, [5, 95]):
            line(edge, color=GOOD if np.ptp(np.percentile(values, [5, 95])) >= wanted else POOR,
                 linewidth=1.2, linestyle="--")  # fmt: skip
    left.invert_yaxis()
    left.set(xlabel="yaw, degrees, to image right", ylabel="pitch, degrees, down",
             title="Where the head points")  # fmt: skip
    for values, name, colour in zip(
        angles.T, ("yaw", "pitch", "roll"), ("#4c86b8", "#e08e45", "#7b5ea7"), strict=True
    ):
        right.hist(values, bins=40, histtype="step", color=colour, label=name, linewidth=1.6)
    right.set(xlabel="degrees from the middle", ylabel="frames", title="How often")
    right.legend(frameon=False)
    return _png(figure)


def viseme_chart(seconds: dict[str, float]) -> bytes:
    """How long each mouth shape is seen: PNG."""
    figure = _figure(10, 3.4)
    axes = figure.subplots()
    names = [name for name in VISEMES if name != "sil"]
    values = [seconds[name] for name in names]
    colours = [GOOD if value >= ENOUGH_S else POOR for value in values]
    axes.bar(names, values, color=colours, width=0.7)
    axes.axhline(ENOUGH_S, color=INK, linewidth=1, linestyle="--")
    axes.text(1.005, ENOUGH_S, f"{ENOUGH_S:g} s", va="center", color=INK,
              transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set(ylabel="seconds seen", title="Mouth shapes")
    return _png(figure)


def timeline_chart(
    why: Sequence[str],
    light: np.ndarray,
    sharpness: np.ndarray,
    speaking: np.ndarray,
    fps: Fraction,
) -> bytes:
    """What happens when: PNG.

    Args:
        why: T reasons to leave a frame out, "" to use it.
        light: (T,) mean grey of the face.
        sharpness: (T,) 0..1.
        speaking: (T,) 0..1.
        fps: frames per second.
    """
    figure = _figure(10, 4.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 2))
    short = len(why) < 180 * fps
    times = np.arange(len(why)) / float(fps) / (1 if short else 60)
    top.fill_between(times, 0, speaking, color="#9fb8cc", linewidth=0, label="speech")
    for reason, colour in REASONS.items():
        here = np.array([each == reason for each in why])
        if here.any():
            top.fill_between(times, 0, 1, where=here, color=colour, step="mid", label=reason)
    top.set(yticks=[], ylim=(0, 1), title="Speech, and what is left out")
    top.legend(frameon=False, ncols=6, loc="lower left", bbox_to_anchor=(0, 1.25), fontsize=8)
    for axes, values, name in ((middle, light, "light, grey"), (bottom, sharpness, "sharpness")):
        at, line = _thinned(times, np.where([not w for w in why], values, np.nan))
        axes.plot(at, line, color="#4c86b8", linewidth=1)
        axes.set(ylabel=name)
    middle.set_ylim(0, 255)
    bottom.set_ylim(0, None)
    bottom.set_xlabel("seconds" if short else "minutes")
    return _png(figure)


def _thinned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of as many neighbours as leave few enough of them."""
    span = max(-(-len(values) // SPANS), 1)
    starts = range(0, len(values), span)
    parts = [values[start : start + span] for start in starts]
    means = [np.nanmean(part) if np.isfinite(part).any() else np.nan for part in parts]
    return times[::span], np.array(means)


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")


def _png(figure) -> bytes:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
        axes.tick_params(colors=INK, length=0)
        axes.title.set(fontsize=11, color=INK)
        axes.set_axisbelow(True)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
