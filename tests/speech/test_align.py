from pathlib import Path

import numpy as np
import pytest

from avatar.errors import SoundError, TextError
from avatar.speech import align as align_module
from avatar.speech import recognize as recognize_module
from avatar.speech.align import align
from avatar.speech.audio import load_sound
from avatar.speech.phonemes import ARPABET, VISEMES, Phone
from avatar.speech.recognize import recognize, tiled, visemes_at
from avatar.speech.tts import speak
from avatar.timing import SAMPLE_RATE

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = "The big blue boat moved past my empty farm. Five more people waved from the beach."


@pytest.fixture(scope="module")
def spoken() -> tuple[np.ndarray, list[Phone]]:
    return spoken_by("en-us+f3")


def spoken_by(voice: str) -> tuple[np.ndarray, list[Phone]]:
    """Speech of a voice and its exact phones. The embedded voice never says a thing twice alike."""
    sounds, phones, offset = [], [], 0.0
    for utterance in speak(TEXT, voice):
        phones += [Phone(p.start + offset, p.end + offset, p.symbol) for p in utterance.phones]
        sounds.append(utterance.sound)
        offset += len(utterance.sound) / SAMPLE_RATE
    return np.concatenate(sounds), phones


def agreement(truth: list[Phone], phones: list[Phone], shift: float = 0.0) -> float:
    """Share of time with the same shape, with ``phones`` made later by ``shift`` seconds."""
    times = np.arange(0, truth[-1].end, 0.005)
    return float(np.mean(visemes_at(truth, times) == visemes_at(phones, times - shift)))


def assert_covers(phones: list[Phone], sound: np.ndarray) -> None:
    assert phones[0].start == 0 and phones[-1].end == len(sound) / SAMPLE_RATE
    assert all(a.end == b.start for a, b in zip(phones, phones[1:], strict=False))
    assert all(p.start < p.end and p.symbol in ARPABET for p in phones)


def noise(seconds: float, db: float) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    return (samples * 10 ** (db / 20)).astype(np.float32)


def test_alignment_finds_the_exact_times(spoken) -> None:
    sound, truth = spoken
    phones = align(sound, TEXT)
    assert_covers(phones, sound)
    assert agreement(truth, phones) > 0.75
    shifts = np.arange(-0.04, 0.045, 0.01)
    best = shifts[np.argmax([agreement(truth, phones, shift) for shift in shifts])]
    assert abs(best) < 0.015  # no constant bias


def test_alignment_does_not_depend_on_what_came_before(spoken) -> None:
    sound, _ = spoken
    first = align(sound, TEXT)
    with pytest.raises(TextError):
        align(sound, "An entirely different sentence stands here.")
    assert align(sound, TEXT) == first


@pytest.mark.parametrize("voice", ["en-us+m3", "en-us+m7"])
def test_voices_that_narrow_beams_lose_are_not_refused(voice: str) -> None:
    sound = np.concatenate([utterance.sound for utterance in speak(TEXT, voice)])
    words = align_module._tokens(TEXT.lower())
    assert align_module._path(align_module._decoder(**align_module.NARROW), sound, words) is None
    assert_covers(align(sound, TEXT), sound)


def test_pauses_are_pauses(spoken) -> None:
    sound, _ = spoken
    padded = np.concatenate([np.zeros(16000, np.float32), sound, noise(1.5, -50)])
    for phones in (align(padded, TEXT), recognize(padded)):
        assert_covers(phones, padded)
        assert phones[0].symbol == phones[-1].symbol == "PAU"
        assert 0.8 < phones[0].end < 1.15
        assert 1.3 < phones[-1].end - phones[-1].start < 2.2


def test_the_example_of_the_repository() -> None:
    sound = load_sound(EXAMPLES / "hello.wav")
    phones = align(sound, (EXAMPLES / "hello.txt").read_text())
    assert_covers(phones, sound)
    assert [p.symbol for p in phones if p.symbol != "PAU"][:2] == ["HH", "AH"]


