"""The real espeak-ng: times of phones, threads, languages."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avatar.errors import VoiceError
from avatar.speech import espeak
from avatar.speech.phonemes import Phone, strict_visemes_of
from avatar.speech.tts import speak
from avatar.speech.utterance import Utterance

TEXT = "Papa may buy many maps. Why, she asked, would we?"


def level(utterance: Utterance, phone: Phone) -> float:
    """Root mean square of a phone's sound."""
    sound = utterance.sound[round(phone.start * 16000) : round(phone.end * 16000)]
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("voice", ["en-us", "de+m3", "fr-fr", "cmn", "ja", "hi+f2"])
def test_phones_cover_the_sound(voice: str) -> None:
    for utterance in speak("Anna, 12 and Papa! Hm? 3.5; no", voice):
        sound, phones = utterance.sound, utterance.phones
        assert sound.dtype == np.float32 and np.abs(sound).max() <= 1
        assert phones[0].start == 0 and phones[-1].end == len(sound) / 16000
        assert all(a.end == b.start for a, b in zip(phones, phones[1:], strict=False))
        assert all(phone.end > phone.start for phone in phones)
        assert not any("(" in phone.symbol for phone in phones)
        pairs = zip(phones, phones[1:], strict=False)
        assert not any(a.symbol == b.symbol == "PAU" for a, b in pairs)


def test_times_are_those_of_the_sound() -> None:
    for utterance in speak(TEXT, "en-us"):
        vowels = [p for p in utterance.phones if "ˈ" in p.symbol]
        pauses = [p for p in utterance.phones if p.symbol == "PAU"]
        assert vowels and pauses
        assert min(level(utterance, p) for p in vowels) > 0.03
        assert max(level(utterance, p) for p in pauses) < 0.015
        # The lips of p are shut: silent until they burst open at its end.
        for phone in utterance.phones:
            if phone.symbol == "p":
                half = Phone(phone.start, (phone.start + phone.end) / 2, "p")
                assert level(utterance, half) < 0.03


def test_language_switch_leaves_no_marker_and_no_gap() -> None:
    phones = [p.symbol for u in speak("Das Team ist da.", "de") for p in u.phones]
    assert phones[4:7] == ["t", "ˈiː", "m"] and "(en)" not in phones


def test_stop_closures_belong_to_the_stop() -> None:
    (utterance,) = speak("北京很大", "cmn")
    inside = utterance.phones[1:-1]
    assert all(p.symbol != "PAU" for p in inside)


def test_rate_and_pitch() -> None:
    def seconds(rate: float) -> float:
        return sum(len(u.sound) for u in speak(TEXT, rate=rate)) / 16000

    assert seconds(0.5) > 1.6 * seconds(1) > 2.5 * seconds(2)

    def brightness(pitch: float) -> float:
        import librosa

        sound = np.concatenate([u.sound for u in speak(TEXT, pitch=pitch)])
        return float(np.median(librosa.yin(sound, fmin=60, fmax=500, sr=16000)))

    assert brightness(0.5) < 0.85 * brightness(1) < 0.75 * brightness(2)


def test_threads_do_not_mix_voices() -> None:
    jobs = [("Hello there, how are you?", "en-us"), ("Guten Tag.", "de+m3"), ("¿Qué tal?", "es")]

    def run(job: tuple[str, str]) -> list[str]:
        return [p.symbol for u in speak(*job) for p in u.phones]

    alone = [run(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, jobs * 20))
    assert together == alone * 20


def test_abandoned_generator_leaves_a_working_engine() -> None:
    first = speak("One. Two. Three.")
    next(first)
    other = [p.symbol for u in speak("Guten Tag.", "de") for p in u.phones]
    first.close()
    assert [p.symbol for u in speak("Guten Tag.", "de") for p in u.phones] == other


def test_languages_are_those_of_the_engine() -> None:
    voices = espeak.voices()
    languages = {voice.language for voice in voices}
    assert len(languages) > 100 and len(voices) == len(languages) * len(espeak.VARIANTS)
    assert len({voice.id for voice in voices}) == len(voices)
    assert {"en-us", "en-gb", "es", "fr-fr", "de", "hi", "ja", "ko", "cmn"} <= languages
    assert all(voice.licence == "GPL-3.0-or-later" for voice in voices)


def test_every_listed_language_speaks() -> None:
    for language in {voice.language for voice in espeak.voices()}:
        text = "ᎣᏏᏲ" if language.startswith("chr") else "ama 2"  # Cherokee reads its own letters
        (utterance,) = speak(text, language)
        assert len(utterance.sound) > 4000, language


def test_names_of_voices() -> None:
    assert espeak.find_voice("en-us").id == "en-us+f3"
    assert espeak.find_voice("fr").language == "fr-fr"
    assert espeak.find_voice("pt_BR+m3").id == "pt-br+m3"
    for bad in ("", "klingonese", "en-us+nobody", "en-us+f3/../x", "+f3"):
        with pytest.raises(VoiceError):
            espeak.find_voice(bad)


def test_phones_of_a_word() -> None:
    phones = espeak.phones_of_word("maple", "en-us")
    assert [strict_visemes_of(p.symbol)[0] for p in phones] == ["pbm", "eh", "pbm", "ah"]


def test_missing_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import espeakng_loader

    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: "/nowhere/lib.so")
    with pytest.raises(VoiceError, match="pip install espeakng-loader"):
        espeak._loaded.__wrapped__()
