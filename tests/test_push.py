"""Uploading a bundle to the Hub, over HTTP on loopback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_hub import FakeHub

from avatar.errors import BundleError
from avatar.hub import check_push, push_bundle
from avatar.identity import load_identity

MIRA = Path(__file__).parent.parent / "checkpoints" / "mira"


@pytest.fixture
def logged_in(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake_hub.writers.add("hf_writer")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return fake_hub


def test_a_bundle_comes_back_as_it_was(logged_in: FakeHub) -> None:
    address = push_bundle(MIRA, "some-org/mira")
    assert address.startswith(f"{logged_in.url}/some-org/mira/commit/")
    assert logged_in.private == {"some-org/mira": True}
    sent = {path for path in logged_in.files("some-org/mira") if path != ".gitattributes"}
    assert sent == {p.relative_to(MIRA).as_posix() for p in MIRA.rglob("*") if p.is_file()}
    found, mira = load_identity("some-org/mira"), load_identity(MIRA)
    assert found.config.to_dict() == mira.config.to_dict() and list(found.clips) == list(mira.clips)
    assert push_bundle(MIRA, "some-org/mira"), "a second time"


@pytest.mark.parametrize(
    ("token", "reason"),
    [("hf_reader", "your login may not write there"), ("hf_old", "your login is not valid")],
)
def test_a_login_without_the_right_is_told(
    logged_in: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str, reason: str
) -> None:
    logged_in.readers.add("hf_reader")
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(BundleError, match=rf"some-org/mira could not.*{reason}.*stands in .*mira"):
        push_bundle(MIRA, "some-org/mira")
    assert not logged_in.repos


def test_no_network_is_told(logged_in: FakeHub, no_network: Callable[[], None]) -> None:
    no_network()
    with pytest.raises(BundleError, match="the Hub cannot be reached; the bundle stands in"):
        push_bundle(MIRA, "some-org/mira")


def test_what_cannot_be_uploaded_is_told_before(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(BundleError, match="log in to the Hub first"):
        check_push("some-org/mira")
    with pytest.raises(BundleError, match="'mira' is no repository of the Hub: give org/name"):
        check_push("mira")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    check_push("some-org/mira")
    assert not fake_hub.requests
