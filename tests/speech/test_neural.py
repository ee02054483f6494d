"""A tiny random-weight VITS from a Hub on loopback: real transformers, real downloads."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_hub import FakeHub

from avatar.errors import TextError, VoiceError
from avatar.speech import neural
from avatar.speech.phonemes import VISEMES, strict_visemes_of, visemes_of
from avatar.speech.tts import find_voice, speak, voices

REPO = "org/tiny-tts-eng"


@pytest.fixture(scope="module")
def tiny_vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as MMS has it: config, safetensors, letters; 22.05 kHz, so that it is resampled."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder = tmp_path_factory.mktemp("tiny")
    letters = "kabcdefghijlmnopqrstuvwxyz '-"  # in MMS, too, the blank is letter 0 of the alphabet
    vocabulary = {letter: i for i, letter in enumerate(letters)} | {"<unk>": len(letters)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = VitsTokenizer(
        folder / "vocab.json", pad_token="k", language="eng", phonemize=False, normalize=True
    )
    config = VitsConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, ffn_dim=16, flow_size=16,
        num_attention_heads=2, spectrogram_bins=8, upsample_initial_channel=16,
        upsample_rates=(8, 8, 2, 2), upsample_kernel_sizes=(16, 16, 4, 4),
        resblock_kernel_sizes=(3,), resblock_dilation_sizes=((1, 3),), sampling_rate=22050,
        prior_encoder_num_flows=1, prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2,
    )  # fmt: skip
    torch.manual_seed(1)
    VitsModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    neural._load.cache_clear()


def test_speaks_with_phones_that_sum_to_the_sound(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    utterances = list(speak("Hello, brave world. It works!", REPO))
    assert [u.text for u in utterances] == ["Hello, brave world.", "It works!"]
    for utterance in utterances:
        sound, phones = utterance.sound, utterance.phones
        assert sound.dtype == np.float32 and sound.ndim == 1 and np.abs(sound).max() <= 1
        assert phones[0].start == 0 and phones[-1].end == len(sound) / 16000
        assert all(a.end == b.start for a, b in zip(phones, phones[1:], strict=False))
        assert all(phone.end > phone.start for phone in phones)
    shapes = [s for phone in utterances[0].phones for s in strict_visemes_of(phone.symbol)]
    assert "pbm" in shapes and "fv" in shapes and set(shapes) <= set(VISEMES)
    assert visemes_of(utterances[0].phones[-1].symbol)


def test_durations_are_those_of_the_wave(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    model = neural._loaded(REPO)
    characters, lengths, wave = model.synthesize("Big cat", 1.0)
    assert "".join(characters) == "big cat" and len(characters) == 2 * 7 + 1
    assert len(characters) == len(lengths) and lengths.sum() == len(wave)
    again = model.synthesize("Big cat", 1.0)[2]
    assert np.array_equal(wave, again)
    assert len(model.synthesize("Big cat", 0.5)[2]) > len(wave)


def test_words_keep_their_exact_times() -> None:
    characters = ["", "b", "", "y", "", " ", "", "m", "", "e", ""]
    ends = np.cumsum([0.2, 0.1, 0.0, 0.1, 0.0, 0.05, 0.0, 0.1, 0.0, 0.1, 0.02])
    phones = neural._phones(characters, ends, "en-us", ends[-1])
    assert [p.symbol.lstrip("ˈ") for p in phones] == ["PAU", "b", "aɪ", "m", "iː"]
    assert phones[0].end == pytest.approx(0.2)  # a long blank is a pause
    assert phones[2].end == pytest.approx(0.45)  # a short space belongs to the word before it
    assert phones[-1].end == ends[-1]


def test_second_load_needs_no_hub(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    first = next(speak("Hello.", REPO)).sound
    fake_hub.close()
    neural._load.cache_clear()
    assert np.array_equal(next(speak("Hello.", REPO)).sound, first)


def test_cut_download_resumes(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    fake_hub.cut_once(after=20_000)
    assert len(next(speak("Hello.", REPO)).sound)
    resumed = [r for r in fake_hub.requests if "model.safetensors bytes=" in r]
    assert len(resumed) == 1


def test_download_that_failed_is_completed(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    fake_hub.cut_once(after=20_000, then_refuse=True)
    with pytest.raises(VoiceError, match="cannot be fetched"):
        speak("Hello.", REPO)
    fake_hub.refused.clear()
    assert len(next(speak("Hello.", REPO)).sound)


@pytest.mark.parametrize("how", ["refused", "503"])
def test_hub_down_offers_the_embedded_voice(fake_hub: FakeHub, how: str) -> None:
    if how == "refused":
        fake_hub.close()
    fake_hub.down = True
    with pytest.raises(VoiceError, match=r"^The voice .* use the embedded voice.*\.$") as error:
        speak("Hello.", REPO)
    assert "\n" not in str(error.value)


def test_bad_repos_are_one_sentence(fake_hub: FakeHub, tiny_vits: Path, tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="The voice org/none is not open to everyone on the Hub"):
        speak("Hello.", "org/none")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((tiny_vits / "config.json").read_text())
    (pickled / "pytorch_model.bin").write_bytes(b"no")
    fake_hub.repos["org/pickled"] = pickled
    with pytest.raises(VoiceError, match="no model.safetensors"):
        speak("Hello.", "org/pickled")
    assert not any("pytorch_model.bin" in request for request in fake_hub.requests)
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny_vits.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:1000])
    fake_hub.repos["org/broken"] = broken
    with pytest.raises(VoiceError, match="no VITS model"):
        speak("Hello.", "org/broken")


def test_text_without_its_letters(fake_hub: FakeHub, tiny_vits: Path) -> None:
    fake_hub.repos[REPO] = tiny_vits
    with pytest.raises(TextError, match="no letters of this text"):
        list(speak("你好", REPO))


def test_offered_voices_carry_their_licence() -> None:
    offered = [voice for voice in voices() if voice.engine == "vits"]
    assert [voice.language for voice in offered] == ["en-us", "es", "fr-fr", "de"]
    assert all(voice.licence == "CC-BY-NC-4.0" for voice in offered)
    assert "org/other" in find_voice("org/other").licence
    for bad in ("org/", "/x", "a/b/c", "../x", "org/na me"):
        with pytest.raises(VoiceError):
            find_voice(bad)


def test_speech_room_is_light_to_import() -> None:
    heavy = "import sys, avatar.speech.tts; assert not {'torch', 'transformers', 'librosa'} & set("
    subprocess.run([sys.executable, "-c", heavy + "sys.modules)"], check=True)
