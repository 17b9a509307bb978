"""Names and addresses of machines: what is this machine, and what can stand in a Host header."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")


_LONGEST = 64
"""Of an address, with its zone."""


def as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a host is, without brackets; None for a name."""
    return _as_address(name) if len(name) <= _LONGEST else None


@lru_cache(maxsize=256)
def _as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Kept: every request asks several times for the same few."""
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(name: str) -> bool:
    """Whether a host, by name or address, can only be this machine."""
    name = name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = as_address(name)
    return address is not None and address.is_loopback


def is_host(name: str) -> bool:
    """Whether this is a host name or an address, and nothing more (no scheme, port, path or brackets)."""
    return as_address(name) is not None or _NAME.fullmatch(name) is not None


def network_of(client: str) -> str:
    """What counts as one client: an address, or the network of an IPv6 address (each client has a whole one)."""
    address = as_address(client)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address or client)
