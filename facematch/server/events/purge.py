"""Removing from the event log: what has become too old, snapshots that are gone, everything of one participant, one
reference or one person.

Works on a log that others append to and read from meanwhile. Positions of removed events are never given again.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from facematch.server.events.naming import leave_out
from facematch.server.storage.database import is_sqlite
from facematch.server.storage.schema import alarms, event_people, events, position, text_of, verdicts
from facematch.server.storage.sqlite import LOCKED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

AT_ONCE: Final = 500
"""Rows of one transaction: whoever waits to append waits for no more than that."""
_CHECKS_AT_ONCE: Final = 100
"""The same of Checks that lose a name, of which each takes a few statements."""
_WIPE_SECONDS: Final = LOCKED_SECONDS / 3
"""How long to wait for readers before the write-ahead log is emptied another time: nobody can write meanwhile."""


Kind = Literal["participant", "reference", "person"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose events are meant, or of what they came."""

    kind: Kind
    id: str
    """The identity, the reference's id, or the ids of the people who are one, with blanks between them."""

    @property
    def people(self) -> tuple[str, ...]:
        """Of a person: all of their ids."""
        return tuple(self.id.split(" ")) if self.kind == "person" else ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from the log."""

    cursors: frozenset[int]
    """Positions that the events had."""
    snapshots: frozenset[str]
    """Names that the events spoke of; their files are still there."""

    @property
    def events(self) -> int:
        """How many."""
        return len(self.cursors)


class Records:
    """The log's events, for those who remove some.

    Every method raises `LogUnavailableError` when the database takes nothing now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def snapshots(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Position and snapshot of the first events with one after a position."""
        rows = sa.select(events.c.cursor, events.c.snapshot)
        rows = rows.where(events.c.cursor > after, events.c.snapshot.is_not(None))

        found = await self._database.rows(rows.order_by(events.c.cursor).limit(limit))
        return [(int(cursor), name) for cursor, name in found]

    async def named(self, names: Collection[str]) -> set[str]:
        """Those of these snapshots that an event speaks of."""
        found: set[str] = set()
        wanted = sorted(names)
        for start in range(0, len(wanted), AT_ONCE):
            rows = sa.select(events.c.snapshot).where(events.c.snapshot.in_(wanted[start : start + AT_ONCE]))
            found |= {name for (name,) in await self._database.rows(rows)}
        return found

    async def clear_snapshots(self, names: Collection[str]) -> int:
        """These snapshots are gone: their events say so from now on, in the column and in the event itself.

        Returns:
            How many events changed.
        """
        return await self._database.write(lambda connection: _clear(connection, names))

    async def remove_older(self, than: datetime, limit: int = AT_ONCE) -> Removed:
        """Remove the oldest events that came before a time, at most `limit`."""

        async def work(connection: AsyncConnection) -> Removed:
            await _lock(connection)
            old = sa.select(events.c.cursor, events.c.snapshot).where(events.c.received_at < than)
            rows = (await connection.execute(old.order_by(events.c.received_at).limit(limit))).all()
            return await _remove(connection, rows)

        return await self._database.write(work)

    async def remove_checks_older(self, than: datetime, limit: int = AT_ONCE) -> Removed:
        """Remove the oldest Checks, at most `limit`, as long as they came before a time."""

        async def work(connection: AsyncConnection) -> Removed:
            await _lock(connection)
            oldest = sa.select(events.c.cursor, events.c.snapshot, events.c.received_at).where(events.c.type == "check")
            rows = (await connection.execute(oldest.order_by(events.c.cursor).limit(limit))).all()
            old = list(takewhile(lambda row: row.received_at < than, rows))
            return await _remove(connection, [(row.cursor, row.snapshot) for row in old])

        return await self._database.write(work)

    async def any_check_older(self, than: datetime) -> bool:
        """Whether the oldest Check is. Writes nothing."""
        oldest = sa.select(events.c.received_at).where(events.c.type == "check").order_by(events.c.cursor).limit(1)
        return any(received_at < than for (received_at,) in await self._database.rows(oldest))

    async def any_older(self, than: datetime) -> bool:
        """Whether there are such events. Writes nothing."""
        return bool(await self._database.rows(sa.select(events.c.cursor).where(events.c.received_at < than).limit(1)))

    async def remove_of(self, subject: Subject, *, until: datetime | None = None) -> Removed:
        """Remove the events of a participant, those that came of a reference, or whatever but Checks names a person.

        A person's Checks stay and lose the name. So do other people's Matches of the same batches, but their snapshots
        may show the person: those are among the names that are returned, and the events speak of none any more.

        Args:
            subject: of events that name no identity, those are a participant's who has it as name or sid.
            until: only what happened until then, says its sender; None: everything.
        """
        cursors, names = frozenset[int](), frozenset[str]()
        if subject.kind == "person":
            names = await self._leave_out(subject.people)
        while True:

            async def work(connection: AsyncConnection) -> Removed:
                await _lock(connection)
                rows = await _rows_of(connection, subject, until, AT_ONCE)
                return await _remove(connection, [*rows, *await _alarms_of(connection, rows)])

            removed = await self._database.write(work)
            cursors, names = cursors | removed.cursors, names | removed.snapshots
            if removed.events < AT_ONCE:
                return Removed(cursors, names)

    async def bodies_of(self, subject: Subject, after: int, limit: int) -> list[tuple[int, str, str | None]]:
        """Position, text and snapshot of the first events of a subject after a position; whose: see `remove_of`."""

        async def work(connection: AsyncConnection) -> list[tuple[int, str, str | None]]:
            cursors: set[int] = set()
            for part in _parts(subject):
                found = part.where(events.c.cursor > after).order_by(events.c.cursor).limit(limit)
                cursors |= {int(row[0]) for row in await connection.execute(found)}
            first = sorted(cursors)[:limit]
            wanted = sa.select(events.c.cursor, events.c.body, events.c.snapshot).where(events.c.cursor.in_(first))
            return [(int(row[0]), row[1], row[2]) for row in await connection.execute(wanted.order_by(events.c.cursor))]

        return await self._database.read(work)

    async def holds(self, subject: Subject, up_to: int, until: datetime | None) -> bool:
        """Whether `remove_of` has left any event up to a position, looked up anew."""

        async def work(connection: AsyncConnection) -> bool:
            rows = await _rows_of(connection, subject, until, AT_ONCE)
            named = sa.select(event_people.c.cursor).where(event_people.c.person_id.in_(subject.people)).limit(1)
            if subject.kind == "person" and (await connection.execute(named)).first() is not None:
                return True
            return any(cursor <= up_to for cursor, _ in rows)

        return await self._database.read(work)

    async def _leave_out(self, ids: Collection[str]) -> frozenset[str]:
        """Take people out of the Checks that name them.

        Returns:
            The snapshots of the same batches.
        """
        names = frozenset[str]()
        while True:

            async def work(connection: AsyncConnection) -> tuple[int, set[str]]:
                await _lock(connection)
                count, found = await leave_out(connection, ids, _CHECKS_AT_ONCE)
                await _clear(connection, found)
                return count, found

            count, found = await self._database.write(work)
            names |= found
            if count < _CHECKS_AT_ONCE:
                return names

    async def latest(self) -> int:
        """The last position given out."""
        [(latest,)] = await self._database.rows(sa.select(position.c.latest))
        return int(latest)

    async def wipe(self) -> bool:
        """Empty SQLite's write-ahead log, which still holds what was removed.

        Returns:
            Whether nothing of it is left; not while somebody reads who began before.
        """
        if is_sqlite(self._database.url) and (path := sa.make_url(self._database.url).database):
            return await asyncio.to_thread(_checkpoint, path)
        return True


async def _clear(connection: AsyncConnection, names: Collection[str]) -> int:
    rows = sa.select(events.c.cursor, events.c.body).where(events.c.snapshot.in_(list(names)))
    changed = [{"at": cursor, "new": _without_snapshot(body)} for cursor, body in await connection.execute(rows)]
    if changed:
        update = sa.update(events).where(events.c.cursor == sa.bindparam("at"))
        await connection.execute(update.values(snapshot=None, body=sa.bindparam("new")), changed)
    return len(changed)


def _checkpoint(path: str) -> bool:
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=_WIPE_SECONDS)) as connection:
            [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return False
    return not busy


async def _lock(connection: AsyncConnection) -> None:
    """Nobody else adds or removes events before this transaction has ended (`sql_log` takes the same lock first)."""
    await connection.execute(sa.select(position.c.latest).with_for_update())


async def _remove(connection: AsyncConnection, rows: Sequence[Any]) -> Removed:
    cursors = frozenset(cursor for cursor, _ in rows)
    if cursors:
        for table in (event_people, verdicts, alarms):
            await connection.execute(sa.delete(table).where(table.c.cursor.in_(cursors)))
        await connection.execute(sa.delete(events).where(events.c.cursor.in_(cursors)))
        await connection.execute(sa.update(position).values(kept=position.c.kept - len(cursors)))
    return Removed(cursors, frozenset(name for _, name in rows if name))


async def _alarms_of(connection: AsyncConnection, rows: Sequence[Any]) -> Sequence[Any]:
    """What is told of the alarms that follow from these events, and is not among them: of a nameless sender's, say."""
    cursors = {cursor for cursor, _ in rows}
    found = await connection.execute(sa.select(alarms.c.id, alarms.c.identity).where(alarms.c.cursor.in_(cursors)))
    identity_of = {str(id_): identity for id_, identity in found}
    if not identity_of:
        return ()
    told = sa.select(events.c.cursor, events.c.snapshot, events.c.body)
    theirs = events.c.participant_identity.in_({*identity_of.values()})
    told = told.where(events.c.type == "alarm", events.c.cursor > min(cursors), theirs)
    return [
        (cursor, snapshot)
        for cursor, snapshot, body in await connection.execute(told)
        if cursor not in cursors and json.loads(body)["alarm_id"] in identity_of
    ]


async def _rows_of(connection: AsyncConnection, subject: Subject, until: datetime | None, limit: int) -> Sequence[Any]:
    """Position and snapshot of the first events of whatever is to be erased."""
    rows: list[Any] = []
    for part in _parts(subject):
        wanted = part if until is None else part.where(events.c.timestamp <= until)
        known = {cursor for cursor, _ in rows}
        found = await connection.execute(wanted.order_by(events.c.cursor).limit(limit))
        rows += [row for row in found if row[0] not in known]
    return rows[:limit]


def _parts(subject: Subject) -> Sequence[sa.Select[Any]]:
    """Position and snapshot of its events, in several selections that each have an index."""
    columns = sa.select(events.c.cursor, events.c.snapshot)
    who = text_of(subject.id)
    if subject.kind == "reference":
        return (columns.where(events.c.reference_id == who),)
    if subject.kind == "person":
        theirs = sa.select(event_people.c.cursor).where(event_people.c.person_id.in_(subject.people))
        return (columns.where(events.c.cursor.in_(theirs), events.c.type != "check"),)
    named = columns.where(events.c.participant_identity == who)
    nameless = columns.where(events.c.participant_identity.is_(None))
    fragment = '"participant_name":' + json.dumps(subject.id, ensure_ascii=False) + ","
    # The quotes of a text inside a text are escaped, so this can be nothing but the field itself.
    by_name = nameless.where(events.c.body.contains(fragment, autoescape=True), _exactly_in_body(fragment))
    by_sid = nameless.where(events.c.participant_id == who)
    return named, by_name, by_sid


def _exactly_in_body(fragment: str) -> sa.ColumnElement[bool]:
    """SQLite's LIKE takes `a` for `A`; this does not."""
    return sa.func.replace(events.c.body, fragment, "") != events.c.body


def _without_snapshot(body: str) -> str:
    event = json.loads(body)
    event["snapshot"] = event["filename"] = None
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
