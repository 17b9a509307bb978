"""What happened, as lines: a stay before a camera is one, however many looks it took; who came and went; what could not
be seen. The newest first, by the position of the event that began each, which never changes: pages do not shift.

A sighting begins with a look that saw, or named, somebody when none of the `APART_SECONDS` before did, on the
recognizer's steady clock, and goes on while other looks last no longer than that. A look that misses a face ends
nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from facematch.server.events.log import with_cursor
from facematch.server.presence.evidence import Sight
from facematch.server.presence.rows import names_one_of, of_chain, run_in
from facematch.server.presence.runs import day_of, smaller
from facematch.server.storage.schema import events, people, presence, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.presence.runs import Run
    from facematch.server.storage.database import Database

APART_SECONDS: Final = 60.0
"""Two sightings at one camera are at least that far apart."""
AT_ONCE: Final = 200
"""Runs that are read at once."""
BATCH_SECONDS: Final = 10.0
"""A Match is at most that much older than the end of its batch."""
SAID: Final = ("binding", "viewing", "audit")
"""Types of events that are lines of their own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines; the default: all."""

    before: int | None = None
    """Only those that began before this position."""
    limit: int = 50
    named: bool = True
    """Sightings of whoever was named; False: of any face."""
    beside: bool = True
    """Also what else happened."""
    room: str | None = None
    identity: str | None = None
    person: str | None = None
    """Only sightings of them."""
    begins: datetime | None = None
    """Only what began then or later …"""
    ends: datetime | None = None
    """… and before that."""


@dataclass(slots=True)
class Line:
    """A stay before a camera, or something that was told of a participant."""

    run: Run
    """That began it."""
    until: float
    """The last look on the wall clock, seconds since 1970."""
    looks: int
    best: float | None
    people: dict[str, None]
    """Who was named, in the order in which they were first."""
    going_on: bool
    match: str | None = None
    """A Match of it that has a snapshot, as JSON with its cursor."""


class Sightings:
    """Reads them. Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, wanted: Wanted) -> list[Line | tuple[int, str]]:
        """At most `wanted.limit` of them, the newest first; of those that are events, position and JSON."""

        async def work(connection: AsyncConnection) -> list[Line | tuple[int, str]]:
            ids = await _ids_of(connection, wanted.person)
            found: list[tuple[int, Line | tuple[int, str]]] = []
            begun = [run_in(row) for row in await connection.execute(_beginnings(wanted, ids))]
            found += [(run.first_cursor, _single(run)) for run in begun]
            if wanted.beside and wanted.person is None:
                said = await connection.execute(_said(wanted))
                found += [(cursor, (cursor, with_cursor(body, cursor))) for cursor, body in said]
            found.sort(key=lambda one: -one[0])
            for _, line in found[: wanted.limit]:
                if isinstance(line, Line) and line.run.sight is not Sight.ABSENT:
                    await _complete(connection, line, wanted, ids)
            return [line for _, line in found[: wanted.limit]]

        return await self._database.read(work)


def _single(run: Run) -> Line:
    return Line(run, run.last_at, run.looks, run.best, dict.fromkeys(run.people), run.open)


async def _ids_of(connection: AsyncConnection, person: str | None) -> list[str]:
    """A person's, and of whoever was merged into them."""
    if person is None:
        return []
    merged = sa.select(people.c.id).where(people.c.merged_into == text_of(person))
    return [person, *(await connection.execute(merged)).scalars()]


def _is_sighting(table: sa.FromClause, wanted: Wanted, ids: Collection[str]) -> sa.ColumnElement[bool]:
    seen = table.c.sight == Sight.SEEN.value
    if ids:
        return sa.and_(seen, names_one_of(ids, table))
    return sa.and_(seen, table.c.people != "") if wanted.named else seen


