"""How far the webhook has come, kept beside the event log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from facematch.server.storage.errors import UnstorableError
from facematch.server.storage.schema import dead_letters, webhooks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

KEPT_DEAD_LETTERS = 1_000
"""The newest; all are counted."""

_NAME = "webhook"
"""There is one receiver. A new address goes on where the old one was."""


class WebhookStore:
    """The cursor and the dead letters of the webhook.

    Every method raises `LogUnavailableError` when the database takes nothing now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, latest: int) -> tuple[int, int]:
        """Where to go on, and how many events have been given up so far.

        Args:
            latest: position of the log's last event, where a webhook that is new begins.
        """
        for cursor, dead in await self._database.rows(_row(webhooks.c.cursor, webhooks.c.dead)):
            return int(cursor), int(dead)
        try:
            await self._database.execute(sa.insert(webhooks).values(name=_NAME, cursor=latest, dead=0))
        except UnstorableError:  # another process was faster
            [(cursor, dead)] = await self._database.rows(_row(webhooks.c.cursor, webhooks.c.dead))
            return int(cursor), int(dead)
        return latest, 0

    async def settle(self, before: int, cursor: int, progress: str, given_up: str | None = None) -> bool:
        """An event is delivered, or given up.

        Args:
            before: where the webhook stands.
            cursor: of the event.
            progress: how it goes, as text, for other processes.
            given_up: why; None: it is delivered.

        Returns:
            False: it stands somewhere else, and nothing is changed.
        """

        async def work(connection: AsyncConnection) -> bool:
            dead = webhooks.c.dead + (0 if given_up is None else 1)
            move = sa.update(webhooks).where(_IS_OURS, webhooks.c.cursor == before)
            moved = await connection.execute(move.values(cursor=cursor, dead=dead, progress=progress))
            if not moved.rowcount:
                return False
            if given_up is not None:
                letter = {"name": _NAME, "cursor": cursor, "reason": given_up, "given_up_at": datetime.now(UTC)}
                await connection.execute(sa.insert(dead_letters).values(letter))
                await connection.execute(sa.delete(dead_letters).where(dead_letters.c.cursor < _oldest_kept()))
            return True

        return await self._database.write(work)

    async def tell(self, progress: str) -> None:
        """How it goes, for other processes."""
        await self._database.execute(sa.update(webhooks).where(_IS_OURS).values(progress=progress))

    async def told(self) -> tuple[int, int, str | None] | None:
        """Where it stands, how many events were given up, and what was told last; None: there is no webhook yet."""
        found = await self._database.rows(_row(webhooks.c.cursor, webhooks.c.dead, webhooks.c.progress))
        return (int(found[0][0]), int(found[0][1]), found[0][2]) if found else None

    async def dead_letters(self, limit: int) -> list[tuple[int, str]]:
        """Position and reason of the events given up last, the newest first."""
        letters = sa.select(dead_letters.c.cursor, dead_letters.c.reason).order_by(dead_letters.c.cursor.desc())
        return [(int(cursor), reason) for cursor, reason in await self._database.rows(letters.limit(limit))]

    async def forget(self) -> None:
        """There is no webhook (any more): one that is configured later begins anew."""
        if await self._database.rows(_row(webhooks.c.cursor)):  # a start without a webhook writes nothing
            await self._database.execute(sa.delete(webhooks).where(_IS_OURS))


_IS_OURS = webhooks.c.name == _NAME


def _row(*columns: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where(_IS_OURS)


def _oldest_kept() -> sa.ScalarSelect[Any]:
    newest = sa.select(dead_letters.c.cursor).order_by(dead_letters.c.cursor.desc()).limit(KEPT_DEAD_LETTERS)
    kept = newest.subquery()
    return sa.select(sa.func.min(kept.c.cursor)).scalar_subquery()
