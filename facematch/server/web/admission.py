"""Which connections may be open at once, and which one gives way to another: pure accounting, no sockets.

A connection that nobody is served through (its request has not come, its answer is not read) gives way when there are
too many; one that is served never does. So whoever sends a request at once is served, however many connections
somebody else opens and leaves open, and only what all are busy with is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_REMEMBERED: Final = 1_000
"""Clients that have shown a key or a login, of whom the latest are known."""

Reason = Literal["too many of one client", "too many"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many."""

    most: int
    """Connections in all."""
    for_known: int
    """Of these, how many only clients have that are known."""
    of_stranger: int
    """Of one client that is not known."""

    @property
    def of_known(self) -> int:
        """Of one known client that is not this machine."""
        return self.most // 2


@dataclass(eq=False, slots=True)
class Connection:
    """One that was admitted, or asks to be."""

    client: str
    """See `network_of`."""
    here: bool
    """Of this machine itself."""
    drop: Callable[[], None]
    """Closes it."""
    answered: bool = False
    """Whether it has had an answer: such a one gives way later than one that has never asked."""


class _Line:
    """Connections that may give way, in this order."""

    def __init__(self) -> None:
        self._silent: dict[Connection, None] = {}
        self._answered: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        (self._answered if connection.answered else self._silent)[connection] = None

    def remove(self, connection: Connection) -> None:
        self._silent.pop(connection, None)
        self._answered.pop(connection, None)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._silent or connection in self._answered

    def first(self) -> Connection | None:
        return next(chain(self._silent, self._answered), None)


@dataclass(slots=True)
class _Client:
    """What one client has open."""

    known: bool
    here: bool
    open: set[Connection] = field(default_factory=set)
    idle: _Line = field(default_factory=_Line)


class Admission:
    """The account.

    Args:
        bounds: how many.
        told: hears of each connection that was refused or had to give way, and why.
    """

    def __init__(self, bounds: Bounds, told: Callable[[Connection, Reason], None]) -> None:
        self.bounds = bounds
        self._told = told
        self._clients: dict[str, _Client] = {}
        self._remembered: OrderedDict[str, None] = OrderedDict()
        self._idle = {known: _Line() for known in (False, True)}
        self._open = dict.fromkeys((False, True), 0)

    @property
    def open(self) -> int:
        """Connections that are."""
        return sum(self._open.values())

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False: it is refused. It is idle until `works`."""
        client = self._clients.get(connection.client)
        if client is None:
            known = connection.here or connection.client in self._remembered
            client = _Client(known, connection.here)
        if len(client.open) >= self._most_of(client) and not self._give_way(client.idle, "too many of one client"):
            self._told(connection, "too many of one client")
            return False
        if self._is_full(client) and not self._make_room(client):
            self._told(connection, "too many")
            return False
        self._clients[connection.client] = client  # again, if the last of its connections has just given way
        client.open.add(connection)
        self._open[client.known] += 1
        self.waits(connection)
        return True

    def works(self, connection: Connection) -> None:
        """It has a request that is being answered: it does not give way."""
        if client := self._client(connection):
            client.idle.remove(connection)
            self._idle[client.known].remove(connection)

    def waits(self, connection: Connection) -> None:
        """Nothing is done for it, or its answer is not read."""
        if client := self._client(connection):
            self.works(connection)  # to the end of the line
            client.idle.add(connection)
            self._idle[client.known].add(connection)

    def closed(self, connection: Connection) -> None:
        """It is no more. Harmless when it was not."""
        if client := self._client(connection):
            self.works(connection)
            client.open.remove(connection)
            self._open[client.known] -= 1
            if not client.open:
                del self._clients[connection.client]

    def vouch(self, connection: Connection) -> None:
        """Its client has shown a key or a login: it is known from now on."""
        self._remembered[connection.client] = None
        self._remembered.move_to_end(connection.client)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        client = self._client(connection)
        if client is None or client.known:
            return
        client.known = True
        self._open[False] -= len(client.open)
        self._open[True] += len(client.open)
        for one in client.open:
            if one in self._idle[False]:
                self._idle[False].remove(one)
                self._idle[True].add(one)

    def _client(self, connection: Connection) -> _Client | None:
        client = self._clients.get(connection.client)
        return client if client is not None and connection in client.open else None

    def _most_of(self, client: _Client) -> int:
        if client.here:
            return self.bounds.most
        return self.bounds.of_known if client.known else self.bounds.of_stranger

    def _is_full(self, client: _Client) -> bool:
        for_strangers = self.bounds.most - self.bounds.for_known
        return self.open >= self.bounds.most or (not client.known and self._open[False] >= for_strangers)

    def _make_room(self, client: _Client) -> bool:
        return self._give_way(self._idle[False], "too many") or (
            client.known and self._give_way(self._idle[True], "too many")
        )

    def _give_way(self, line: _Line, reason: Reason) -> bool:
        connection = line.first()
        if connection is None:
            return False
        self.closed(connection)
        self._told(connection, reason)
        connection.drop()
        return True
