"""What one client may cost before anything of ours has seen its request: connections, heads, silence, unread answers.

ASGI begins with a complete request, so this belongs to the server. `uvicorn api:app` leaves us no option to set;
but the lifespan, which every start runs before anything listens, is where the server's configuration can be had.
Every connection is then spoken to by the protocols below. h11 is the parser, whichever was asked for: it bounds the
head of a request and what a client sends ahead, and a request that offers another protocol (h2c) is answered as it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from facematch.runtime.descriptors import descriptors_to_use
from facematch.server.web.bounded_protocols import HEAD_BYTES, BoundedHttp, BoundedWebSocket
from facematch.server.web.gate import BACKLOG, FOR_OURSELVES, KEY, MOST, Gate, bounds_for
from facematch.server.web.shutdown import running_uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

SOCKET_BYTES: Final = 128 * 1024
"""Of a message on a WebSocket, decompressed: twice what a listener is told that it may send."""


class BoundedServer:
    """ASGI middleware that bounds the uvicorn it runs under. Under another server the log says that it does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gate: Gate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._bounding(send))
            return
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if self._gate is not None and transport is not None:
            scope[KEY] = partial(self._gate.vouch, transport)
        await self._app(scope, receive, send)

    def _bounding(self, send: Send) -> Send:
        """Sends what the lifespan says, and bounds the server when it is about to listen."""
        config = getattr(getattr(send, "__self__", running_uvicorn()), "config", None)

        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                if hasattr(config, "http_protocol_class"):
                    self._gate = Gate(bounds_for(descriptors_to_use(MOST + FOR_OURSELVES)))
                    keep_within_bounds(config, self._gate)
                else:
                    log.info("The server is not uvicorn: it has to bound connections, heads and silence by itself")
            await send(message)

        return watched


def keep_within_bounds(config: Any, gate: Gate) -> None:
    """Have the server of this configuration, which does not listen yet, stay within bounds."""
    config.http_protocol_class = partial(BoundedHttp, gate)
    config.ws_protocol_class = partial(BoundedWebSocket, gate)
    config.h11_max_incomplete_event_size = min(config.h11_max_incomplete_event_size or HEAD_BYTES, HEAD_BYTES)
    config.ws_max_size = min(config.ws_max_size, SOCKET_BYTES)
    config.backlog = min(config.backlog, BACKLOG)
    if config.ssl is not None:  # the parsers that speak more than HTTP/1.1 are not used
        config.ssl.set_alpn_protocols(["http/1.1"])
