"""SQLite: each transaction runs whole in a thread, from the moment it takes its lock until it is on the disk.

An asynchronous driver hands every statement to a thread and its result back, which for the few short ones that store an
event costs several times what SQLite does. So the thread is given the transaction: what is written for an
`AsyncConnection` awaits nothing else, and runs to its end without an event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

_T = TypeVar("_T")

LOCKED_SECONDS: Final = 0.9
"""How long another process may hold SQLite's write lock before a sender is told to try again."""


def set_up(engine: sa.Engine, *, writes: bool, locked_seconds: float = LOCKED_SECONDS) -> None:
    """Have an engine's connections survive what they are supposed to survive.

    Args:
        engine: has not connected yet.
        writes: take the write lock when a transaction begins.
        locked_seconds: how long another process may hold it.
    """

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(locked_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA secure_delete=ON")  # what is removed leaves no trace in the file
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class InThreads:
    """Connections to a database file, each with a thread. See `database.Connections`.

    Args:
        url: of the file.
        writes: take the write lock when a transaction begins.
        connections: most of them.
        place_seconds: how long to wait for one.
    """

    def __init__(self, url: str, *, writes: bool, connections: int, place_seconds: float) -> None:
        file = sa.make_url(url).set(drivername="sqlite")
        self._engine = sa.create_engine(file, pool_size=connections, max_overflow=0)
        set_up(self._engine, writes=writes)
        self._places = asyncio.Semaphore(connections)
        self._place_seconds = place_seconds
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="SQLite, writing" if writes else "SQLite")

    async def write(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """See `Connections.write`."""
        try:
            async with asyncio.timeout(self._place_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise TimeoutError from None  # the reason that is told is not how it was waited
        try:
            run = contextvars.copy_context().run
            return await asyncio.get_running_loop().run_in_executor(self._threads, run, self._transaction, work)
        finally:
            self._places.release()

    async def read(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """See `Connections.read`: of one state of the file."""
        return await self.write(work)

    async def aclose(self) -> None:
        """See `Connections.aclose`."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)
        self._threads.shutdown()

    def _transaction(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        with self._engine.begin() as connection:
            return _run(work(cast("AsyncConnection", _Connection(connection))))


class _Connection:
    """What transactions use of an `AsyncConnection`. Nothing of it waits for an event loop."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: sa.Executable, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)


def _run(work: Awaitable[_T]) -> _T:
    """To its end, without an event loop."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("_T", end.value)
    steps.close()
    raise RuntimeError("a transaction waits for nothing but its connection")
