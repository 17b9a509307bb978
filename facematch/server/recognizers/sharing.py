"""Heartbeats that came to other processes on one PostgreSQL: each writes down what it hears, and reads what is new.

So that every process gives the same account of recognizers, whichever of them they report to. A recognizer that has
fallen silent keeps its row for an hour (events of it may wait in its outbox), without whom it saw.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert

from facematch.protocol.heartbeat import Heartbeat
from facematch.runtime.meanwhile import meanwhile
from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.storage.schema import heartbeats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.recognizers.registry import Recognizers
    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
_OVERLAP: Final = timedelta(seconds=5)
"""Read again of what was read: a transaction may be committed some time after its beginning."""
_KEPT: Final = timedelta(hours=1)


class SharedHeartbeats:
    """See the module. On SQLite there is one process, and nothing is written or read.

    Args:
        database: of the event log, opened with it.
        recognizers: told of what came to others.
    """

    def __init__(self, database: Database, recognizers: Recognizers) -> None:
        self._database = database
        self._recognizers = recognizers
        self._shared = database.shared
        self._read_to: datetime | None = None
        self._well = True

    async def tell(self, heartbeat: Heartbeat) -> None:
        """Write down one that came here; while the database is away, nobody else hears of it."""
        if not self._shared:
            return
        row = insert(heartbeats).values(
            room=heartbeat.room,
            source=heartbeat.source,
            body=heartbeat.model_dump_json(),
            first_at=sa.func.clock_timestamp(),
            at=sa.func.clock_timestamp(),
            names=True,
        )
        kept = row.on_conflict_do_update(
            index_elements=[heartbeats.c.room, heartbeats.c.source],
            set_={"body": row.excluded.body, "at": row.excluded.at, "names": True},
        )

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(kept)

        try:
            await self._database.aside(work)
        except OSError as error:
            log.debug("A heartbeat is not written down", reason=str(error))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read what comes to others while this is open."""
        if not self._shared:
            yield
            return
        async with meanwhile(("heartbeats of other processes", self._run())):
            yield

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh()
                self._well = True
            except OSError as error:
                if self._well:
                    log.warning("Heartbeats of other processes cannot be read now", reason=str(error))
                self._well = False
            except Exception:
                log.exception("Heartbeats of other processes could not be read")
            await asyncio.sleep(LOOK_SECONDS)

    async def refresh(self) -> None:
        """Read what is new, forget what is old.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        now = sa.func.clock_timestamp()
        silent = heartbeats.c.at < now - timedelta(seconds=ONLINE_SECONDS)

        async def work(connection: AsyncConnection) -> list[tuple[Heartbeat, datetime, float, float]]:
            age, known = (sa.extract("epoch", now - column) for column in (heartbeats.c.at, heartbeats.c.first_at))
            found = sa.select(heartbeats.c.body, heartbeats.c.at, age, known, silent)
            if self._read_to is not None:
                found = found.where(sa.or_(heartbeats.c.at > self._read_to - _OVERLAP, silent & heartbeats.c.names))
            rows = (await connection.execute(found)).all()
            await connection.execute(sa.delete(heartbeats).where(heartbeats.c.at < now - _KEPT))
            read: list[tuple[Heartbeat, datetime, float, float]] = []
            for body, at, old, since, is_silent in rows:
                try:
                    heartbeat = Heartbeat.model_validate_json(body)
                except ValidationError:  # of a newer version
                    continue
                read.append((heartbeat, at, float(old), float(since)))
                if is_silent:
                    await self._without_names(connection, heartbeat, at)
            return read

        for heartbeat, at, age, known in await self._database.aside(work):
            self._recognizers.adopt(heartbeat, age, known)
            self._read_to = max(at, self._read_to or at)

    async def _without_names(self, connection: AsyncConnection, heartbeat: Heartbeat, at: datetime) -> None:
        same = (heartbeats.c.room == heartbeat.room) & (heartbeats.c.source == heartbeat.source)
        nobody = heartbeat.model_copy(update={"tracks": []}).model_dump_json()
        change = sa.update(heartbeats).where(same, heartbeats.c.at == at)
        await connection.execute(change.values(body=nobody, names=False))
