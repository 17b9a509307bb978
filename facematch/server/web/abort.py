"""Dropping a client's connection at once, which ASGI has no word for.

A connection whose client has stopped reading never finishes sending, so closing it politely takes for ever, keeps
its buffers and blocks the server's shutdown. uvicorn's `send` is a method of the object that holds the transport;
a test holds this against the real uvicorn. Under another server a connection is closed politely only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

_KEY = "facematch.cut"


class RememberConnection:
    """ASGI middleware, the outermost one: keeps what `cut_of` gives."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            abort = getattr(transport, "abort", None)
            if callable(abort):
                scope[_KEY] = abort
        await self._app(scope, receive, send)


def cut_of(scope: Scope) -> Callable[[], None]:
    """What drops the connection of a WebSocket without waiting for anything; does nothing where it cannot."""
    cut: Callable[[], None] = scope.get(_KEY, _nothing)
    return cut


def _nothing() -> None:
    pass
