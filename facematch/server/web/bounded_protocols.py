"""Connections that cost little: uvicorn's protocols, with an end to what a client may send, keep waiting or leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from h11 import IDLE, NEED_DATA, PAUSED, SEND_BODY, SERVER, Event, RemoteProtocolError, Request, Response
from h11 import Connection as Parser
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    import asyncio

    from facematch.server.web.admission import Connection
    from facematch.server.web.gate import Gate

HEAD_BYTES: Final = 64 * 1024
"""Of a request's head: its line and its headers. Also of the trailers of a body in chunks."""
HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take, from the connection's beginning or from the head's first byte."""
REST_SECONDS: Final = 30.0
"""How long a body may still arrive whose request has been answered without it."""
STALL_SECONDS: Final = 30.0
"""How long a client may take nothing of its answer."""
SOCKET_BYTES_PER_SECOND: Final = 64 * 1024
"""Read of each WebSocket: nothing is expected there but a pong now and then."""

_REFUSAL = ApiError(503, Code.BUSY, "As many connections are open as there may be. Try again in a moment.").response()
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_REFUSAL.body), bytes(_REFUSAL.body))
)


class StrictParser(Parser):
    """Refuses what programs disagree about, and what they could therefore be made to read differently.

    The head of an answer goes out with what follows it: one piece for the system, and for whoever waits for it.
    """

    def __init__(self, our_role: type[SERVER], max_incomplete_event_size: int) -> None:
        super().__init__(our_role, max_incomplete_event_size)
        self._head: list[bytes] = []

    def send_with_data_passthrough(self, event: Event) -> list[bytes] | None:
        """See h11: what is to be written of an event."""
        pieces = super().send_with_data_passthrough(event)
        if isinstance(event, Response):
            self._head, pieces = pieces or [], []
        elif self._head and pieces is not None:
            self._head, pieces = [], self._head + pieces
        return pieces

    def next_event(self) -> type[NEED_DATA | PAUSED] | Event:
        """See h11.

        Raises:
            RemoteProtocolError: the client does not keep to the protocol.
        """
        event = super().next_event()
        if isinstance(event, Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and b"content-length" in names:
                raise RemoteProtocolError("two ways to find the body's end")
            if event.http_version not in (b"1.0", b"1.1"):
                raise RemoteProtocolError("another version of HTTP")
        return event


class BoundedHttp(H11Protocol):
    """A connection of uvicorn's that has a place, has to ask for something in time and to take what it is given."""

    def __init__(self, gate: Gate, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.conn = StrictParser(SERVER, self.config.h11_max_incomplete_event_size or HEAD_BYTES)
        self._gate = gate
        self._place: Connection | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._handed_over = False
        self._empty = 0
        """Bytes of empty lines since the last request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        self._place = self._gate.admit(transport)
        if self._place is None:
            transport.write(_REFUSED)
            transport.close()
            return
        super().connection_made(transport)
        self._must_ask_within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if self._place is None:
            return
        self._gate.left(self.transport)
        self._may_be_silent()
        self._is_taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio. Empty lines before a request mean nothing, says the protocol, and the parser minds them."""
        if self.conn.their_state is IDLE and not self.conn.trailing_data[0]:
            rest = data.lstrip(b"\r\n")
            self._empty = 0 if rest else self._empty + len(data)
            data = rest
        if self._empty > HEAD_BYTES:
            if not self.transport.is_closing():
                self.send_400_response("Nothing but empty lines.")
            return
        if data:
            super().data_received(data)
        if self._handed_over or self.transport.is_closing():
            return
        if self._is_asked():
            self._works()
        elif self._silence is None:
            self._must_ask_within(REST_SECONDS if self.conn.their_state is SEND_BODY else HEAD_SECONDS)

    def on_response_complete(self) -> None:
        """Uvicorn's word for: the next request may come, or has come already. Its own timer ends a longer silence."""
        assert self._place is not None  # noqa: S101  (it was served)
        self._place.answered = True
        super().on_response_complete()
        if self._is_asked():
            self._works()
        else:
            self._gate.admission.waits(self._place)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """From here on the transport is another protocol's."""
        self._works()
        self._is_taken()
        self._handed_over = True
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """See asyncio: the client does not take its answer as fast as it is made."""
        super().pause_writing()
        assert self._place is not None  # noqa: S101  (something was written)
        self._gate.admission.waits(self._place)
        self._must_take()

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        assert self._place is not None  # noqa: S101  (something was written)
        self._is_taken()
        if self._is_asked():
            self._gate.admission.works(self._place)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered so."""
        assert self._place is not None  # noqa: S101  (something was read)
        self._gate.invalid.add(client=self._place.client)
        super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Not worth a line: an offer of another protocol that is not taken up (h2c, by Java and curl)."""

    def _is_asked(self) -> bool:
        """Whether there is a request that has not been answered whole."""
        return self.cycle is not None and not self.cycle.response_complete

    def _works(self) -> None:
        assert self._place is not None  # noqa: S101  (something was read)
        self._may_be_silent()
        if self._stall is None:
            self._gate.admission.works(self._place)

    def _must_ask_within(self, seconds: float) -> None:
        self._silence = self.loop.call_later(seconds, self.transport.abort)

    def _may_be_silent(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _must_take(self) -> None:
        """Look again after a while whether anything was taken."""
        if self._stall is not None:
            self._stall.cancel()
        before = self.transport.get_write_buffer_size()

        def look() -> None:
            if self.transport.get_write_buffer_size() >= before:
                self.transport.abort()
            else:
                self._must_take()

        self._stall = self.loop.call_later(STALL_SECONDS, look)

    def _is_taken(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that keeps its connection's place, and of which no more is read than a listener has to say."""

    def __init__(self, gate: Gate, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._gate = gate
        self._may_read = float(SOCKET_BYTES_PER_SECOND)
        self._read_at = self.loop.time()
        self._rest: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._gate.left(self.transport)
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio. Whoever sends more than expected is read more slowly."""
        super().data_received(data)
        now = self.loop.time()
        earned = (now - self._read_at) * SOCKET_BYTES_PER_SECOND
        self._may_read = min(self._may_read + earned, SOCKET_BYTES_PER_SECOND) - len(data)
        self._read_at = now
        if self._may_read < 0 and self._rest is None:
            self.transport.pause_reading()
            self._rest = self.loop.call_later(-self._may_read / SOCKET_BYTES_PER_SECOND, self._go_on)

    def pause_writing(self) -> None:
        """See asyncio. Pongs are written whether or not they are taken: no more pings, then."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self._read_on()

    def _go_on(self) -> None:
        self._rest = None
        self._read_on()

    def _read_on(self) -> None:
        if self._rest is None and self.writable.is_set() and not self.read_paused:
            self.transport.resume_reading()
