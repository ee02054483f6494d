"""Which web pages may open a WebSocket here: a browser lets any page knock at any address."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

PROXY = ("x-forwarded-for", "x-forwarded-host", "forwarded")
"""Headers of what a proxy handed on; no page can have its browser send one with a WebSocket."""


def is_foreign(headers: Mapping[str, str], server: str) -> bool:
    """Whether another site's page asks, by the browser of somebody who can reach this server.

    Other programs send no Origin and are welcome. A page must come from the host that it asks;
    ports do not matter. And if it asks this machine by its loopback address, then not by a name
    that its own site may have pointed here (DNS rebinding): no page has such a name but by a proxy.

    Args:
        headers: of the request, by names in small letters.
        server: the address at which it came in.
    """
    if "origin" not in headers:
        return False
    asked = (headers.get("x-forwarded-host") or headers.get("host", "")).partition(",")[0]
    host, page = _host_of("//" + asked.strip()), _host_of(headers["origin"])
    if host is None or page is None:  # such as "null", a page in a sandbox
        return True
    if _is_loopback(host):
        return not _is_loopback(page)
    rebound = _is_loopback(server) and _address(host) is None
    return page != host or (rebound and not any(name in headers for name in PROXY))


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
