"""Phones and sound to the viseme track: 34 numbers a frame that say what the mouth does.

21 viseme weights that sum to 1 after co-articulation (dominance curves after Cohen and Massaro,
1993), then 13 articulation and prosody channels (paper, section 4.2 and gap G3).
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import AvatarError
from ..files import replacing
from ..timing import frame_count, parse_fps
from .phonemes import VISEMES, Phone, Segment, segments
from .prosody import Prosody, prosody

ARTICULATION = (
    "jaw_open", "lip_width", "lip_round", "lip_close", "labiodental", "dental",
    "tongue_tip", "tongue_back", "teeth", "voicing", "loudness", "loudness_slope", "pitch",
)  # fmt: skip
NAMES = VISEMES + ARTICULATION
"""The 34 channels; the order is a contract with every trained network."""

WINDOW = 6
"""Rows that one picture is made from: frame i sees i-3 .. i+2 (G16)."""

LEAD, LAG = 0.055, 0.045
"""Spread in seconds of a shape's influence before and after it (about 100 ms of anticipation)."""
PLATEAU = 0.5
"""Share of a segment over which its shape holds in full."""
CLOSURES = ("pbm", "fv", "w", "uw", "th")
"""Shapes that must be reached in full however short they are."""
CLOSURE_REACH = 0.5
"""Half-width in frames over which a closure holds: it always covers the centre of one frame."""

# How strongly each shape holds against its neighbours: lips that must touch win over the tongue.
# Spread and strengths are those from which a linear fit best tells the lips of the capture's
# unseen train takes (R2 0.86 opening, 0.83 width, 0.93 lower lip).
DOMINANCE = dict.fromkeys(VISEMES, 1.0) | {
    "sil": 0.3, "aa": 1.5, "ae": 1.5, "eh": 1.5, "ih": 1.5, "ow": 1.4, "uw": 1.6, "w": 3.5,
    "l": 0.5, "pbm": 5.0, "fv": 4.0, "th": 1.2, "tdn": 0.6, "sh": 2.2, "kg": 0.5,
}  # fmt: skip

# Targets: jaw, width, round, close, labiodental, dental, tongue tip, tongue back, teeth; 0..1.
TARGETS = {
    "sil": (0.00, 0.30, 0.10, 0.55, 0.0, 0.0, 0.0, 0.0, 0.0),
    "aa":  (1.00, 0.45, 0.00, 0.00, 0.0, 0.0, 0.0, 0.4, 0.3),
    "ae":  (0.85, 0.70, 0.00, 0.00, 0.0, 0.0, 0.0, 0.0, 0.5),
    "ah":  (0.50, 0.45, 0.05, 0.00, 0.0, 0.0, 0.0, 0.0, 0.3),
    "ao":  (0.80, 0.20, 0.60, 0.00, 0.0, 0.0, 0.0, 0.5, 0.1),
    "eh":  (0.60, 0.70, 0.00, 0.00, 0.0, 0.0, 0.0, 0.0, 0.5),
    "er":  (0.35, 0.30, 0.45, 0.00, 0.0, 0.0, 0.3, 0.2, 0.4),
    "ih":  (0.35, 0.75, 0.00, 0.00, 0.0, 0.0, 0.0, 0.0, 0.6),
    "iy":  (0.20, 1.00, 0.00, 0.00, 0.0, 0.0, 0.1, 0.0, 0.8),
    "ow":  (0.55, 0.10, 0.80, 0.00, 0.0, 0.0, 0.0, 0.5, 0.0),
    "uw":  (0.20, 0.00, 1.00, 0.10, 0.0, 0.0, 0.0, 0.6, 0.0),
    "w":   (0.10, 0.00, 1.00, 0.30, 0.0, 0.0, 0.0, 0.5, 0.0),
    "r":   (0.25, 0.25, 0.55, 0.00, 0.0, 0.0, 0.5, 0.0, 0.4),
    "l":   (0.40, 0.55, 0.00, 0.00, 0.0, 0.0, 1.0, 0.0, 0.4),
    "pbm": (0.00, 0.35, 0.10, 1.00, 0.0, 0.0, 0.0, 0.0, 0.0),
    "fv":  (0.10, 0.50, 0.00, 0.20, 1.0, 0.0, 0.0, 0.0, 0.5),
    "th":  (0.25, 0.50, 0.00, 0.00, 0.0, 1.0, 0.7, 0.0, 0.5),
    "tdn": (0.25, 0.55, 0.00, 0.00, 0.0, 0.0, 1.0, 0.0, 0.6),
    "sz":  (0.10, 0.70, 0.00, 0.00, 0.0, 0.0, 0.6, 0.0, 1.0),
    "sh":  (0.15, 0.25, 0.70, 0.00, 0.0, 0.0, 0.4, 0.0, 0.9),
    "kg":  (0.30, 0.50, 0.05, 0.00, 0.0, 0.0, 0.0, 1.0, 0.3),
}  # fmt: skip
_TARGETS = np.array([TARGETS[name] for name in VISEMES], np.float32)  # (21, 9)

