"""Which addresses are reached through the proxy that the environment names, and which directly.

Programs disagree about `NO_PROXY`, and some libraries ignore it; here it means what any of them is known to take it
for: names (with what is below them, with or without a leading dot or `*.`), addresses, networks (`10.0.0.0/8`), each
also with a port, and `*`. Both spellings of every variable count. This machine is always reached directly.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from facematch.runtime.addresses import as_address, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

_ENCRYPTED = {"https", "wss"}
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>\d+)")
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that stands before an address, as the environment has it; None: it is reached directly.

    Args:
        url: `http`, `https`, `ws` or `wss`.
        environment: such as `os.environ`.
    """
    scheme = urlsplit(url).scheme.lower()
    names = ("https_proxy" if scheme in _ENCRYPTED else "http_proxy", "all_proxy")
    proxy = next(filter(None, (_value(name, environment) for name in names)), None)
    return None if proxy is None or is_direct(url, environment) else proxy


def is_direct(url: str, environment: Mapping[str, str]) -> bool:
    """Whether an address is this machine, or one that `NO_PROXY` covers."""
    parts = urlsplit(url)
    host = _plain(parts.hostname or "")
    port = parts.port or _PORTS.get(parts.scheme.lower())
    return is_loopback(host) or any(_covers(entry, host, port) for entry in _entries(environment))


def forget_proxies(environment: MutableMapping[str, str]) -> None:
    """Take the proxies out of an environment: for a library that would use them whatever `NO_PROXY` says."""
    for name in [name for name in environment if name.lower() in _VARIABLES]:
        del environment[name]


def _value(name: str, environment: Mapping[str, str]) -> str | None:
    return environment.get(name) or environment.get(name.upper()) or None


def _entries(environment: Mapping[str, str]) -> Iterable[str]:
    said = ",".join(environment.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    return filter(None, re.split(r"[,\s]+", said))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if as_address(entry) is None and (found := _WITH_PORT.fullmatch(entry)):
        if int(found["port"]) != port:
            return False
        entry = found["host"]
    name = _plain(entry)
    address = as_address(host)
    if address is None:
        name = name.removeprefix("*").lstrip(".")
        return bool(name) and (host == name or host.endswith("." + name))
    if "/" not in name:
        return as_address(name) == address
    try:
        return address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _plain(host: str) -> str:
    """A host as names are compared: without brackets, final dot and zone, in lower case and, if need be, Punycode."""
    host = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
