"""Tries that a client has made at other web processes: counted together in PostgreSQL, for a minute.

A try is one statement, and only what is counted is one: a wrong key, a login, a token. While the database is away, or
too slow, each process counts for itself, as where there is one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from facematch.server.storage.schema import text_of, tries

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 1.0
"""How long a request waits for the count."""


class SharedTries:
    """See the module. On SQLite there is one process, and nothing is written.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = database.shared

    async def add(self, what: str, client: str) -> tuple[int, float] | None:
        """One more. Returns how many there are in the client's minute, and how many seconds that still lasts; None: it
        is not known.

        Args:
            what: is tried.
            client: whose tries are counted together.
        """
        if not self._shared:
            return None
        now = sa.func.clock_timestamp()
        begins = insert(tries).values(
            what=what, client=text_of(client), count=1, ends_at=now + timedelta(seconds=WINDOW_SECONDS)
        )
        over = tries.c.ends_at <= now
        goes_on = begins.on_conflict_do_update(
            index_elements=[tries.c.what, tries.c.client],
            set_={
                "count": sa.case((over, 1), else_=tries.c["count"] + 1),
                "ends_at": sa.case((over, begins.excluded.ends_at), else_=tries.c.ends_at),
            },
        ).returning(tries.c["count"], sa.extract("epoch", tries.c.ends_at - now))

        async def work(connection: AsyncConnection) -> tuple[int, float]:
            count, seconds = (await connection.execute(goes_on)).one()
            return int(count), float(seconds)

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._database.aside(work)
        except OSError as error:  # TimeoutError is one
            log.debug("Tries are counted here alone", reason=str(error))
            return None

    async def forget_over(self) -> None:
        """Remove those whose minute is over.

        Raises:
            LogUnavailableError: they cannot be removed now.
        """
        if self._shared:
            await self._database.execute(sa.delete(tries).where(tries.c.ends_at <= sa.func.clock_timestamp()))
