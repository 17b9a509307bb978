"""Alarms in the database, for those who ask, and for those who make them go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from facematch.server.people.store import portrait_of
from facematch.server.storage.position import count_erasure, lock_position
from facematch.server.storage.schema import alarms, events, people, text_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from facematch.server.events.purge import Subject
    from facematch.server.storage.database import Database

_EXPECTED = people.alias("expected")
_EXPECTED_NOW = people.alias("expected_now")
_SEEN = people.alias("seen")
_SEEN_NOW = people.alias("seen_now")


@dataclass(frozen=True, slots=True)
class Shown:
    """An alarm, with the names of the people as they are now, and the Match that shows it."""

    row: Any
    person_id: str
    person_name: str | None
    person_photo: str | None
    """Id of the photo by which they are shown."""
    seen_person_id: str
    seen_person_name: str | None
    seen_person_photo: str | None
    match: dict[str, Any] | None
    """The event; None: none shows it, or not any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which alarms."""

    room: str | None = None
    only_open: bool = False
    before: int | None = None
    """Position of the cause of the last one that is known."""
    limit: int = 50


class AlarmStore:
    """Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, asked: Asked) -> list[Shown]:
        """The newest first."""
        found = _shown()
        if asked.room is not None:
            found = found.where(alarms.c.room == text_of(asked.room))
        if asked.only_open:
            found = found.where(alarms.c.acknowledged_by == "")
        if asked.before is not None:
            found = found.where(alarms.c.cursor < asked.before)
        return await self._found(found.order_by(alarms.c.cursor.desc()).limit(asked.limit))

    async def one(self, id_: UUID) -> Shown | None:
        """The alarm of this id."""
        return next(iter(await self._found(_shown().where(alarms.c.id == id_))), None)

    async def open_ones(self, room: str | None = None) -> int:
        """How many nobody has acknowledged."""
        found = sa.select(sa.func.count()).select_from(alarms).where(alarms.c.acknowledged_by == "")
        if room is not None:
            found = found.where(alarms.c.room == text_of(room))
        [(count,)] = await self._database.rows(found)
        return int(count)

    async def erase(self, subject: Subject, until: datetime | None) -> None:
        """Remove a participant's alarms, or those that name a person. A reference's go with their events.

        Args:
            subject: whose.
            until: only what is of then; None: all.
        """
        if (meant := _meant(subject, until)) is None:
            return

        async def work(connection: Any) -> None:
            await lock_position(connection)
            await connection.execute(sa.delete(alarms).where(meant))
            await count_erasure(connection)

        await self._database.write(work)

    async def holds(self, subject: Subject, latest: int, until: datetime | None) -> bool:
        """Whether `erase` has left anything, looked up anew.

        Args:
            subject: as for `erase`.
            latest: the last position before it; what came meanwhile is not what it left.
            until: as for `erase`.
        """
        if (meant := _meant(subject, until)) is None:
            return False
        left = sa.select(alarms.c.cursor).where(meant, alarms.c.cursor <= latest)
        return bool(await self._database.rows(left.limit(1)))

    async def _found(self, wanted: sa.Select[Any]) -> list[Shown]:
        async def work(connection: Any) -> list[Shown]:
            return [_shown_in(row) for row in await connection.execute(wanted)]

        return await self._database.read(work)


def _shown() -> sa.Select[Any]:
    expected_now, seen_now = (sa.func.coalesce(row.c.merged_into, row.c.id) for row in (_EXPECTED, _SEEN))
    named = (
        alarms.outerjoin(_EXPECTED, _EXPECTED.c.id == alarms.c.person_id)
        .outerjoin(_EXPECTED_NOW, _EXPECTED_NOW.c.id == expected_now)
        .outerjoin(_SEEN, _SEEN.c.id == alarms.c.seen_person_id)
        .outerjoin(_SEEN_NOW, _SEEN_NOW.c.id == seen_now)
        .outerjoin(events, events.c.cursor == alarms.c.match_cursor)
    )
    return sa.select(
        alarms,
        sa.func.coalesce(_EXPECTED_NOW.c.id, alarms.c.person_id).label("expected_id"),
        _EXPECTED_NOW.c.name.label("expected_name"),
        portrait_of(_EXPECTED_NOW.c.id).label("expected_photo"),
        sa.func.coalesce(_SEEN_NOW.c.id, alarms.c.seen_person_id).label("seen_id"),
        _SEEN_NOW.c.name.label("seen_name"),
        portrait_of(_SEEN_NOW.c.id).label("seen_photo"),
        events.c.body,
    ).select_from(named)


def _shown_in(row: Any) -> Shown:
    match = None if row.body is None else json.loads(row.body)
    expected = (row.expected_id, row.expected_name, row.expected_photo)
    return Shown(row, *expected, row.seen_id, row.seen_name, row.seen_photo, match)


def _meant(subject: Subject, until: datetime | None) -> sa.ColumnElement[bool] | None:
    if subject.kind == "reference":
        return None
    if subject.kind == "person":
        ids = [text_of(one) for one in subject.people]
        return sa.or_(alarms.c.person_id.in_(ids), alarms.c.seen_person_id.in_(ids))
    theirs = alarms.c.identity == text_of(subject.id)
    return theirs if until is None else sa.and_(theirs, alarms.c.since <= until)
