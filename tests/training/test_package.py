"""From a run to a bundle: consent, scores, card."""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_capture import make_capture
from fake_hub import FakeHub
from train_command import Training

from avatar.cli import main
from avatar.identity import load_identity
from avatar.metrics.evaluate import Evaluation
from avatar.training.consent import Consent, ConsentError

RECORD = {
    "who": "Ada Example", "agreed": "To be shown by this avatar, in lessons only.",
    "date": "2026-11-20", "contact": "ada@example.org",
}  # fmt: skip


class Packaging:
    """One ``package`` command."""

    def __init__(self, folder: Path, training: Training):
        self.capture, self.run, self.out = training.capture, training.run, folder / "toon"
        self.consent, self.json = folder / "consent.json", folder / "package.json"
        self.consent.write_text(json.dumps(RECORD))

    def __call__(self, *more: str) -> int:
        parts = [self.capture, "--run", self.run, "--out", self.out, "--json", self.json]
        return main(["package", *map(str, parts), *more])

    @property
    def card(self) -> str:
        return (self.out / "README.md").read_text()


@pytest.fixture
def package(
    tmp_path: Path, whole: Training, no_hub: None, monkeypatch: pytest.MonkeyPatch
) -> Packaging:
    """Its scores are those of a row, however it is driven."""
    row = evaluation()
    monkeypatch.setattr("avatar.training.package.evaluate", lambda *_, **__: row)
    monkeypatch.setattr("avatar.training.package.control_rows", lambda *_: {"frozen": row})
    return Packaging(tmp_path, whole)


def evaluation() -> Evaluation:
    numbers = dict.fromkeys((field.name for field in fields(Evaluation)), 1.0)
    return Evaluation(**numbers | {"take": "test_a", "frames": 2, "reader_subject": "a cartoon"})


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, whole: Training) -> Packaging:
    """One of a computer-made person."""
    done = Packaging(tmp_path_factory.mktemp("packed"), whole)
    assert done("--synthetic") == 0
    return done


def test_a_run_becomes_an_identity(whole: Training, packed: Packaging) -> None:
    identity = load_identity(packed.out)
    assert identity.has_oracle and identity.oracle().config.widths == (8, 8)
    assert list(identity.clips) == ["gentle", "lively", "still"]
    assert identity.config.default_clip == "gentle" and identity.seen() is not None
    stored = identity.renderer.state_dict()
    assert all(torch.equal(stored[key], value) for key, value in whole.weights().items())
    facts = identity.config.training
    assert facts == json.loads(packed.json.read_text())
    assert facts["start"] == "none" and facts["frames"] == 3 and facts["steps"] == 2
    rows = {"sound alone", "with transcript", "shuffled", "shifted +5", "frozen"}
    assert set(facts["held_out"]) == {f"test_a, {row}" for row in rows}
    assert identity.config.licence == "Apache-2.0" and identity.config.consent["synthetic"]


def test_the_card_says_how_well_it_does_and_what_it_cannot(packed: Packaging) -> None:
    card = packed.card
    assert card.startswith("---\nlicense: apache-2.0\n") and "synthetic-person" in card
    row = next(line for line in card.splitlines() if line.startswith("| test\\_a, sound alone |"))
    assert row.endswith("| n/a | n/a |"), "the reader does not know a cartoon's lips"
    assert "the keypoint reader knows only Mira" in card
    assert "VGG-19's weights could not be fetched" in card and "random weights" in card
    assert "Learnt from 0.0" in card and "No adversary" not in card


def test_without_consent_nothing_is_written(
    package: Packaging, capsys: pytest.CaptureFixture
) -> None:
    assert package() == 1
    told = capsys.readouterr().err
    assert "not packaged without its owner's consent" in told and told.count("\n") == 1
    with pytest.raises(SystemExit):
        package("--consent", str(package.consent), "--synthetic")
    assert not package.out.exists()


def test_a_bundle_does_not_replace_what_it_is_made_of(
    package: Packaging, capsys: pytest.CaptureFixture
) -> None:
    for place in (package.run, package.capture, package.run / ".." / package.run.name):
        package.out = place
        assert package("--synthetic") == 1
        assert "The bundle would replace" in capsys.readouterr().err
    assert (package.run / "renderer").is_dir() and package.capture.is_dir()


