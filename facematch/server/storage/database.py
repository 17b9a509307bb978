"""The web process's database: an embedded SQLite file, or PostgreSQL, behind the same statements.

SQLite runs in WAL mode with `synchronous=FULL`: what was committed survives a crash of the process, of the machine
and a power cut, and readers never wait for the writer. Writers take the write lock when they begin, so that none
of them finds out half-way that another was faster.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError as BadData
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from facematch.server.storage import postgres
from facematch.server.storage.bell import ring
from facematch.server.storage.errors import LogUnavailableError, UnstorableError
from facematch.server.storage.sqlite import LOCKED_SECONDS, InThreads, set_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from facematch.server.storage.bell import Bell

_T = TypeVar("_T")

READERS = 4
"""Connections that read; one more writes."""
PLACE_SECONDS = 5.0
"""How long to wait for one of our own connections."""

_CLASSES_OF_BAD_DATA = ("22", "23")
"""SQLSTATE classes of values that a column cannot take."""


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return sa.URL.create("sqlite+aiosqlite", database=str(path)).render_as_string()


def url_of(given: SecretStr | None, data_dir: Path) -> str:
    """The database of the settings `DATABASE_URL` and `DATA_DIR`."""
    return given.get_secret_value() if given else sqlite_url(data_dir / "events.db")


def is_sqlite(url: str) -> bool:
    """Whether a URL is one of a database file."""
    return sa.make_url(url).get_backend_name() == "sqlite"


def make_engine(url: str, *, writes: bool, connections: int, locked_seconds: float = LOCKED_SECONDS) -> AsyncEngine:
    """An engine that has not connected yet.

    Args:
        url: as `sqlite_url` gives it, or `postgresql+asyncpg://…`.
        writes: take SQLite's write lock when a transaction begins.
        connections: most of them.
        locked_seconds: how long another process may hold SQLite's write lock.
    """
    if not is_sqlite(url):
        return postgres.make_engine(url, connections=connections, place_seconds=PLACE_SECONDS)
    engine = create_async_engine(url, pool_size=connections, max_overflow=0, pool_timeout=PLACE_SECONDS)
    set_up(engine.sync_engine, writes=writes, locked_seconds=locked_seconds)
    return engine


class Connections(Protocol):
    """Some connections, made when they are first needed. Two transactions never share one."""

    async def write(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run `work`, which waits for nothing but the connection, in a transaction; it is on the disk on return."""
        ...

    async def read(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run what only reads."""
        ...

    async def aclose(self) -> None:
        """Close them. None is in use."""
        ...


class Database:
    """One connection to write with and a few to read with, made when they are first needed.

    A caller that is cancelled leaves a statement to finish by itself: no connection is ever left in the middle.

    Args:
        url: as `sqlite_url` gives it, or `postgresql+asyncpg://…`.
        readers: connections that read, at most.
    """

    def __init__(self, url: str, readers: int = READERS) -> None:
        self.url = url
        self._most_readers = readers
        self._writer: Connections | None = None
        self._readers: Connections | None = None
        self._running: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """Allow what follows. Connects to nothing yet."""
        self._writer = self._connections(1, writes=True)
        self._readers = self._connections(self._most_readers, writes=False)

    def _connections(self, most: int, *, writes: bool) -> Connections:
        if self.shared:
            return postgres.Pooled(self.url, connections=most, place_seconds=PLACE_SECONDS)
        return InThreads(self.url, writes=writes, connections=most, place_seconds=PLACE_SECONDS)

    @property
    def shared(self) -> bool:
        """Whether several processes may have it: PostgreSQL."""
        return not is_sqlite(self.url)

    def is_its_own(self, pid: int) -> bool:
        """Whether what a process of the PostgreSQL server did was done by `write` of this object."""
        return isinstance(self._writer, postgres.Pooled) and self._writer.include(pid)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run `work`, which waits for nothing but its connection, in a transaction of its own; it is on the disk on
        return, or nothing of it is. On SQLite it runs in a thread.

        Raises:
            LogUnavailableError: the database is away, locked or full. After a lost connection the transaction may
                have been committed all the same.
            UnstorableError: a value that the database does not take.
        """
        return await self._finish(_opened(self._writer).write(work))

    async def read(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run `work` as `write` does, on one consistent state of the database (SQLite), or each statement on its own
        (PostgreSQL).

        Raises:
            LogUnavailableError: the database is away.
        """
        return await self._finish(_opened(self._readers).read(work))

    async def aside(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """The same as `write` for what must not wait behind the writer of the event log, where several can write."""
        return await self._finish(_opened(self._readers if self.shared else self._writer).write(work))

    async def execute(self, statement: sa.Insert | sa.Update | sa.Delete, bell: Bell | None = None) -> int:
        """Run one statement as `write` does, and ring if it changed anything. Returns how many rows it changed."""

        async def work(connection: AsyncConnection) -> int:
            changed: int = (await connection.execute(statement)).rowcount
            if changed and bell is not None:
                await ring(connection, bell)
            return changed

        return await self.write(work)

    async def rows(
        self, statement: sa.Select[Any], parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """What one selection finds, read as `read` does."""

        async def work(connection: AsyncConnection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await connection.execute(statement, parameters)]

        return await self.read(work)

    async def _finish(self, transaction: Awaitable[_T]) -> _T:
        task = asyncio.create_task(_in_our_words(transaction))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # has been heard of, also when whoever asked has gone

    async def aclose(self) -> None:
        """Finish what runs and close every connection."""
        opened = [some for some in (self._writer, self._readers) if some is not None]
        self._writer = self._readers = None
        if self._running:
            await asyncio.wait(self._running)
        for some in opened:
            await some.aclose()


def _opened(connections: Connections | None) -> Connections:
    if connections is None:
        raise LogUnavailableError("the database is not open")
    return connections


async def _in_our_words(transaction: Awaitable[_T]) -> _T:
    async with translated():
        return await transaction


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """What the database says, in the words of the log."""
    try:
        yield
    except DBAPIError as error:
        if _is_bad_data(error):
            raise UnstorableError(reason_of(error)) from error
        raise LogUnavailableError(reason_of(error)) from error
    except OverflowError as error:  # a number that SQLite has no room for
        raise UnstorableError(reason_of(error)) from error
    except (SQLAlchemyError, OSError) as error:  # no place in the pool in time; no route to the server
        raise LogUnavailableError(reason_of(error)) from error


def _is_bad_data(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, BadData | sa.exc.IntegrityError) or state.startswith(_CLASSES_OF_BAD_DATA)


def reason_of(error: BaseException) -> str:
    """Why, in words that hold no value of any event and no part of the URL."""
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None)
    if state:
        cause = original.__cause__ or original
        return f"PostgreSQL: {type(cause).__name__} ({state})"
    if type(original).__module__ == "sqlite3":
        return f"SQLite: {original}"
    if isinstance(original, OSError) and original.errno:
        return f"database: {os.strerror(original.errno)}"
    return f"database: {type(original.__cause__ or original).__name__}"


def insert_into(connection: AsyncConnection, table: sa.Table) -> Any:
    """An INSERT that can say what is to become of rows that are there already."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
