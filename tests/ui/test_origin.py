"""Whose web pages may ask this server, and whose may not."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from avatar.ui import origin as rules
from avatar.ui.origin import is_foreign, is_refused, own_names

SPACE, SHARED = "someone-avatar.hf.space", "0123456789abcdef.gradio.live"
HANDED_ON = {"x-forwarded-for": "203.0.113.7"}
HOME, LAN, POD = "127.0.0.1", "192.168.1.5", "10.1.2.3"


@pytest.fixture(autouse=True)
def a_debian_called_desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n127.0.1.1\tDesk.home.arpa desk # myself.example\n"
        "# 127.0.0.1 commented.example\n192.168.1.9 printer\nno-address\n\n::1 ip6-localhost\n"
    )
    monkeypatch.setattr(rules, "HOSTS", hosts)
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    own_names.cache_clear()
    yield
    own_names.cache_clear()


def request(origin: str | None, host: str | None, more: dict[str, str]) -> dict[str, str]:
    named = {"origin": origin, "host": host}
    return {name: value for name, value in named.items() if value is not None} | more


@pytest.mark.parametrize(
    ("origin", "host", "server", "more"),
    [
        (None, "127.0.0.1:7860", HOME, {}),
        ("http://127.0.0.1:7860", "127.0.0.1:7860", HOME, {}),
        ("http://localhost:3000", "127.0.0.1:7860", HOME, {}),
        ("http://[::1]:7860", "[::1]:7860", "::1", {}),
        ("http://0.0.0.0:7860", "0.0.0.0:7860", HOME, {}),
        ("http://192.168.1.5:7860", "192.168.1.5:7860", LAN, {}),
        ("http://desk.local:7860", "desk.local:7860", LAN, {}),
        ("http://desk:7860", "desk:7860", "127.0.1.1", {}),
        ("http://avatar.localhost:7860", "avatar.localhost:7860", HOME, {}),
        ("http://localhost.:7860", "localhost.:7860", HOME, {}),
        ("http://desk.home.arpa:7860", "DESK.home.arpa:7860", "::ffff:127.0.1.1", {}),
        (f"https://{SPACE}", SPACE, POD, HANDED_ON),
        (f"https://{SPACE}", "10.1.2.3:7860", POD, {"x-forwarded-host": SPACE}),
        (f"https://{SPACE}", SPACE, POD, {}),
        (f"https://{SHARED}", SHARED, HOME, HANDED_ON),
        ("https://my.example", "my.example", HOME, HANDED_ON),
        ("https://my.example:8443", "my.example:8443", HOME, HANDED_ON),
        ("https://my.example", "127.0.0.1:7860", HOME, {"x-forwarded-host": "my.example"}),
    ],
)
def test_own_pages_are_welcome(
    origin: str | None, host: str, server: str, more: dict[str, str]
) -> None:
    assert not is_foreign(request(origin, host, more), (server, 7860))
    for sent in (origin, None):  # the page itself, and what else is got, is without
        assert not is_refused(request(sent, host, more), (server, 7860))


@pytest.mark.parametrize(
    ("origin", "host", "server", "more"),
    [
        ("https://evil.example", "127.0.0.1:7860", HOME, {}),
        ("https://evil.example", "localhost:7860", "::1", {}),
        ("http://evil.example:7860", "evil.example:7860", HOME, {}),  # rebound
        ("http://evil.example:7860", "evil.example:7860", "::1", {}),
        ("http://evil.example:7860", "evil.example:7860", "::ffff:127.0.0.1", {}),
        ("http://evil.example:7860", "evil.example:7860", HOME, HANDED_ON),  # so it pretends
        ("http://evil.example:8080", "evil.example:8080", HOME, {}),  # by somebody's ssh -L
        ("http://localhost.evil.example", "localhost.evil.example", HOME, {}),
        ("http://commented.example:7860", "commented.example:7860", HOME, {}),
        ("https://evil.example", "0.0.0.0:7860", HOME, {}),
        ("https://evil.example", "desk:7860", "127.0.1.1", {}),
        ("https://evil.example", "[::1]:7860", "::1", HANDED_ON),  # as Gradio lets it say there
        ("https://evil.example", "127.0.0.2:7860", "127.0.0.2", HANDED_ON),
        ("https://evil.example", "desk:7860", "127.0.1.1", HANDED_ON),
        ("null", "127.0.0.1:7860", HOME, {}),
        ("http://[", "127.0.0.1:7860", HOME, {}),
    ],
)
def test_pages_of_others_are_not(origin: str, host: str, server: str, more: dict[str, str]) -> None:
    headers = request(origin, host, more)
    assert is_foreign(headers, (server, 7860)) and is_refused(headers, (server, 7860))


@pytest.mark.parametrize(
    ("origin", "host", "server", "more"),
    [
        ("https://evil.example", "192.168.1.5:7860", LAN, {}),
        ("https://evil.example", SPACE, POD, HANDED_ON),
        ("https://evil.example", "127.0.0.1:7860", HOME, HANDED_ON),
        ("null", SPACE, POD, HANDED_ON),
        ("http://127.0.0.1", "[", LAN, {}),
    ],
)
def test_what_gradio_lets_any_page_do_is_kept_from_the_socket_alone(
    origin: str, host: str, server: str, more: dict[str, str]
) -> None:
    headers = request(origin, host, more)
    assert is_foreign(headers, (server, 7860)) and not is_refused(headers, (server, 7860))


@pytest.mark.parametrize("port", [80, 7860])
def test_a_rebound_page_sends_no_origin_with_what_it_gets(port: int) -> None:
    host = "evil.example" if port == 80 else "evil.example:7860"
    for more in ({}, HANDED_ON, {"x-forwarded-host": "127.0.0.1"}):
        headers = request(None, host, more)
        assert not is_foreign(headers, (HOME, port))  # a socket would: it is a program's
        assert is_refused(headers, (HOME, port))


@pytest.mark.parametrize("host", [None, "", "[", "localhost", "127.0.0.1", "[::1]:7860"])
def test_programs_may_ask(host: str | None) -> None:
    assert not is_refused(request(None, host, {}), (HOME, 7860))
    assert not is_refused(request(None, host, {}), None)


def test_this_machines_names_without_a_list_of_hosts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert own_names() == {"localhost", "desk", "desk.home.arpa", "ip6-localhost"}
    own_names.cache_clear()
    monkeypatch.setattr(rules, "HOSTS", tmp_path / "none")
    assert own_names() == {"localhost", "desk"}


PATHS = ("", "blind", "config", "gradio_api/info", "gradio_api/startup-events", "theme.css")


@pytest.mark.parametrize("path", PATHS)
def test_a_rebound_page_gets_nothing_of_the_server(url: str, path: str) -> None:
    port = httpx.URL(url).port
    for more in ({}, HANDED_ON):
        answer = httpx.get(url + path, headers={"host": f"evil.example:{port}", **more})
        assert answer.status_code == 403 and answer.text == rules.REFUSAL
    for host, more in ((f"desk:{port}", {}), (SHARED, HANDED_ON), (f"localhost:{port}", {})):
        assert httpx.get(url + path, headers={"host": host, **more}).status_code == 200


def test_nothing_is_taken_from_pages_of_others(url: str, uploads: Path) -> None:
    def kept() -> list[Path]:
        return [*uploads.rglob("sent.txt")]

    def send(**headers: str) -> httpx.Response:
        sent = {"files": ("sent.txt", b"x" * 2_000_000)}
        return httpx.post(f"{url}gradio_api/upload", files=sent, headers=headers)

    port = httpx.URL(url).port
    for page, host in (("evil.example", "0.0.0.0"), ("evil.example", "desk")):
        assert send(origin=f"http://{page}:{port}", host=f"{host}:{port}").status_code == 403
    assert send(origin="https://evil.example").status_code == 403
    rebound = f"evil.example:{port}"
    assert send(origin=f"http://{rebound}", host=rebound).status_code == 403
    assert not kept()
    assert send(origin=url.rstrip("/")).status_code == 200
    assert len(kept()) == 1
