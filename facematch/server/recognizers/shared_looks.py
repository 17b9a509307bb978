"""Looks that are wanted now, for the web processes that were not asked: rows of PostgreSQL that live for seconds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from facematch.server.storage.bell import Bell, ring
from facematch.server.storage.schema import looks, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)


class SharedLooks:
    """See the module. On SQLite there is one process, and nothing is written or read.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = database.shared

    async def add(self, identity: str, batches: Mapping[str, int]) -> None:
        """Somebody is to be looked at; while the database is away, the others do not hear of it.

        Args:
            identity: whose cameras.
            batches: that each has had.
        """
        if not self._shared:
            return
        row = insert(looks).values(
            identity=text_of(identity), batches=json.dumps(batches), asked_at=sa.func.clock_timestamp()
        )
        again = {"batches": row.excluded.batches, "asked_at": row.excluded.asked_at}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(row.on_conflict_do_update(index_elements=[looks.c.identity], set_=again))
            await ring(connection, Bell.DIRECTIONS)

        try:
            await self._database.aside(work)
        except OSError as error:
            log.warning("Other processes do not hear who is to be looked at", reason=str(error))

    async def after(self, seconds: float) -> list[tuple[str, dict[str, int], float]]:
        """Who was asked for within so many seconds: identity, batches, how long ago. Older ones are forgotten.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        if not self._shared:
            return []
        age = sa.extract("epoch", sa.func.clock_timestamp() - looks.c.asked_at)
        found = await self._database.rows(sa.select(looks.c.identity, looks.c.batches, age))
        if any(float(row[2]) >= seconds for row in found):
            over = looks.c.asked_at <= sa.func.clock_timestamp() - timedelta(seconds=seconds)
            await self._database.execute(sa.delete(looks).where(over))
        return [(row[0], json.loads(row[1]), float(row[2])) for row in found if float(row[2]) < seconds]
