"""Logins and invitations, kept beside the event log: they outlive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind, Session
from facematch.server.storage.bell import Bell
from facematch.server.storage.schema import sessions

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
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

    async def remove(self, *session_ids: str) -> None:
        """See `SessionStore.remove`."""
        await self._database.execute(sa.delete(sessions).where(sessions.c.id.in_(session_ids)), Bell.LOGINS)

    async def clear(self) -> int:
        """See `SessionStore.clear`."""
        return await self._database.execute(sa.delete(sessions), Bell.LOGINS)

    async def some(self, session_ids: Collection[str]) -> Collection[Session]:
        """See `SessionStore.some`."""
        return await self._find(sa.select(sessions).where(sessions.c.id.in_(session_ids)))

    async def expired(self, now: datetime, unused_since: datetime, after: str, limit: int) -> Sequence[Session]:
        """See `SessionStore.expired`."""
        unused = (sessions.c.kind == str(Kind.LOGIN)) & (sessions.c.used_at <= unused_since)
        over = (sessions.c.expires_at <= now) | unused
        wanted = sa.select(sessions).where(over, sessions.c.id > after)
        return await self._find(wanted.order_by(sessions.c.id).limit(limit))

    async def count(self, kind: Kind, now: datetime) -> int:
        """See `SessionStore.count`."""
        number = sa.select(sa.func.count()).select_from(sessions)
        rows = await self._database.rows(number.where(sessions.c.kind == str(kind), sessions.c.expires_at > now))
        return int(rows[0][0])

    async def _find(self, statement: sa.Select[Any]) -> list[Session]:
        rows = await self._database.rows(statement)
        return [Session(id_, Kind(kind), Role(role), *rest) for id_, kind, role, *rest in rows]