SILENCE = np.concatenate([np.eye(len(VISEMES))[0], TARGETS["sil"], np.zeros(4)]).astype(np.float32)
"""The row of a closed, silent mouth, as tracks have it in pauses: what stands before the first and
after the last frame."""


@dataclass(frozen=True)
class VisemeTrack:
    """Speech features of an utterance: shown, edited, exported, imported, scaled."""

    names: tuple[str, ...]
    fps: Fraction
    values: np.ndarray
    """(T, k) float32; row i describes [i/fps, (i+1)/fps)."""

    def __post_init__(self):
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise AvatarError(
                f"A viseme track needs {len(self.names)} numbers a frame, got {self.values.shape}."
            )
        if not np.isfinite(self.values).all():
            raise AvatarError("The viseme track holds NaN or infinite numbers.")

    def __len__(self) -> int:
        return len(self.values)

    def scaled(self, strength: float) -> "VisemeTrack":
        """Blend every frame with silence (0), leave it (1) or exaggerate it (up to 2).

        Raises:
            AvatarError: for a strength outside 0..2.
        """
        check_strength(strength)
        if strength == 1:  # to the bit, which the sum below is not
            return self
        values = SILENCE + strength * (self.values - SILENCE)
        return replace(self, values=values.astype(np.float32))

    def save(self, path: str | Path) -> None:
        """Write JSON or CSV, by the suffix, whole or not at all."""
        path = Path(path)
        text = self._to_csv() if path.suffix.lower() == ".csv" else self._to_json()
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "VisemeTrack":
        """Read what ``save`` wrote.

        Raises:
            AvatarError: if the file is missing or is no such table.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
            read = _read_csv if path.suffix.lower() == ".csv" else _read_json
            names, fps, values = read(text)
            return cls(names, fps, np.asarray(values, np.float32).reshape(-1, len(names)))
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise AvatarError(f"{path.name} is not a viseme track: {error}.") from error

    def _to_json(self) -> str:
        values = [[round(float(v), 5) for v in row] for row in self.values]
        return json.dumps({"fps": str(self.fps), "names": self.names, "values": values})

    def _to_csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow([f"fps={self.fps}", *self.names])
        for i, row in enumerate(self.values):
            writer.writerow([i, *(f"{v:.5f}" for v in row)])
        return out.getvalue()


def check_strength(strength: float) -> None:
    """Raise AvatarError for a strength outside 0..2."""
    if not 0 <= strength <= 2:
        raise AvatarError(f"Mouth strength should be between 0 and 2, not {strength}.")


def _read_json(text: str) -> tuple[tuple[str, ...], Fraction, list]:
    data = json.loads(text)
    return tuple(data["names"]), parse_fps(data["fps"]), data["values"]


def _read_csv(text: str) -> tuple[tuple[str, ...], Fraction, list]:
    header, *rows = csv.reader(io.StringIO(text))
    return tuple(header[1:]), parse_fps(header[0].removeprefix("fps=")), [row[1:] for row in rows]


def viseme_track(phones: Iterable[Phone], sound: np.ndarray, fps: Fraction) -> VisemeTrack:
    """Co-articulate phones and gate them by the sound.

    Args:
        phones: in time order; stretches that none covers count as silence.
        sound: (N,) float32 mono at 16 kHz; sets the number of frames and the gate.
        fps: frames per second.

    Returns:
        The 34-channel track with ceil(N * fps / 16000) frames.
    """
    centres = (np.arange(frame_count(len(sound), fps)) + 0.5) / float(fps)
    shapes = _fill_gaps(segments(phones), len(sound) / 16_000)
    values = viseme_rows(*coarticulate(shapes, centres, fps), prosody(sound, fps))
    return VisemeTrack(NAMES, fps, values)


def viseme_rows(weights: np.ndarray, voicing: np.ndarray, measured: Prosody) -> np.ndarray:
    """The 34 channels of T frames, with the mouth closed where the sound is too quiet for speech.

    Args:
        weights: (T, 21) that sum to 1.
        voicing: (T,) in [0, 1].
        measured: T values of each.

    Returns:
        (T, 34) float32.
    """
    gate = measured.gate[:, None]
    weights = gate * weights + (1 - gate) * SILENCE[: len(VISEMES)]
    prosodic = [voicing * measured.gate, measured.loudness, measured.slope, measured.pitch]
    return np.hstack([weights, weights @ _TARGETS, np.stack(prosodic, axis=1)]).astype(np.float32)


def coarticulate(
    shapes: list[Segment], centres: np.ndarray, fps: Fraction
) -> tuple[np.ndarray, np.ndarray]:
    """Blend neighbouring shapes by dominance curves, sampled at the frames' centres.

    Args:
        shapes: contiguous segments in time order.
        centres: (T,) seconds, ascending.
        fps: frames per second.

    Returns:
        weights (T, 21) that sum to 1, and voicing (T,) in [0, 1].
    """
    weights = np.zeros((len(centres), len(VISEMES)))
    voicing = np.zeros(len(centres))
    for shape in shapes:
        half = (shape.end - shape.start) / 2
        plateau = PLATEAU * half
        if shape.viseme in CLOSURES:
            plateau = max(plateau, CLOSURE_REACH / float(fps))
        reach = plateau + 4 * LEAD
        middle = shape.start + half
        first, last = np.searchsorted(centres, (middle - reach, middle + reach))
        offset = centres[first:last] - middle
        spread = np.where(offset < 0, LEAD, LAG)
        away = np.maximum(np.abs(offset) - plateau, 0) / spread
        curve = DOMINANCE[shape.viseme] * np.exp(-(away**2))
        weights[first:last, VISEMES.index(shape.viseme)] += curve
        voicing[first:last] += curve * shape.voiced
    total = weights.sum(axis=1)
    silent = total < 1e-6
    weights[silent, VISEMES.index("sil")] = 1
    total[silent] = 1
    return weights / total[:, None], voicing / total


def windows(
    values: np.ndarray, size: int = WINDOW, silence: np.ndarray = SILENCE
) -> np.ndarray:
    """Cut features into what each frame sees: size / 2 frames before it, itself and those after.

    Args:
        values: (T, k) float32.
        size: frames a window.
        silence: (k,) what stands beyond both ends.

    Returns:
        (T, size, k) view.
    """
    before = size // 2
    ends = (np.tile(silence, (count, 1)) for count in (before, size - 1 - before))
    padded = np.concatenate([next(ends), values, next(ends)])
    view = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)  # (T, k, size)
    return view.transpose(0, 2, 1)


def between(values: np.ndarray, frames: np.ndarray, fps: Fraction, own: Fraction) -> np.ndarray:
    """Features (T, ...) of ``own`` rows a second in frames (n,) of a film of ``fps``: (n, ...)."""
    at = np.clip((frames + 0.5) * float(own / fps) - 0.5, 0, len(values) - 1)
    before = np.floor(at).astype(int)
    after = np.minimum(before + 1, len(values) - 1)
    share = (at - before).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
    return np.ascontiguousarray(values[before] * (1 - share) + values[after] * share)


def strength_of(track: VisemeTrack, original: VisemeTrack) -> float:
    """How far a track was scaled from its original, for what can follow no other change.

    Raises:
        AvatarError: if it was changed otherwise.
    """
    away, whole = track.values - SILENCE, original.values - SILENCE
    if away.shape == whole.shape:
        strength = float(np.vdot(away, whole) / max(np.vdot(whole, whole), 1e-9))
        if np.allclose(away, strength * whole, atol=1e-4):
            return strength
    raise AvatarError(
        "This identity listens to the sound itself, so an edited viseme track cannot move its "
        "mouth: give it the sound alone."
    )


def _fill_gaps(shapes: list[Segment], seconds: float) -> list[Segment]:
    """Cover the whole sound: what no phone covers is silence."""
    result, time = [], 0.0
    for shape in shapes:
        if shape.start > time + 1e-3:
            result.append(Segment(time, shape.start, "sil", voiced=False))
        result.append(shape)
        time = shape.end
    if seconds > time + 1e-3:
        result.append(Segment(time, seconds, "sil", voiced=False))
    # One long silence has one dominance plateau: cut it so that it holds all along.
    return [piece for shape in result for piece in cut(shape)]


def cut(shape: Segment, longest: float = 0.12) -> list[Segment]:
    """Split a long segment, so that its curve does not sag between its middle and its edges."""
    count = max(int(np.ceil((shape.end - shape.start) / longest)), 1)
    edges = np.linspace(shape.start, shape.end, count + 1)
    return [replace(shape, start=a, end=b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