def test_a_bundle_does_not_replace_what_is_none(
    package: Packaging, capsys: pytest.CaptureFixture
) -> None:
    package.out.mkdir(parents=True)
    photo = package.out / "photo.jpg"
    photo.write_bytes(b"mine")
    assert package("--synthetic") == 1
    assert "holds other things than an identity" in capsys.readouterr().err
    assert photo.read_bytes() == b"mine"
    photo.unlink()
    assert package("--synthetic") == 0


def test_a_real_person_is_packaged_with_their_consent(package: Packaging) -> None:
    assert package("--consent", str(package.consent)) == 0
    config = load_identity(package.out).config
    assert config.licence == "Only for what the consent record says"
    assert RECORD.items() <= config.consent.items() and config.consent["synthetic"] is False
    card = package.card
    assert card.startswith("---\nlicense: other\nlicense_name: only-for-what-the-consent")
    assert "- Who: Ada Example" in card and "- Contact: ada@example.org" in card
    assert "synthetic-person" not in card
    assert "| 1.00 | 1.0 |" in card and "knows only" not in card, "the reader knows this face"
    assert "In test\\_a hardly anything is said" in card, "silence is told like speech"
    assert package("--consent", str(package.consent), "--licence", "CC-BY-NC-4.0") == 0
    assert package.card.startswith("---\nlicense: cc-by-nc-4.0\n")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"who": " "}, "says nothing under 'who'"),
        ({"contact": None}, "says nothing under 'contact'"),
        ({"agreed": "yes" * 1_000}, "too long under 'agreed'"),
        ({"date": "yesterday"}, "date is 'yesterday', not a day as YYYY-MM-DD"),
        ({"date": "2999-01-01"}, "2999-01-01, is still to come"),
        ({"until": "2030"}, "exactly these fields: who, agreed, date, contact"),
    ],
)
def test_a_record_that_is_not_complete_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConsentError, match=sentence):
        Consent.from_dict(RECORD | change)


@pytest.mark.parametrize("text", ["", "[]", "who: me", '{"who": "Ada"}'])
def test_a_record_that_cannot_be_read_is_refused(
    package: Packaging, text: str, capsys: pytest.CaptureFixture
) -> None:
    package.consent.write_text(text)
    assert package("--consent", str(package.consent)) == 1
    assert "consent record" in capsys.readouterr().err.lower()
    assert not package.out.exists()


def test_foreign_text_stays_text_in_the_card(package: Packaging) -> None:
    trap = RECORD | {"who": "Eve\n# Free for all\n<script>alert(1)</script> [x](http://x)"}
    package.consent.write_text(json.dumps(trap))
    assert package("--consent", str(package.consent)) == 0
    assert "\n# Free" not in package.card and "<script>" not in package.card


def test_what_cannot_be_packaged_is_told(
    package: Packaging, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    empty, damaged = tmp_path / "empty", Path(shutil.copytree(package.run, tmp_path / "damaged"))
    (damaged / "renderer/renderer.safetensors").write_bytes(b"cut")
    for run, sentence in ((empty, "has no trained renderer yet"), (damaged, "is damaged")):
        package.run = run
        assert package("--synthetic") == 1
        assert sentence in capsys.readouterr().err
    package.out = tmp_path / "my bundle"
    assert package("--synthetic") == 1
    assert "cannot be called 'my bundle'" in capsys.readouterr().err


def test_nothing_held_out_is_said_in_the_card(package: Packaging, tmp_path: Path) -> None:
    package.capture = make_capture(tmp_path / "c", {"train_a": range(2)})
    assert package("--synthetic") == 0
    assert "Not measured: the capture has no held-out pictures." in package.card


def test_it_is_uploaded(
    package: Packaging, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.delenv("HF_TOKEN", raising=False)
    package.capture = make_capture(tmp_path / "c", {"train_a": range(2)})
    assert package("--synthetic", "--push", "some-org/toon") == 1
    assert "log in to the Hub first" in capsys.readouterr().err and not package.out.exists()
    fake_hub.writers.add("hf_writer")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    assert package("--synthetic", "--push", "some-org/toon") == 0
    assert json.loads(package.json.read_text())["pushed"].startswith(fake_hub.url)
    assert load_identity("some-org/toon").name == "toon"
