"""Event logs of every kind, each in a place of its own, and events to put into them."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from facematch.protocol.events import Check, Match, ParticipantChange, WatchChange
from facematch.server.events.gaps import Arrivals, Gaps
from facematch.server.events.publisher import Publisher
from facematch.server.events.store import SqlEventLog
from facematch.server.events.writer import Writer
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.migrate import migrate
from tests.rig.memory_log import MemoryEventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from facematch.protocol.events import Event
    from facematch.server.events.log import Entry, EventLog
    from tests.rig.postgres import Postgres

NOON = datetime(2025, 9, 25, 14, 7, 8, 123456, tzinfo=UTC)


def check(event_id: UUID | None = None, **fields: Any) -> Check:
    required = {"participant_id": "PA_x", "participant_name": "Alice", "match_found": False, "timestamp": NOON}
    return Check(event_id=event_id or uuid4(), **{**required, **fields})


def match(**fields: Any) -> Match:
    required = {
        "participant_id": "PA_x",
        "participant_name": "Alice",
        "confidence": 0.63,
        "filename": None,
        "snapshot": None,
        "timestamp": NOON,
        "bbox": (80, 300, 220, 160),
        "frame_size": (640, 360),
        "event_id": uuid4(),
    }
    return Match(**{**required, **fields})


def joined(**fields: Any) -> ParticipantChange:
    required = {"participant_id": "PA_x", "participant_name": "Alice", "change": "joined", "timestamp": NOON}
    return ParticipantChange(**{"event_id": uuid4(), **required, **fields})


def watch(**fields: Any) -> WatchChange:
    return WatchChange(**{"event_id": uuid4(), "change": "began", "timestamp": NOON, **fields})


async def stored(log: EventLog, *events: Event) -> list[Entry]:
    """Append events that are new."""
    entries = await log.append(events)
    assert None not in entries
    return [entry for entry in entries if entry is not None]


def cursors(entries: Sequence[Entry | None]) -> list[int]:
    return [entry.cursor for entry in entries if entry is not None]


async def new_database(kind: str, folder: Path, postgres: Postgres | None) -> str:
    """The URL of an empty database."""
    if kind == "sqlite":
        return sqlite_url(folder / "data" / "events.db")
    assert postgres is not None
    return await postgres_database(postgres)


async def postgres_database(postgres: Postgres, template: str = "template1") -> str:
    """The URL of a database that nobody has used: a copy of another, to which nobody is connected."""
    url = postgres.url(f"t{uuid4().hex}")
    engine = create_async_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE DATABASE {make_url(url).database} TEMPLATE {template}")
    await engine.dispose()
    return url


@asynccontextmanager
async def two_of(url: str) -> AsyncIterator[tuple[Database, Database]]:
    """One database with its tables, as two processes have it."""
    await migrate(url)
    both = Database(url), Database(url)
    for database in both:
        database.open()
    try:
        yield both
    finally:
        for database in both:
            await database.aclose()


@dataclass
class Intake:
    """What an event passes through on its way into a log, without listeners or a web."""

    event_log: EventLog
    publish: Callable[[Entry], int] = lambda _entry: 0

    def __post_init__(self) -> None:
        self.gaps = Gaps()
        self._arrivals = Arrivals(self.event_log, self.gaps)
        self._publisher = Publisher(self.event_log, self.publish, self._arrivals.note_entry)
        self.writer = Writer(self.event_log, self._publisher, self._arrivals)

    async def open(self) -> None:
        await self._publisher.open()
        await self._arrivals.open()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the write lock of a SQLite file meanwhile."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[EventLog]:
    """A log; None: the one in memory."""
    log: EventLog = MemoryEventLog() if url is None else SqlEventLog(Database(url), PresenceFold())
    await log.open()
    try:
        yield log
    finally:
        await log.aclose()
