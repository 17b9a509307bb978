"""Logins and invitations, kept beside the event log: they outlive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind, Session
from facematch.server.storage.schema import sessions

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from facematch.server.storage.database import Database


class SqlSessionStore:
    """Sessions in the database. See `SessionStore`.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: Session) -> None:
        """See `SessionStore.add`."""
        row = {column.name: getattr(session, column.name) for column in sessions.columns}
        row |= {"kind": str(session.kind), "role": str(session.role)}
        await self._database.execute(sa.insert(sessions).values(row))

    async def find(self, session_id: str) -> Session | None:
        """See `SessionStore.find`."""
        found = await self._find(sa.select(sessions).where(sessions.c.id == session_id))
        return found[0] if found else None

    async def used(self, session_id: str, at: datetime) -> None:
        """See `SessionStore.used`."""
        await self._database.execute(sa.update(sessions).where(sessions.c.id == session_id).values(used_at=at))

    async def remove(self, session_id: str) -> None:
        """See `SessionStore.remove`."""
        await self._database.execute(sa.delete(sessions).where(sessions.c.id == session_id))

    async def clear(self) -> int:
        """See `SessionStore.clear`."""
        return await self._database.execute(sa.delete(sessions))

    async def all(self) -> Collection[Session]:
        """See `SessionStore.all`."""
        return await self._find(sa.select(sessions))

    async def _find(self, statement: sa.Select[Any]) -> list[Session]:
        rows = await self._database.rows(statement)
        return [Session(id_, Kind(kind), Role(role), *rest) for id_, kind, role, *rest in rows]
