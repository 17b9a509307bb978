"""The event log in a database: SQLite or PostgreSQL, the same statements for both.

Positions rise in the order in which events become visible. They are given out by the one row of `log_position`,
which a writer locks before it reads it and keeps locked until its transaction has ended (on SQLite the write lock of
the whole file does that). So there is one writer at a time, also among several processes; a smaller position is
never committed after a larger one; and whoever has read up to a position has missed nothing before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import sqlalchemy as sa

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import Check, Match, WatchChange
from facematch.runtime.clock import wall_clock
from facematch.server.events.log import ALL, Entry, Filter, Page, body_text, with_cursor
from facematch.server.events.naming import remember, with_names
from facematch.server.storage.bell import Bell, rung
from facematch.server.storage.migrate import migrate
from facematch.server.storage.position import POSITION, lock_position, position_in
from facematch.server.storage.schema import event_people, events, people, position, text_of, turned_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.storage.database import Database
    from facematch.server.storage.position import Position


ABOUT_NOBODY = ""
"""In the column of the participant's sid, of events about a room."""


_AT_ONCE: Final = 500
"""Positions of one selection."""

# What each event needs, or each bell, is made once: to put a statement together costs as much as to run it.
_IDS: Final[sa.BindParameter[Any]] = sa.bindparam("ids", expanding=True)
_KNOWN: Final = sa.select(events.c.event_id).where(events.c.event_id.in_(_IDS))
_POSITION_AND_KNOWN: Final = sa.select(*POSITION, events.c.event_id).select_from(
    position.outerjoin(events, events.c.event_id.in_(_IDS))
)
_APPEND: Final = sa.insert(events)
_MOVE: Final = sa.update(position).values(
    latest=sa.bindparam("to"), kept=position.c.kept + sa.bindparam("more"), folded=sa.bindparam("to")
)
_MOVE_AND_RING: Final = _MOVE.returning(rung(Bell.LOG))
_AFTER: Final = (
    sa.select(events.c.cursor, events.c.type, events.c.body)
    .where(events.c.cursor > sa.bindparam("after"))
    .order_by(events.c.cursor)
    .limit(sa.bindparam("most"))
)


class Derived(Protocol):
    """What is derived from the log and kept beside it."""

    async def catch_up(self, database: Database) -> None:
        """Derive what was not derived yet."""
        ...

    async def fold(
        self, connection: AsyncConnection, before: Position, new: Sequence[tuple[int, Event]]
    ) -> Sequence[Event]:
        """Take events that a transaction appends.

        Args:
            connection: in that transaction, which holds the position's lock.
            before: the position before it.
            new: position and event, in order.

        Returns:
            Events that follow from them, to be appended behind them in the same transaction.
        """
        ...

    def doubt(self) -> None:
        """That transaction may have come to nothing."""
        ...


class Gate(Protocol):
    """Who says of events that they are not to be kept: they are of what was erased after they happened."""

    async def turned_away(self, connection: AsyncConnection, events: Sequence[Event]) -> set[UUID]:
        """The ids of those, asked in the transaction that would append them, which holds the position's lock."""
        ...


