"""Logins that were ended, kept for as long as a token that was had with one may open a room: for whoever looks who is
in it, after a restart and in other web processes too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.server.storage.bell import Bell, ring
from facematch.server.storage.database import insert_into
from facematch.server.storage.schema import expulsions

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

ALL: Final = ""
"""In place of a login: all that were begun until then."""


class EndedLogins:
    """See the module. Every method raises `LogUnavailableError` when the database is away.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, login: str, at: float) -> None:
        """A login was ended, or `ALL`; seconds since 1970."""
        when = {"ended_at": datetime.fromtimestamp(at, UTC)}

        async def work(connection: AsyncConnection) -> None:
            ended = insert_into(connection, expulsions).values(login=login, **when)
            await connection.execute(ended.on_conflict_do_update(index_elements=[expulsions.c.login], set_=when))
            await ring(connection, Bell.LOGINS)

        await self._database.write(work)

    async def after(self, oldest: float, most: int) -> dict[str, float]:
        """When each was ended, the latest last; older ones are forgotten.

        Args:
            oldest: seconds since 1970.
            most: of them, the latest.
        """
        rows = sa.select(expulsions.c.login, expulsions.c.ended_at).order_by(expulsions.c.ended_at.desc()).limit(most)
        found = {login: at.timestamp() for login, at in reversed(await self._database.rows(rows))}
        if any(at <= oldest for at in found.values()):
            over = expulsions.c.ended_at <= datetime.fromtimestamp(oldest, UTC)
            await self._database.execute(sa.delete(expulsions).where(over))
        return {login: at for login, at in found.items() if at > oldest}
