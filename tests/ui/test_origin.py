"""Whose web pages may open a WebSocket, and whose may not."""

import pytest

from avatar.ui.origin import is_foreign

SPACE = "someone-avatar.hf.space"
HANDED_ON = {"x-forwarded-for": "203.0.113.7"}


@pytest.mark.parametrize(
    ("origin", "host", "server", "more"),
    [
        (None, "127.0.0.1:7860", "127.0.0.1", {}),
        (None, "elsewhere.example", "127.0.0.1", {}),
        ("http://127.0.0.1:7860", "127.0.0.1:7860", "127.0.0.1", {}),
        ("http://localhost:3000", "127.0.0.1:7860", "127.0.0.1", {}),
        ("http://[::1]:7860", "[::1]:7860", "::1", {}),
        ("http://0.0.0.0:7860", "0.0.0.0:7860", "127.0.0.1", {}),
        ("http://192.168.1.5:7860", "192.168.1.5:7860", "192.168.1.5", {}),
        ("http://desk.local:7860", "desk.local:7860", "192.168.1.5", {}),
        (f"https://{SPACE}", SPACE, "10.1.2.3", HANDED_ON),
        (f"https://{SPACE}", "10.1.2.3:7860", "10.1.2.3", {"x-forwarded-host": SPACE}),
        (f"https://{SPACE}", SPACE, "10.1.2.3", {}),
        ("https://my.example", "my.example", "127.0.0.1", HANDED_ON),
        ("https://my.example", "127.0.0.1:7860", "127.0.0.1", {"x-forwarded-host": "my.example"}),
    ],
)
def test_own_pages_and_programs_are_welcome(
    origin: str | None, host: str, server: str, more: dict[str, str]
) -> None:
    headers = {"host": host, **more} | ({"origin": origin} if origin else {})
    assert not is_foreign(headers, server)


@pytest.mark.parametrize(
    ("origin", "host", "server", "more"),
    [
        ("https://evil.example", "127.0.0.1:7860", "127.0.0.1", {}),
        ("https://evil.example", "localhost:7860", "::1", {}),
        ("https://evil.example", "192.168.1.5:7860", "192.168.1.5", {}),
        ("https://evil.example", SPACE, "10.1.2.3", HANDED_ON),
        ("https://evil.example", "127.0.0.1:7860", "127.0.0.1", HANDED_ON),
        ("http://evil.example:7860", "evil.example:7860", "127.0.0.1", {}),  # rebound
        ("http://evil.example:7860", "evil.example:7860", "::1", {}),
        ("http://evil.example:7860", "evil.example:7860", "::ffff:127.0.0.1", {}),
        ("http://localhost.evil.example", "localhost.evil.example", "127.0.0.1", {}),
        ("null", "127.0.0.1:7860", "127.0.0.1", {}),
        ("null", SPACE, "10.1.2.3", HANDED_ON),
        ("http://[", "127.0.0.1:7860", "127.0.0.1", {}),
        ("http://127.0.0.1", "[", "127.0.0.1", {}),
    ],
)
def test_pages_of_others_are_not(
    origin: str, host: str, server: str, more: dict[str, str]
) -> None:
    assert is_foreign({"origin": origin, "host": host, **more}, server)
