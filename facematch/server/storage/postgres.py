"""What every connection to PostgreSQL has in common: neither end waits for the other for ever.

A process that hangs, or whose machine has gone, may hold the lock of the one row that every writer needs. So the server
ends a transaction in which nothing happens, and either end notices a peer that is silent.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

_T = TypeVar("_T")

CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
"""How long PostgreSQL may take for one statement."""
IDLE_IN_TRANSACTION_SECONDS: Final = 5
"""How long a process may stand still in the middle of a transaction before the server ends it."""
SILENT_SECONDS: Final = 3
"""Without a word for as long, the peer is asked whether it is there …"""
ASKED_SECONDS: Final = 2
ASKED_TIMES: Final = 3
"""… and after that the connection is given up, as is one whose bytes are not acknowledged for as long."""

_LOST_MS: Final = (SILENT_SECONDS + ASKED_SECONDS * ASKED_TIMES) * 1000

SERVER_SETTINGS: Final = {
    "application_name": "face-match",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
    "tcp_keepalives_idle": str(SILENT_SECONDS),
    "tcp_keepalives_interval": str(ASKED_SECONDS),
    "tcp_keepalives_count": str(ASKED_TIMES),
    "tcp_user_timeout": str(_LOST_MS),
}
"""Of the server's end."""

_OURS = (
    ("TCP_KEEPIDLE", SILENT_SECONDS),
    ("TCP_KEEPINTVL", ASKED_SECONDS),
    ("TCP_KEEPCNT", ASKED_TIMES),
    ("TCP_USER_TIMEOUT", _LOST_MS),
)
"""Of ours, as far as the system has them."""


def connect_args() -> dict[str, Any]:
    """For asyncpg."""
    return {
        "timeout": CONNECT_SECONDS,
        "command_timeout": STATEMENT_SECONDS,
        "server_settings": dict(SERVER_SETTINGS),
    }


def keep_alive(driver_connection: Any) -> None:
    """Have our end of a connection notice that the other has gone.

    Args:
        driver_connection: asyncpg's, which does not offer this itself.
    """
    transport = getattr(driver_connection, "_transport", None)
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OURS:
        if (option := getattr(socket, name, None)) is not None:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)


def make_engine(url: str, *, connections: int, place_seconds: float) -> AsyncEngine:
    """An engine that has not connected yet.

    Args:
        url: `postgresql+asyncpg://…`.
        connections: most of them.
        place_seconds: how long to wait for one.
    """
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=place_seconds,
        isolation_level="READ COMMITTED",
        connect_args=connect_args(),
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        keep_alive(connection.driver_connection)

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, _record: Any, _place: Any) -> None:
        # A server that was restarted costs no request. To ask it each time would be three round trips; that a peer says
        # nothing any more is found out by either end, above.
        if connection.driver_connection.is_closed():
            raise sa.exc.DisconnectionError

    return engine


class Pooled:
    """Connections to PostgreSQL. See `database.Connections`.

    Args:
        url: `postgresql+asyncpg://…`.
        connections: most of them.
        place_seconds: how long to wait for one.
    """

    def __init__(self, url: str, *, connections: int, place_seconds: float) -> None:
        self._engine = make_engine(url, connections=connections, place_seconds=place_seconds)
        self._alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._made: WeakSet[Any] = WeakSet()
        sa.event.listen(self._engine.sync_engine, "connect", lambda made, _: self._made.add(made.driver_connection))

    async def write(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """See `Connections.write`."""
        async with self._engine.begin() as connection:
            return await work(connection)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """See `Connections.read`: each statement sees what was committed before it, so that a transaction around them
        would be two round trips for nothing.
        """
        async with self._alone.connect() as connection:
            return await work(connection)

    def include(self, pid: int) -> bool:
        """Whether one of them is that of a process of the server."""
        return any(made.get_server_pid() == pid for made in self._made if not made.is_closed())

    async def aclose(self) -> None:
        """See `Connections.aclose`."""
        await self._engine.dispose()
