"""A request's connection, which ASGI has no word for: dropping it at once, and telling one from another.

A connection whose client has stopped reading never finishes sending, so closing it politely takes for ever, keeps
its buffers and blocks the server's shutdown. uvicorn's `send` is a method of the object that holds the transport;
a test holds this against the real uvicorn. Under another server a connection is closed politely only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

_KEY = "facematch.connection"


class RememberConnection:
    """ASGI middleware around the whole application: keeps what `connection_of` and `cut_of` give.

    Inside it, Starlette's own outermost one has put a function of its own before `send`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if callable(getattr(transport, "abort", None)) and callable(getattr(transport, "get_extra_info", None)):
            scope[_KEY] = transport  # uvloop's are no `asyncio.Transport`
        await self._app(scope, receive, send)


def connection_of(scope: Scope) -> asyncio.Transport | None:
    """What all requests of one connection have in common, and no others; None where it is not known."""
    found: asyncio.Transport | None = scope.get(_KEY)
    return found


def cut_of(scope: Scope) -> Callable[[], None]:
    """What drops the connection of a WebSocket without waiting for anything; does nothing where it cannot."""
    connection = connection_of(scope)
    return connection.abort if connection is not None else _nothing


def _nothing() -> None:
    pass
