from pathlib import Path

import numpy as np
import pytest

from avatar.metrics.visemes import (
    BILABIAL,
    SIL,
    VOWELS,
    Example,
    accuracy,
    capture_examples,
    closures_found,
    energy_mouth,
    frame_visemes,
    grid_sentence,
    speech_accuracy,
    table,
)
from avatar.speech.audio import save_wav
from avatar.speech.phonemes import VISEMES, Phone
from avatar.speech.tts import speak

AA = VISEMES.index("aa")


def test_frames_show_the_shape_at_their_centre() -> None:
    phones = [Phone(0, 0.061, "PAU"), Phone(0.061, 0.2, "B")]
    assert frame_visemes(phones, 4).tolist() == [SIL, SIL, BILABIAL, BILABIAL]


def test_accuracies() -> None:
    truth, guess = np.array([SIL, SIL, AA, BILABIAL]), np.array([SIL, SIL, AA, AA])
    assert accuracy(truth, guess) == 0.75
    assert speech_accuracy(truth, guess) == 0.5


@pytest.mark.parametrize(
    ("truth", "guess", "found"),
    [
        ("..bb....b", "..bb....b", (2, 2)),
        ("..bb....b", ".b.....b.", (2, 2)),  # one frame early
        ("..bb....b", "b.......b", (1, 2)),  # two frames early
        ("b.......b", ".b.....b.", (2, 2)),
        ("..bb....b", ".........", (0, 2)),
        (".........", "bbbbbbbbb", (0, 0)),
        ("bbbbbbbbb", "........b", (1, 1)),
    ],
)
def test_closures_within_a_frame(truth: str, guess: str, found: tuple[int, int]) -> None:
    codes = [np.array([BILABIAL if c == "b" else AA for c in text]) for text in (truth, guess)]
    assert closures_found(*codes) == found


def test_energy_mouth_is_as_good_as_such_a_mouth_can_be() -> None:
    loud = np.repeat([0, 1, 0, 1], 6400).astype(np.float32) * np.sin(np.arange(25600))
    truth = np.repeat([SIL, AA, SIL, AA], 10)
    (guess,) = energy_mouth([Example(loud.astype(np.float32), truth)])
    assert accuracy(truth, guess) == 1


def test_grid_sentences() -> None:
    assert grid_sentence("bbaf2n") == "bin blue at f two now"
    assert grid_sentence("lwbsza") == "lay white by s zero again"


def test_table_of_a_small_capture(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    utterances = list(speak(
        "My mother makes bread every Monday morning. Five more people waved from the beach. "
        "She told us how to open the old blue box."
    ))  # fmt: skip
    for n, utterance in enumerate(utterances):
        save_wav(takes / f"train_{n:02}.wav", utterance.sound)
        rows = (f"{p.start}\t{p.end}\t{p.symbol}\n" for p in utterance.phones)
        (takes / f"train_{n:02}.phones.tsv").write_text("".join(rows), encoding="utf-8")
    examples = capture_examples(tmp_path)
    for example, utterance in zip(examples, utterances, strict=True):
        assert len(example.truth) == -(-len(utterance.sound) * 25 // 16000)
    rows = table({"small": examples}).splitlines()
    assert len(rows) == 7 and "causal" in rows[4] and "loudness only" in rows[6]
    *heard, majority, loudness = [float(row.split("|")[3].strip(" %")) for row in rows[2:]]
    assert heard[0] > 2 * max(majority, loudness)
    assert min(heard) > 1.8 * max(majority, loudness)
    assert set(VOWELS) < set(VISEMES)
