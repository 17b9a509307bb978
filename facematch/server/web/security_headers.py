"""Security headers of every answer, with a strict Content-Security-Policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]")
_BOTH_FORMS = {"ws": ("ws", "http"), "http": ("ws", "http"), "wss": ("wss", "https"), "https": ("wss", "https")}


def origins(url: str) -> tuple[str, str]:
    """The WebSocket and the HTTP origin of a URL: `ws://host:7880`, `http://host:7880`. LiveKit's client uses both.

    Raises:
        ValueError: the URL's host cannot stand in a header.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    if not _HOST.fullmatch(name) or (port and not port.isdigit()):
        raise ValueError(f"not a host and port: {host!r}")
    websocket, http = _BOTH_FORMS[parts.scheme]
    return f"{websocket}://{host}", f"{http}://{host}"


def security_headers(livekit_url: str) -> dict[str, str]:
    """The headers.

    Args:
        livekit_url: the one address besides ours that the page may talk to.
    """
    policy = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob: mediastream:",
        "worker-src": "'self' blob:",
        "connect-src": " ".join(["'self'", *origins(livekit_url)]),
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # What says otherwise (assets, pictures) says so itself; tokens, status and events are never kept.
        "Cache-Control": "no-store",
    }


_TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
"""Who came by TLS once, comes by TLS for a year: nobody on the way turns that into plain HTTP."""


class AddHeaders:
    """ASGI middleware: these headers on every answer that has none of that name, and over TLS one more."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._plain = _raw(headers)
        self._over_tls = _raw(headers | _TLS_ONLY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        added = self._over_tls if scope.get("scheme") in ("https", "wss") else self._plain

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                own = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                message["headers"] = [*own, *(header for header in added if header[0] not in names)]
            await send(message)

        await self._app(scope, receive, with_headers)


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
