"""One line per request that is worth one, without a word that a client chose.

The server's own access log writes whole addresses, which hold identities (`/token?identity=…`) and the names of
snapshots; it is silenced, and routes are logged by their templates.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_ACCESS_LOG = "uvicorn.access"
_SERVER_LOG = "uvicorn.error"
_NOT_SAID = (
    '%s - "WebSocket ',
    "connection ",
    "ASGI callable returned without completing handshake",
    "Invalid HTTP request received.",
)
"""How lines of the server begin that any client can have written: the whole address of a WebSocket, a complaint about
one that was refused, and one line for every request that is none (see `gate`, which says it now and then).
"""
_REFUSED = 400


@contextmanager
def no_access_log() -> Iterator[None]:
    """While this is open, the server's own access log is silent, and so is what it says of WebSockets."""

    def silent(_record: logging.LogRecord) -> bool:
        return False

    def worth_saying(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_NOT_SAID)

    filters = {_ACCESS_LOG: silent, _SERVER_LOG: worth_saying}
    for name, one in filters.items():
        logging.getLogger(name).addFilter(one)
    try:
        yield
    finally:
        for name, one in filters.items():
            logging.getLogger(name).removeFilter(one)


class RequestLog:
    """ASGI middleware: refusals and failures at INFO, all else at DEBUG."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            log.log(
                logging.INFO if status >= _REFUSED else logging.DEBUG,
                "Request",
                method=scope["method"] if scope["method"].isalpha() else "?",
                route=scope.get("facematch.route"),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