@pytest.mark.parametrize(
    "text",
    [
        'Meet "Zorblax" -- he\'s 42!',
        "Call 911, O\u2019Brien \u2026 now (please).",
        "It costs $5.50 or 10% of Bj\u00f6rk\u2019s twenty-one zlotys",
    ],
)
def test_names_numbers_and_punctuation(text: str) -> None:
    sound = np.concatenate([utterance.sound for utterance in speak(text)])
    assert_covers(align(sound, text), sound)


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a third of their length, so that less is long."""
    for module in (align_module, recognize_module):
        monkeypatch.setattr(module, "LONGEST_PIECE", 10.0)


def test_long_sound_is_aligned_in_pieces(spoken, short_pieces: None) -> None:
    sound, truth = spoken
    times = 3
    long, seconds = np.tile(sound, times), len(sound) / SAMPLE_RATE
    assert times * seconds > 14
    phones = align(long, f"{TEXT} " * times)
    assert_covers(phones, long)
    repeated = [
        Phone(p.start + i * seconds, p.end + i * seconds, p.symbol)
        for i in range(times)
        for p in truth
    ]
    assert agreement(repeated, phones) > 0.75
    assert_covers(recognize(long), long)


def test_long_sound_with_another_text(spoken, short_pieces: None) -> None:
    with pytest.raises(TextError, match="does not match"):
        align(np.tile(spoken[0], 3), "Nobody says any of these words here. " * 9)


@pytest.mark.parametrize("text", ["", "  \n", "... -- !"])
def test_empty_transcript(spoken, text: str) -> None:
    with pytest.raises(TextError, match="The transcript has no words"):
        align(spoken[0], text)


@pytest.mark.parametrize("text", ["hello", "Nobody says any of these words here.", "word " * 500])
def test_wrong_transcript(spoken, text: str) -> None:
    with pytest.raises(TextError, match="does not match the sound"):
        align(spoken[0], text)


@pytest.mark.parametrize("sound", [np.zeros(32000, np.float32), noise(2, -45)])
def test_silence_has_no_phones(sound: np.ndarray) -> None:
    assert recognize(sound) == [Phone(0.0, 2.0, "PAU")]
    with pytest.raises(TextError, match="The sound is silent"):
        align(sound, "hello")


def test_shortest_sounds(spoken) -> None:
    piece = spoken[0][8000:8640]
    assert_covers(recognize(piece), piece)
    with pytest.raises(SoundError, match="shorter than 40 ms"):
        recognize(piece[:-1])


@pytest.mark.parametrize("voice", ["en-us+f3", "en-us+m3", "de+f3", "it+f3"])
def test_recognition_alone_hears_other_voices_and_languages(voice: str) -> None:
    texts = {"en": TEXT, "de": "Mein Vater will morgen ein Boot am Fluss bauen.",
             "it": "Mia madre prepara la pasta per la famiglia."}  # fmt: skip
    (utterance, *_) = speak(texts[voice[:2]], voice)
    assert_covers(phones := recognize(utterance.sound), utterance.sound)
    times = np.arange(0, utterance.phones[-1].end, 0.01)
    majority = np.bincount(visemes_at(utterance.phones, times)).max() / len(times)
    # A robot's sentence is little and hard: real speakers are measured by avatar.metrics.visemes.
    assert agreement(utterance.phones, phones) > 1.2 * majority


def test_recognition_survives_noise(spoken) -> None:
    sound, truth = spoken
    assert agreement(truth, recognize(sound + noise(len(sound) / SAMPLE_RATE, -40))) > 0.4


def test_tiled_covers_and_joins_pauses() -> None:
    starts = [(0.0, "PAU"), (0.2, "PAU"), (0.5, "B"), (0.6, "IY"), (0.8, "PAU"), (0.9, "PAU")]
    assert tiled(starts, 1.0) == [
        Phone(0.0, 0.5, "PAU"), Phone(0.5, 0.6, "B"), Phone(0.6, 0.8, "IY"), Phone(0.8, 1.0, "PAU"),
    ]  # fmt: skip
    assert tiled([], 1.0) == [Phone(0.0, 1.0, "PAU")]
    assert tiled([(0.0, "B"), (0.9, "PAU"), (1.5, "K")], 1.0)[0] == Phone(0.0, 0.9, "B")


def test_visemes_at() -> None:
    phones = [Phone(0.0, 0.5, "PAU"), Phone(0.5, 0.7, "AY"), Phone(0.7, 1.0, "M")]
    shapes = visemes_at(phones, np.array([-1, 0.2, 0.55, 0.65, 0.9, 2.0]))
    assert [VISEMES[i] for i in shapes] == ["sil", "sil", "aa", "ih", "pbm", "pbm"]


def test_every_spelling_is_a_phone_of_the_model() -> None:
    assert set(align_module._ARPABET_OF_IPA.values()) <= set(ARPABET) - {"AX", "PAU", "SIL"}


def test_one_sound_has_one_answer_whatever_was_heard_before():
    buzz = (0.3 * np.sin(np.arange(16_001) * 0.1)).astype(np.float32)
    rounded = (np.round(buzz * 32767) / 32767).astype(np.float32)
    first = recognize(buzz)
    recognize(rounded)
    assert recognize(buzz) == first


@pytest.mark.parametrize("voice", ["en-us+f3", "en-us+m3"])
def test_a_sound_that_stops_before_its_transcript_does(voice: str) -> None:
    sound, phones = spoken_by(voice)
    agreements = []
    for share in (0.65, 0.8, 0.9):
        stop = next(p.start for p in phones if p.start > share * len(sound) / SAMPLE_RATE) + 0.03
        cut = [p for p in phones if p.start < stop]
        aligned = align(sound[: round(stop * SAMPLE_RATE)], TEXT)
        assert aligned[-1].end == pytest.approx(stop, abs=1e-3)
        agreements.append(agreement(cut, aligned))
    assert np.mean(agreements) > 0.6  # one of them varies by 0.03 from voice to voice


@pytest.mark.parametrize("share", [0.65, 0.8, 1.0])
def test_a_wrong_transcript_of_a_sound_that_stops(spoken, share: float) -> None:
    sound = spoken[0][: round(share * len(spoken[0]))]
    with pytest.raises(TextError, match="does not match"):
        align(sound, "We will meet again tomorrow at noon in front of the old station in town.")


def test_how_well_a_path_fits() -> None:
    heard = [Phone(0, 1, "PAU"), Phone(1, 2, "M"), Phone(2, 3, "AA")]
    crowded = [Phone(0, 2, "PAU"), Phone(2, 3, "AA")]
    other = [Phone(0, 1, "PAU"), Phone(1, 3, "S")]
    assert align_module._fits(heard, heard, least=1.0)
    assert not align_module._fits(crowded, heard, least=0.3)
    assert not align_module._fits(other, heard, least=0.3)
