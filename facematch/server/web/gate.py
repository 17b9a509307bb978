"""The places of all connections of a server: how many there are, who has one, and what the log says of the rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from facematch.runtime.addresses import is_loopback, network_of
from facematch.server.web.admission import Admission, Bounds, Connection

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from starlette.types import Scope

    from facematch.server.web.admission import Reason

log = structlog.get_logger(__name__)

BACKLOG: Final = 128
"""Connections that the system may hold for us; so many more than admitted may be open for a moment."""
FOR_OURSELVES: Final = 2 * BACKLOG
"""Descriptors for all that is no connection, and for the backlog."""
MOST: Final = 4_000
OF_STRANGER: Final = 64
TELL_SECONDS: Final = 10.0
"""How often the log says the same."""

KEY: Final = "facematch.vouch"
"""Of a scope: what vouches for the client."""


def bounds_for(descriptors: int) -> Bounds:
    """How many connections a process may have that may open so many files."""
    most = min(MOST, max(descriptors - FOR_OURSELVES, descriptors // 2))
    return Bounds(most=most, for_known=most // 4, of_stranger=min(OF_STRANGER, max(most // 8, 1)))


def vouch_for(scope: Scope) -> None:
    """Whoever makes this request has shown a key or a login: a place is kept for its address from now on."""
    vouch: Callable[[], None] = scope.get(KEY, _nothing)
    vouch()


def _nothing() -> None:
    pass


class Gate:
    """All connections of a server.

    Args:
        bounds: how many there may be.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.admission = Admission(bounds, self._told)
        self.invalid = Complaints("Requests refused: not HTTP, or more than 64 kB of headers")
        self._connections: dict[Any, Connection] = {}
        self._complaints: dict[Reason, Complaints] = {}

    def admit(self, transport: asyncio.Transport) -> Connection | None:
        """A new connection's place; None: there is none."""
        peer, own = (transport.get_extra_info(name) for name in ("peername", "sockname"))
        address = str(peer[0]) if isinstance(peer, tuple) else ""  # a socket of the file system has none
        here = not address or is_loopback(address) or (isinstance(own, tuple) and own[0] == address)
        connection = Connection(network_of(address), here, transport.abort)
        if not self.admission.admit(connection):
            return None
        self._connections[transport] = connection
        return connection

    def of(self, transport: asyncio.Transport) -> Connection | None:
        """The place of a connection that was admitted."""
        return self._connections.get(transport)

    def left(self, transport: asyncio.Transport) -> None:
        """A connection is no more."""
        connection = self._connections.pop(transport, None)
        if connection is not None:
            self.admission.closed(connection)

    def vouch(self, transport: asyncio.Transport) -> None:
        """See `vouch_for`."""
        connection = self._connections.get(transport)
        if connection is not None:
            self.admission.vouch(connection)

    def _told(self, connection: Connection, reason: Reason) -> None:
        if reason not in self._complaints:
            self._complaints[reason] = Complaints(f"Connections closed: {reason}")
        self._complaints[reason].add(client=connection.client or "local socket", open=self.admission.open)


class Complaints:
    """Something that a client can make happen any number of times, and the log says every few seconds.

    Args:
        sentence: what happened.
        monotonic: seconds.
    """

    def __init__(self, sentence: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sentence = sentence
        self._monotonic = monotonic
        self._told_at = -TELL_SECONDS
        self._untold = 0

    def add(self, **fields: object) -> None:
        """It happened once more; the fields are logged with the one that is told."""
        self._untold += 1
        now = self._monotonic()
        if now - self._told_at >= TELL_SECONDS:
            log.warning(self._sentence, times=self._untold, **fields)
            self._told_at, self._untold = now, 0
