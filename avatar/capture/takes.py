"""A film cut into takes: where, with which sound, and what is said in each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import SoundError, TextError
from ..speech.align import align, word_times
from ..speech.audio import load_sound, save_wav, stream_sound
from ..speech.recognize import recognize, visemes_at
from ..timing import SAMPLE_RATE
from .layout import HELD_OUT
from .source import VideoSource

LONGEST_S = 60
"""Takes are at most so long, but for those held out."""
HELD_OUT_SHARE = 10
"""One part in so many of each film, its end, is held out."""
SEARCH_S = 5
"""How far around its place a quieter moment for a cut is looked for."""
LISTENING = 0.95
"""Share of a take that is silent if the person only listens."""


@dataclass(frozen=True)
class Plan:
    """A take to be made."""

    name: str
    film: int
    """Index of the film."""
    start: int
    """First frame, counted in the film."""
    stop: int
    listening: bool = False

    @property
    def frames(self) -> int:
        """How many."""
        return self.stop - self.start


def plan_takes(speaking: Sequence[np.ndarray], fps: Fraction) -> list[Plan]:
    """Cut films into takes at quiet moments; the last tenth of each is held out.

    Args:
        speaking: for each film (T,) 0..1, where something is heard.
        fps: of all films.
    """
    plans: list[Plan] = []
    for film, heard in enumerate(speaking):
        kept = max(len(heard) - len(heard) // HELD_OUT_SHARE, 1)
        edges = [0, *_quiet_moments(heard[:kept], fps), kept]
        for start, stop in zip(edges, edges[1:], strict=False):
            silent = float(np.mean(heard[start:stop] == 0)) > LISTENING
            number = sum(not plan.name.startswith(HELD_OUT) for plan in plans)
            plans.append(Plan(f"train_{number:03d}", film, start, stop, silent))
        if kept < len(heard):
            plans.append(Plan(f"{HELD_OUT}_{film}", film, kept, len(heard)))
    return plans


def _quiet_moments(heard: np.ndarray, fps: Fraction) -> list[int]:
    """Frames to cut at so that no piece is longer than a take may be."""
    pieces = -(-len(heard) // int((LONGEST_S - 2 * SEARCH_S) * fps))
    if len(heard) <= LONGEST_S * fps:
        return []
    reach, smooth = int(SEARCH_S * fps), np.convolve(heard, np.ones(5) / 5, mode="same")
    places = [len(heard) * n // pieces for n in range(1, pieces)]
    return [at - reach + int(smooth[at - reach : at + reach].argmin()) for at in places]


def film_levels(source: VideoSource, frames: int) -> dict[str, np.ndarray]:
    """levels (T,): root mean square of each frame's sound in dBFS; in constant memory."""
    energy = np.zeros(frames)
    starts = frame_starts(frames + 1, source.fps)
    position = 0
    for block in _blocks(source):
        index = np.searchsorted(starts, np.arange(position, position + len(block)), "right") - 1
        inside = index < frames
        energy += np.bincount(index[inside], np.square(block[inside], dtype=float), frames)
        position += len(block)
    return {"levels": 10 * np.log10(np.maximum(energy / np.diff(starts), 1e-12))}


def frame_starts(count: int, fps: Fraction) -> np.ndarray:
    """(count,) first sample of each frame."""
    return np.arange(count) * SAMPLE_RATE * fps.denominator // fps.numerator


def write_sounds(source: VideoSource, plans: Sequence[Plan], folder: Path) -> None:
    """Write the sound of one film's takes, each as long as its frames; where the film's sound ends
    early, silence."""
    starts = frame_starts(max(plan.stop for plan in plans) + 1, source.fps)
    waiting, position = np.zeros(0, np.float32), 0  # sound from sample ``position`` on
    blocks = _blocks(source)
    for plan in sorted(plans, key=lambda plan: plan.start):
        first, last = int(starts[plan.start]), int(starts[plan.stop])
        while position + len(waiting) < last and (block := next(blocks, None)) is not None:
            waiting = np.concatenate([waiting, block])
        sound = waiting[first - position : last - position]
        waiting, position = waiting[last - position :], last
        save_wav(folder / f"{plan.name}.wav", np.pad(sound, (0, last - first - len(sound))))


def _blocks(source: VideoSource) -> Iterator[np.ndarray]:
    if source.has_sound:
        try:
            yield from stream_sound(source.path)
        except SoundError:
            return  # what could be read of it counts


def write_transcripts(
    source: VideoSource, plans: Sequence[Plan], transcript: str, folder: Path
) -> dict[str, np.ndarray]:
    """Split what is said in a film among its takes, and keep what is truly heard in each.

    Returns:
        lost: names of takes whose part does not fit; all of them if the whole does not.
    """
    sound = source.sound()
    try:
        words = word_times(sound, transcript)
    except TextError:
        return {"lost": np.array([plan.name for plan in plans], np.str_)}
    lost = []
    for plan in plans:
        start, stop = (float(frame / source.fps) for frame in (plan.start, plan.stop))
        text = " ".join(w.text for w in words if start <= (w.start + w.end) / 2 < stop)
        try:
            if text:
                align(sound[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)], text)
                (folder / f"{plan.name}.txt").write_text(text + "\n", encoding="utf-8")
        except (TextError, SoundError):
            lost.append(plan.name)
    return {"lost": np.array(lost, np.str_)}


def listen(folder: Path, name: str, fps: Fraction, frames: int) -> dict[str, np.ndarray]:
    """visemes (T,): the mouth shape of each frame of a take, as an index into ``VISEMES``."""
    sound, text = load_sound(folder / f"{name}.wav"), folder / f"{name}.txt"
    phones = align(sound, text.read_text(encoding="utf-8")) if text.exists() else recognize(sound)
    return {"visemes": visemes_at(phones, (np.arange(frames) + 0.5) / float(fps))}
