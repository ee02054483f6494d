"""How often the right mouth shape is shown: sound alone against exact or aligned phone times.

    python -m avatar.metrics.visemes CAPTURE GRID

prints a Markdown table. CAPTURE is a folder with ``takes/train_*.wav`` and ``.phones.tsv``; GRID a
folder of clips of the GRID corpus, whose file names encode their sentences.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..speech.align import align
from ..speech.audio import load_sound
from ..speech.causal import causal_track
from ..speech.phonemes import VISEMES, Phone
from ..speech.prosody import frame_levels
from ..speech.recognize import recognize, visemes_at
from ..speech.visemes import VisemeTrack, viseme_track
from ..timing import SAMPLE_RATE, frame_count

FPS = Fraction(25)
VOWELS = VISEMES[1:11]
SIL, BILABIAL = VISEMES.index("sil"), VISEMES.index("pbm")

DIGITS = "zero one two three four five six seven eight nine".split()
GRID_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},  # the letter itself
    dict(zip("z123456789", DIGITS, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


@dataclass(frozen=True)
class Example:
    """A sound with the shapes that it should show."""

    sound: np.ndarray
    """(N,) float32, 16 kHz."""
    truth: np.ndarray
    """(T,) int, index into ``VISEMES`` at each frame's centre."""


def frame_visemes(phones: list[Phone], frames: int, fps: Fraction = FPS) -> np.ndarray:
    """Index into ``VISEMES`` at the centre of each frame, (frames,) int."""
    return visemes_at(phones, (np.arange(frames) + 0.5) / float(fps))


def strongest(track: VisemeTrack) -> np.ndarray:
    """Index into ``VISEMES`` of the shape that weighs most in each row, (T,) int.

    Neighbours blend in a track, and closures hold longer than their phones, so even the track of
    exact phone times does not show the phone of every frame.
    """
    return track.values[:, : len(VISEMES)].argmax(axis=1)


def accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of frames with the right shape; both (T,) int."""
    return float(np.mean(truth == guess))


def speech_accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of the frames that are speech in truth with the right shape; both (T,) int."""
    speech = truth != SIL
    return float(np.mean(truth[speech] == guess[speech]))


def closures_found(truth: np.ndarray, guess: np.ndarray, tolerance: int = 1) -> tuple[int, int]:
    """Count the lip closures (runs of p, b, m) of ``truth`` that ``guess`` shows in time.

    Args:
        truth: (T,) int.
        guess: (T,) int.
        tolerance: frames by which a closure may be early or late.

    Returns:
        found, all. Swap the arguments for precision instead of recall.
    """
    inside = np.concatenate([[0], truth == BILABIAL, [0]])
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2)  # first frame, frame after the last
    found = sum(
        bool((guess[max(first - tolerance, 0) : last + tolerance] == BILABIAL).any())
        for first, last in edges
    )
    return found, len(edges)


def energy_mouth(examples: list[Example]) -> list[np.ndarray]:
    """The mouth that a loudness meter could drive: one vowel when loud, ``sil`` when quiet.

    The vowel and the threshold below each sound's peak are those that score best on these examples:
    no energy-only mouth can do better.
    """
    shapes = np.bincount(np.concatenate([e.truth for e in examples]), minlength=len(VISEMES))
    vowel = max((VISEMES.index(name) for name in VOWELS), key=lambda index: shapes[index])
    levels = [frame_levels(e.sound, FPS) for e in examples]
    guesses = [
        [np.where(level > level.max() - drop, vowel, SIL) for level in levels]
        for drop in range(1, 60)
    ]
    return max(guesses, key=lambda guess: _pooled(accuracy, examples, guess))


def grid_sentence(stem: str) -> str:
    """The sentence of a GRID file name: "bbaf2n" -> "bin blue at f two now"."""
    return " ".join(words.get(key, key) for words, key in zip(GRID_WORDS, stem, strict=True))


