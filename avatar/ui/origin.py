"""Who may ask this server: a browser lets any web page knock at any address.

Gradio does what other sites' pages ask of a server at a loopback address, though it hides the
answers; and a page whose site has pointed its name here passes for this server's own.
"""

import socket
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Address = tuple[str, int | None] | None
"""Host and port at which a request came in, as ASGI has them."""

PROXY = ("x-forwarded-for", "x-forwarded-host", "forwarded")
"""Headers of what a proxy hands on; the tunnel of Gradio's public links sends the first."""
KNOWN_HERE = ("localhost", "127.0.0.1", "0.0.0.0")
"""Hosts at which Gradio lets no foreign page send headers of its own choice."""
HOSTS = Path("/etc/hosts")
REFUSAL = (
    "Ask this server by its own address, such as http://127.0.0.1:7860, and not from the page of "
    "another site; a proxy must hand on Host and X-Forwarded-For.\n"
)


class OwnPages:
    """Middleware that answers what ``is_refused`` of HTTP with 403, and touches nothing else.

    Args:
        app: what is asked.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        refused = scope["type"] == "http" and is_refused(Headers(scope=scope), scope["server"])
        await (PlainTextResponse(REFUSAL, 403) if refused else self._app)(scope, receive, send)


def is_refused(headers: Mapping[str, str], server: Address) -> bool:
    """Whether an HTTP request came in at a loopback address and is a foreign page's.

    Pages may use servers at other addresses, as Gradio's JavaScript client does, and those that a
    proxy shows to the world.

    Args:
        headers: of the request, by names in small letters.
        server: where it came in.
    """
    if not _is_at_home(server) or _is_handed_on(headers, server):
        return False
    return is_foreign(headers, server) or _is_rebound(headers, server)


def is_foreign(headers: Mapping[str, str], server: Address) -> bool:
    """Whether a page asks that does not come from the host that it asks; ports do not matter.

    Other programs send no Origin and are welcome. Arguments as of ``is_refused``.
    """
    if "origin" not in headers:
        return False
    asked = headers.get("x-forwarded-host") or headers.get("host", "")  # a proxy's, if there is one
    host = _split("//" + asked.partition(",")[0].strip()).hostname
    page = _split(headers["origin"]).hostname
    if not host or not page:  # such as "null", a page in a sandbox
        return True
    if _is_loopback(host):
        return not _is_loopback(page)
    return page != host or _is_rebound(headers, server)


def _is_rebound(headers: Mapping[str, str], server: Address) -> bool:
    """Whether this machine is asked, at a loopback address, by a name that is not its own.

    A site may have pointed that name here (DNS rebinding).
    """
    name = (_split("//" + headers.get("host", "")).hostname or "").removesuffix(".")
    if not name or _ip(name) or name in own_names() or name.endswith(".localhost"):
        return False
    return _is_at_home(server) and not _is_handed_on(headers, server)


def _is_handed_on(headers: Mapping[str, str], server: Address) -> bool:
    """Whether a proxy hands it on, and no page says so that was pointed here, or may say anything.

    A page's Host has the port that it asks, which is this server's; a proxy's has the proxy's.
    """
    host = _split("//" + headers.get("host", ""))
    port = server[1] if server else None
    return any(name in headers for name in PROXY) and (
        _port_of(host) != port or host.hostname in KNOWN_HERE
    )


@cache
def own_names() -> frozenset[str]:
    """Names by which this machine may be asked at a loopback address; Debian's is at 127.0.1.1.

    Those that stand on the machine itself, and which nobody else can point elsewhere. The whole
    name by ``socket.getfqdn`` may be an answer of a name server, that is slow, or an attacker's. A
    machine that is named like a public site, such as example.com, does trust that site's pages.
    """
    try:
        lines = HOSTS.read_text(encoding="utf-8", errors="replace").lower().splitlines()
    except OSError:  # there is none, such as on Windows
        lines = []
    entries = filter(None, (line.partition("#")[0].split() for line in lines))
    listed = {name for ip, *names in entries if _is_loopback(ip) for name in names}
    return frozenset({"localhost", socket.gethostname().lower()} | listed)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _port_of(host: SplitResult) -> int | None:
    try:
        return host.port or 80
    except ValueError:
        return None


def _is_at_home(server: Address) -> bool:
    return bool(server) and _is_loopback(server[0])


def _is_loopback(host: str) -> bool:
    ip = _ip(host)
    return host == "localhost" if ip is None else ip.is_loopback


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(host)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
