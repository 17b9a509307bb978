"""Which host a request is made to and which page made it: the two things that a browser does not let a page forge."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from facematch.runtime.addresses import as_address, is_loopback
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope

_FORWARDED: Final = (
    "forwarded",
    "via",
    "x-forwarded",
    "x-original-",
    "x-originating-",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-true-client-ip",
    "x-cluster-client-ip",
    "x-remote-",
    "x-host",
    "x-proxyuser-ip",
    "proxy-client-ip",
    "wl-proxy-",
    "cdn-loop",
    "cf-",
    "fastly-",
    "fly-",
    "tailscale-",
    "ngrok-",
    "do-connecting-ip",
    "x-envoy-",
    "x-azure-",
    "x-arr-",
    "x-appengine-",
    "x-cloud-trace-",
    "x-amzn-",
    "x-amz-cf-",
    "x-nf-",
    "x-vercel-",
    "x-akamai-",
    "x-zrok-",
)
"""Beginnings of the names of headers that a proxy or a tunnel adds: what came through one may come from anywhere."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


def is_forwarded(headers: Headers) -> bool:
    """Whether a proxy says that it passed this request on."""
    return any(name.startswith(_FORWARDED) for name in headers)


def is_https(scope: Scope) -> bool:
    """Whether the client spoke TLS, to us or to a proxy before us.

    A proxy's word is believed from anybody: no page of another site can add the header, and who lies in it about his
    own connection gets a cookie that he cannot use.
    """
    told = only(Headers(scope=scope).getlist("x-forwarded-proto"))
    return (told or scope["scheme"]) in ("https", "wss")


def only(values: list[str]) -> str:
    """The one value; several are as bad as a wrong one."""
    return values[0] if len(values) == 1 else ("" if not values else "?")


def host_name(headers: Headers) -> str | None:
    """The host that the request is made to, in lower case, without port and brackets; None for anything else."""
    return _name(only(headers.getlist("host")))


def origin_of(headers: Headers) -> str:
    """The Origin header; empty when no page made the request, or none that the browser tells of."""
    return only(headers.getlist("origin"))


def origin_name(origin: str) -> str | None:
    """The host of an Origin header; None for one without (`null`, other schemes)."""
    found = _ORIGIN.fullmatch(origin)
    return _name(found[2]) if found else None


def _name(host: str) -> str | None:
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").rstrip(".").lower() if found else None


def same_origin(scope: Scope) -> bool:
    """Whether the page that made the request was served from the host that it is made to, or no page made it."""
    headers = Headers(scope=scope)
    origin = origin_of(headers)
    if not origin:
        return True
    found = _ORIGIN.fullmatch(origin)
    host = only(headers.getlist("host"))
    if not found or not (here := _HOST.fullmatch(host)) or not (there := _HOST.fullmatch(found[2])):
        return False
    here_port = int(here[2] or _DEFAULT_PORT["https" if is_https(scope) else "http"])
    there_port = int(there[2] or _DEFAULT_PORT[found[1]])
    return (_name(host), here_port) == (_name(found[2]), there_port)


def is_own_page_s(scope: Scope) -> bool:
    """Whether the browser says that no other site's page had a part in this request; true where it says nothing.

    `Origin` is missing where a page asks for what it cannot read (pictures, scripts, `no-cors`); this is not.
    """
    return only(Headers(scope=scope).getlist("sec-fetch-site")) in ("", "none", "same-origin")


def is_navigation(scope: Scope) -> bool:
    """Whether somebody follows a link, and will see the answer as a page of its own."""
    headers = Headers(scope=scope)
    asked = tuple(only(headers.getlist(name)) for name in ("sec-fetch-mode", "sec-fetch-dest"))
    return scope.get("method") == "GET" and asked == ("navigate", "document")


def foreign_origin() -> ApiError:
    """The refusal of what another site's page asks for."""
    return ApiError(
        403,
        Code.FOREIGN_ORIGIN,
        "This request came from another site's page, or through a proxy that changed its Host. Only Face Match's own "
        "page may make it, and a proxy has to pass Host on as it came (nginx: proxy_set_header Host $http_host).",
    )


class KnownHosts:
    """The names that Face Match answers to when it is not in local mode.

    A page of another site can make its own name lead to this machine (DNS rebinding), and then its requests look
    like those of our own page; but it cannot make the browser send a name that is not its own, nor an address.

    Args:
        names: host names and addresses, besides loopback ones, every address, and this machine's name.
    """

    def __init__(self, names: Iterable[str]) -> None:
        machine = socket.gethostname().lower()
        short = machine.partition(".")[0]
        self._names = {name.lower() for name in names} | {machine, short, f"{short}.local"}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return is_loopback(name) or as_address(name) is not None or name in self._names