class SqlEventLog:
    """See `EventLog`.

    Args:
        database: opened and closed with this log; others may use it in between.
        derived: made of each event, in its transaction, one after the other: each sees what those before it append.
        gate: what it says no to is not appended; None: everything is.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        *derived: Derived,
        gate: Gate | None = None,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._database = database
        self._gate = gate
        self._derived = derived
        self._now = now
        self._shared = database.shared

    async def open(self) -> None:
        """See `EventLog.open`: brings the schema up to date.

        Raises:
            SchemaTooNewError: a newer version made it.
        """
        await migrate(self._database.url)
        self._database.open()
        for derived in self._derived:
            await derived.catch_up(self._database)

    async def append(self, events_: Sequence[Event]) -> Sequence[Entry | None]:
        """See `EventLog.append`."""

        async def work(connection: AsyncConnection) -> list[Entry | None]:
            before, known = await _begin(connection, [_id_of(event) for event in events_])
            if self._gate is not None:
                known |= await self._gate.turned_away(connection, events_)
            appending = _Appending(before.latest, received_at)
            entries: list[Entry | None] = []
            for event in await with_names(connection, events_):
                if event is None or event.event_id in known:
                    entries.append(None)
                    continue
                known.add(_id_of(event))
                entries.append(appending.take(event))
            if appending.new:
                await appending.write(connection)
                for derived in self._derived:
                    following = await derived.fold(connection, before, appending.new)
                    entries += [appending.take(event) for event in await _unknown(connection, following)]
                    await appending.write(connection)
                moved = {"to": appending.latest, "more": len(appending.new)}
                await connection.execute(_MOVE_AND_RING if self._shared else _MOVE, moved)
            return entries

        received_at = self._now()
        try:
            return await self._database.write(work)
        except BaseException:
            for derived in self._derived:
                derived.doubt()
            raise

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        """See `EventLog.after`."""
        return _entries(await self._database.rows(_AFTER, {"after": cursor, "most": limit}))

    async def page(self, page: Page, only: Filter = ALL) -> Sequence[Entry]:
        """See `EventLog.page`."""
        return _entries(await self._database.rows(_page(page, only)))

    async def at(self, cursors: Sequence[int]) -> Sequence[Entry]:
        """See `EventLog.at`."""
        columns = sa.select(events.c.cursor, events.c.type, events.c.body)
        found: list[tuple[int, str, str]] = []
        for start in range(0, len(cursors), _AT_ONCE):
            wanted = columns.where(events.c.cursor.in_(cursors[start : start + _AT_ONCE]))
            found += [(row[0], row[1], row[2]) for row in await self._database.rows(wanted)]
        return _entries(found)

    async def latest(self) -> int:
        """See `EventLog.latest`."""
        [(latest, first)] = await self._database.rows(sa.select(position.c.latest, position.c.first))
        return 0 if latest == first else int(latest)

    async def count(self) -> int:
        """See `EventLog.count`."""
        [(kept,)] = await self._database.rows(sa.select(position.c.kept))
        return int(kept)

    async def count_after(self, cursor: int, most: int, only: Filter = ALL) -> int:
        """See `EventLog.count_after`."""
        few = _page(Page(after=cursor, limit=most), only).subquery()
        [(count,)] = await self._database.rows(sa.select(sa.func.count()).select_from(few))
        return int(count)

    async def last_seq(self, source: str, before: int) -> int | None:
        """See `EventLog.last_seq`."""
        found = sa.select(sa.func.max(events.c.seq)).where(events.c.source == text_of(source), events.c.cursor < before)
        [(seq,)] = await self._database.rows(found)
        return None if seq is None else int(seq)

    async def arrived(self, source: str, first: int, last: int) -> Sequence[int]:
        """See `EventLog.arrived`."""
        if not self._shared:
            return ()
        theirs = (turned_away.c.source == text_of(source)) & turned_away.c.seq.between(first, last)
        return [int(seq) for (seq,) in await self._database.rows(sa.select(turned_away.c.seq).where(theirs))]

    async def is_whole(self) -> bool:
        """See `EventLog.is_whole`."""
        [(latest, first, kept)] = await self._database.rows(
            sa.select(position.c.latest, position.c.first, position.c.kept)
        )
        return bool(kept and kept == latest - first)

    async def check(self) -> None:
        """See `EventLog.check`: writes a row to the disk, the one that every event writes too."""

        async def work(connection: AsyncConnection) -> None:
            latest = (await lock_position(connection)).latest
            await connection.execute(sa.update(position).values(latest=latest))

        await self._database.write(work)

    async def aclose(self) -> None:
        """See `EventLog.aclose`."""
        await self._database.aclose()


class _Appending:
    """What one transaction appends.

    Args:
        latest: the position before it.
        received_at: when it came.
    """

    def __init__(self, latest: int, received_at: datetime) -> None:
        self.latest = latest
        self.new: list[tuple[int, Event]] = []
        """Position and event."""
        self._received_at = received_at
        self._rows: list[dict[str, Any]] = []

    def take(self, event: Event) -> Entry:
        """One more, at the next position."""
        self.latest += 1
        row = _row(event)
        self._rows.append({**row, "cursor": self.latest, "received_at": self._received_at})
        self.new.append((self.latest, event))
        return Entry(self.latest, row["type"], with_cursor(row["body"], self.latest))

    async def write(self, connection: AsyncConnection) -> None:
        """Those that are not written yet."""
        if self._rows:
            await connection.execute(_APPEND, self._rows)
            await remember(connection, self.new[-len(self._rows) :])
            self._rows = []


def _entries(rows: Iterable[Sequence[Any]]) -> list[Entry]:
    """Of position, type and body."""
    return [Entry(cursor, type_, with_cursor(body, cursor)) for cursor, type_, body in rows]


def _id_of(event: Event) -> UUID:
    if event.event_id is None:
        raise ValueError("an event is given its id before it is stored")
    return event.event_id


def _row(event: Event) -> dict[str, Any]:
    return {
        "event_id": _id_of(event),
        "type": event.type,
        "room": text_of(event.room),
        "participant_identity": text_of(event.participant_identity),
        "participant_id": text_of(event.participant_id or ABOUT_NOBODY),
        "track_sid": text_of(event.track_sid) if isinstance(event, Match | Check | WatchChange) else None,
        "reference_id": text_of(event.reference_id) if isinstance(event, Match | Check) else None,
        "source": text_of(event.source),
        "seq": event.seq,
        "snapshot": event.snapshot if isinstance(event, Match) else None,
        "timestamp": event.timestamp,
        "body": body_text(event),
    }


async def _begin(connection: AsyncConnection, ids: Sequence[UUID]) -> tuple[Position, set[UUID]]:
    """The position, locked, and which of these events are there already."""
    if connection.dialect.name != "sqlite":  # what others have added is seen by what is asked after the lock
        return await lock_position(connection), await _known(connection, ids)
    # The lock is held since the transaction began.
    rows = (await connection.execute(_POSITION_AND_KNOWN, {"ids": ids})).all()
    return position_in(rows[0][:-1] if rows else None), {row[-1] for row in rows}


async def _known(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    return set((await connection.execute(_KNOWN, {"ids": ids})).scalars())


async def _unknown(connection: AsyncConnection, following: Sequence[Event]) -> list[Event]:
    """Those that are not in the log yet, with the names of their people."""
    if not following:
        return []
    known = await _known(connection, [_id_of(event) for event in following])
    named = await with_names(connection, following)
    return [event for event in named if event is not None and event.event_id not in known]


def _page(page: Page, only: Filter) -> sa.Select[Any]:
    whole = sa.select(events.c.cursor, events.c.type, events.c.body)
    order = events.c.cursor.desc() if page.newest_first else events.c.cursor
    who = text_of(only.participant)
    of_them = [[]] if who is None else [[events.c.participant_identity == who], [events.c.participant_id == who]]
    of_type = [[events.c.type == type_] for type_ in only.types] or [[]]
    conditions = [[*first, *second] for first in of_them for second in of_type]
    others = _others(page, only)
    if len(conditions) == 1 and not _picks(only):
        return whole.where(*others, *conditions[0]).order_by(order).limit(page.limit)
    # "One or the other" would read the whole log for what is rare, or sort it: ask each index by itself. What has to be
    # passed over is read from indexes, too: only the events of the page themselves are fetched.
    parts = []
    for condition in conditions:
        part = sa.select(events.c.cursor).where(*others, *condition)
        parts.append(sa.select(part.order_by(order).limit(page.limit).subquery().c.cursor))
    return whole.where(events.c.cursor.in_(sa.union(*parts))).order_by(order).limit(page.limit)


def _picks(only: Filter) -> bool:
    """Whether events are passed over that the index of their order does not tell apart."""
    return only.begins is not None or only.ends is not None or only.person is not None


def _others(page: Page, only: Filter) -> list[sa.ColumnElement[bool]]:
    """What holds of all of them, whatever they are and whoever is in them."""
    wanted = [events.c.cursor > page.after]
    if page.before is not None:
        wanted.append(events.c.cursor < page.before)
    if only.room is not None:
        wanted.append(events.c.room == text_of(only.room))
    if only.begins is not None:
        wanted.append(events.c.timestamp >= only.begins)
    if only.ends is not None:
        wanted.append(events.c.timestamp < only.ends)
    if only.person == DEFAULT:
        nobody_else = sa.not_(sa.exists().where(event_people.c.cursor == events.c.cursor))
        wanted += [events.c.type == "match", nobody_else]
    elif only.person is not None:
        who = text_of(only.person)
        ids = sa.select(people.c.id).where(people.c.merged_into == who)
        wanted.append(_is_about(who, ids))
    return wanted


def _is_about(who: str, merged: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Whether an event is about somebody, or about whoever was merged into them."""
    theirs = sa.select(event_people.c.cursor)
    whose = sa.or_(event_people.c.person_id == who, event_people.c.person_id.in_(merged))
    return events.c.cursor.in_(theirs.where(whose))