def capture_examples(capture: Path) -> list[Example]:
    """The train takes of a capture that hold speech, with their exact phone times."""
    examples = []
    for path in sorted((capture / "takes").glob("train_[0-9]*.wav")):
        sound = load_sound(path)
        rows = (line.split("\t") for line in path.with_suffix(".phones.tsv").open())
        phones = [Phone(float(a), float(b), symbol.strip()) for a, b, symbol in rows]
        examples.append(Example(sound, frame_visemes(phones, frame_count(len(sound), FPS))))
    return examples


def grid_examples(grid: Path) -> list[Example]:
    """GRID clips with the phone times of their forced alignment."""
    examples = []
    for path in sorted(grid.glob("*.mpg")):
        sound = load_sound(path)
        phones = align(sound, grid_sentence(path.stem))
        examples.append(Example(sound, frame_visemes(phones, frame_count(len(sound), FPS))))
    return examples


def table(sets: dict[str, list[Example]]) -> str:
    """A Markdown table: sound alone, also as it comes, and two baselines on each named set."""
    lines = [
        "| sounds | source | frames right | speech frames right | closures found | "
        "closures shown that are real |",
        "|---|---|---|---|---|---|",
    ]
    for name, examples in sets.items():
        start = time.process_time()
        phones = [recognize(e.sound) for e in examples]
        middle = time.process_time()
        live = [strongest(causal_track(e.sound, FPS)) for e in examples]
        end = time.process_time()
        length = sum(len(e.sound) for e in examples) / SAMPLE_RATE
        most = np.bincount(np.concatenate([e.truth for e in examples])).argmax()
        pairs = list(zip(phones, examples, strict=True))
        rows = {
            f"sound alone ({length / (middle - start):.0f} times real time on one core)":
                [frame_visemes(heard, len(e.truth)) for heard, e in pairs],
            "sound alone, strongest shape of its track":
                [strongest(viseme_track(heard, e.sound, FPS)) for heard, e in pairs],
            f"sound alone, causal, strongest shape of its track "
            f"({length / (end - middle):.0f} times real time on one core)": live,
            f"majority class ({VISEMES[most]})": [np.full_like(e.truth, most) for e in examples],
            "loudness only (best threshold)": energy_mouth(examples),
        }  # fmt: skip
        for source, guesses in rows.items():
            lines.append(f"| {name} | {source} | {_row(examples, guesses)} |")
    return "\n".join(lines)


def _row(examples: list[Example], guesses: list[np.ndarray]) -> str:
    recall = np.sum([closures_found(e.truth, g) for e, g in zip(examples, guesses, strict=True)], 0)
    real = np.sum([closures_found(g, e.truth) for e, g in zip(examples, guesses, strict=True)], 0)
    return (
        f"{_pooled(accuracy, examples, guesses):.1%} | "
        f"{_pooled(speech_accuracy, examples, guesses):.1%} | "
        f"{recall[0]} of {recall[1]} | {real[0]} of {real[1]}"
    )


def _pooled(
    metric: Callable[[np.ndarray, np.ndarray], float],
    examples: list[Example],
    guesses: list[np.ndarray],
) -> float:
    """A metric over the frames of all examples together."""
    return metric(np.concatenate([e.truth for e in examples]), np.concatenate(guesses))


def main() -> None:
    """Print the table for the folders on the command line."""
    parser = argparse.ArgumentParser(description="Viseme accuracy of sound alone.")
    parser.add_argument("capture", type=Path, help="folder with takes/train_*.wav and .phones.tsv")
    parser.add_argument("grid", type=Path, help="folder of GRID clips (*.mpg)")
    args = parser.parse_args()
    print(
        table(
            {
                "capture, exact phone times": capture_examples(args.capture),
                "GRID, forced alignment": grid_examples(args.grid),
            }
        )
    )


if __name__ == "__main__":
    main()