def _beginnings(wanted: Wanted, ids: Collection[str]) -> sa.Select[Any]:
    """The runs that begin lines."""
    before = presence.alias("before")
    same = [before.c[name] == presence.c[name] for name in ("track", "identity", "source", "room")]
    close = before.c.ended.between(presence.c.began - APART_SECONDS, presence.c.ended)
    earlier = sa.and_(*same, close, before.c.first_cursor < presence.c.first_cursor)
    goes_on = sa.exists().where(earlier, _is_sighting(before, wanted, ids))
    kinds = [sa.and_(_is_sighting(presence, wanted, ids), sa.not_(goes_on))]
    if wanted.beside and wanted.person is None:
        dark = before.c.sight == Sight.UNKNOWABLE.value
        still_dark = sa.exists().where(earlier, dark, before.c.reason == presence.c.reason)
        kinds.append(sa.and_(presence.c.sight == Sight.UNKNOWABLE.value, sa.not_(still_dark)))
        kinds.append(presence.c.sight == Sight.ABSENT.value)
    found = sa.select(presence).where(sa.or_(*kinds))
    if wanted.before is not None:
        found = found.where(presence.c.first_cursor < wanted.before)
    if wanted.room is not None:
        found = found.where(presence.c.room == text_of(wanted.room))
    if wanted.identity is not None:
        found = found.where(presence.c.identity == text_of(wanted.identity))
    if wanted.begins is not None:
        begins = wanted.begins.timestamp()
        found = found.where(presence.c.day >= day_of(begins), presence.c.at >= begins)
    if wanted.ends is not None:
        ends = wanted.ends.timestamp()
        found = found.where(presence.c.day <= day_of(ends), presence.c.at < ends)
    return found.order_by(presence.c.first_cursor.desc()).limit(wanted.limit)


def _said(wanted: Wanted) -> sa.Select[Any]:
    found = sa.select(events.c.cursor, events.c.body).where(events.c.type.in_(SAID))
    if wanted.before is not None:
        found = found.where(events.c.cursor < wanted.before)
    if wanted.room is not None:
        found = found.where(sa.or_(events.c.room == text_of(wanted.room), events.c.room.is_(None)))
    if wanted.identity is not None:
        found = found.where(events.c.participant_identity == text_of(wanted.identity))
    if wanted.begins is not None:
        found = found.where(events.c.timestamp >= wanted.begins)
    if wanted.ends is not None:
        found = found.where(events.c.timestamp < wanted.ends)
    return found.order_by(events.c.cursor.desc()).limit(wanted.limit)


async def _complete(connection: AsyncConnection, line: Line, wanted: Wanted, ids: Sequence[str]) -> None:
    """Take what came after the run that began it, as long as nothing keeps them apart."""
    began = line.run
    what = _is_sighting(presence, wanted, ids)
    if began.sight is Sight.UNKNOWABLE:
        what = sa.and_(presence.c.sight == began.sight.value, presence.c.reason == began.reason)
    later = sa.select(presence).where(*of_chain(began.chain), what, presence.c.first_cursor != began.first_cursor)
    last, more = began, True
    while more:
        rows = await connection.execute(
            later.where(presence.c.ended > last.ended)
            .order_by(presence.c.ended, presence.c.first_cursor)
            .limit(AT_ONCE)
        )
        runs = [run_in(row) for row in rows]
        more = len(runs) == AT_ONCE
        for run in runs:
            if run.began - last.ended > APART_SECONDS:
                more = False
                break
            _add(line, run)
            last = run
    if line.people:
        line.match = await _picture(connection, line)


def _add(line: Line, run: Run) -> None:
    line.until, line.going_on = run.last_at, run.open
    line.looks += run.looks
    line.best = smaller(line.best, run.best)
    line.people |= dict.fromkeys(run.people)


async def _picture(connection: AsyncConnection, line: Line) -> str | None:
    """A Match of it with a snapshot: of its first look, or, if that one told of none, the next."""
    run = line.run
    of_track = sa.select(events.c.cursor, events.c.body).where(
        events.c.track_sid == run.chain.track, events.c.type == "match", events.c.snapshot.is_not(None)
    )
    earlier = of_track.where(events.c.cursor < run.first_cursor).order_by(events.c.cursor.desc())
    later = of_track.where(events.c.cursor > run.first_cursor).order_by(events.c.cursor)
    begins, ends = run.at - (run.first_ended - run.began) - BATCH_SECONDS, line.until
    for found in (earlier, later):
        for cursor, body in await connection.execute(found.limit(len(line.people) + 1)):
            event = json.loads(body)
            if begins <= _seconds(event["timestamp"]) <= ends and (event.get("person_id") or "default") in line.people:
                return with_cursor(body, cursor)
    return None


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
