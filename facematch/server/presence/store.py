"""What is kept of presence: read for whoever asks, expired, erased."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.server.presence.figures import NOBODY_IN_PARTICULAR, Figures, Key, figures_of
from facematch.server.presence.rows import IS_LOOK, names_one_of, people_text, recount, run_in, runs_where
from facematch.server.presence.runs import day_of
from facematch.server.storage.position import count_erasure, lock_position
from facematch.server.storage.schema import daily_figures, presence, text_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.events.purge import Subject
    from facematch.server.presence.runs import Run
    from facematch.server.storage.database import Database

MARGIN_SECONDS: Final = 3600.0
"""Of the days before and after that are read as well: what somebody's interval is bounded by may lie there."""
MOST_RUNS: Final = 200_000
"""Read for one answer."""
AT_ONCE: Final = 1_000
"""Rows of one transaction that expires some."""


class TooManyRunsError(ValueError):
    """More than may be read for one answer."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, in seconds since 1970, and whose presence in it is asked for; None: everybody's."""

    begins: float
    ends: float
    room: str | None = None
    identity: str | None = None


class PresenceStore:
    """Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self, stretch: Stretch) -> list[Run]:
        """The runs of all days that the stretch touches, and what lies close before and after.

        Raises:
            TooManyRunsError: choose a shorter stretch, a room or an identity.
        """
        first, last = day_of(stretch.begins), day_of(stretch.ends)
        day = presence.c.day
        before = sa.and_(
            day == day_of(stretch.begins - MARGIN_SECONDS), presence.c.last_at >= stretch.begins - MARGIN_SECONDS
        )
        after = sa.and_(day == day_of(stretch.ends + MARGIN_SECONDS), presence.c.at <= stretch.ends + MARGIN_SECONDS)
        wanted = sa.select(presence).where(sa.or_(day.between(first, last), before, after))
        if stretch.room is not None:
            wanted = wanted.where(presence.c.room == text_of(stretch.room))
        if stretch.identity is not None:
            wanted = wanted.where(presence.c.identity.in_(["", text_of(stretch.identity)]))
        rows = await self._database.rows(wanted.limit(MOST_RUNS + 1))
        if len(rows) > MOST_RUNS:
            raise TooManyRunsError
        return await asyncio.to_thread(lambda: [run_in(row) for row in rows])

    async def figures(self, identity: str, first_day: str, last_day: str) -> dict[Key, Figures]:
        """Somebody's figures, what goes on at the moment included."""
        who = text_of(identity)
        kept = sa.select(daily_figures).where(
            daily_figures.c.identity == who, daily_figures.c.day.between(first_day, last_day)
        )
        going_on = sa.select(presence).where(
            presence.c.identity == who, presence.c.day.between(first_day, last_day), presence.c.open
        )

        async def work(connection: AsyncConnection) -> dict[Key, Figures]:
            found = {
                Key(day, of, room, person): Figures(*sums)
                for day, of, room, person, *sums in await connection.execute(kept)
            }
            runs = [run_in(row) for row in await connection.execute(going_on)]
            for key, more in figures_of(runs).items():
                found.setdefault(key, Figures()).add(more)
            return found

        return await self._database.read(work)

    async def figures_of_person(
        self, ids: Collection[str], first_day: str, last_day: str
    ) -> tuple[dict[Key, Figures], dict[Key, int]]:
        """A person's figures, what goes on at the moment included, and how many looks there were at the same cameras.

        Args:
            ids: the person's, and of whoever was merged into them.
            first_day: of those that are asked for.
            last_day: the same.

        Returns:
            Both by day, participant and room; their keys' `person_id` is `NOBODY_IN_PARTICULAR`.
        """
        days = daily_figures.c.day.between(first_day, last_day)
        theirs = sa.select(daily_figures).where(days, daily_figures.c.person_id.in_(list(ids)))
        other = daily_figures.alias("other")
        same = sa.and_(*(other.c[name] == daily_figures.c[name] for name in ("day", "identity", "room")))
        whoever = sa.select(daily_figures).where(days, daily_figures.c.person_id == NOBODY_IN_PARTICULAR)
        beside = whoever.where(sa.exists().where(same, other.c.person_id.in_(list(ids))))
        going_on = sa.select(presence).where(presence.c.day.between(first_day, last_day), presence.c.open)

        async def work(connection: AsyncConnection) -> tuple[dict[Key, Figures], dict[Key, int]]:
            named: dict[Key, Figures] = {}
            looks: dict[Key, int] = {}
            open_now = figures_of([run_in(row) for row in await connection.execute(going_on)])
            rows = [(Key(*row[:4]), Figures(*row[4:])) for row in await connection.execute(theirs)]
            for key, figures in (*rows, *((key, one) for key, one in open_now.items() if key.person_id in ids)):
                named.setdefault(key._replace(person_id=NOBODY_IN_PARTICULAR), Figures()).add(figures)
            new = {key.identity for key in named} - {key.identity for key, _ in rows}
            more = whoever.where(daily_figures.c.identity.in_(sorted(new)))
            for found in (beside, more):
                for row in await connection.execute(found):
                    looks[Key(*row[:4])] = Figures(*row[4:]).looks
            for key in named:
                looks[key] = looks.get(key, 0) + open_now.get(key, Figures()).looks
            return named, {key: looks[key] for key in named}

        return await self._database.read(work)

    async def expire(self, before: datetime) -> int:
        """Remove what is of days before a moment's day. Returns how many rows there were."""
        day, count = day_of(before.timestamp()), 0
        for table, key in ((presence, presence.c.first_cursor), (daily_figures, daily_figures.c.day)):
            if table is presence:
                some = sa.select(key).where(presence.c.day < day).limit(AT_ONCE)
                while removed := await self._database.execute(sa.delete(presence).where(key.in_(some))):
                    count += removed
            elif await self._database.rows(sa.select(key).where(key < day).limit(1)):
                count += await self._database.execute(sa.delete(daily_figures).where(key < day))
        return count

    async def erase(self, subject: Subject, until: datetime | None) -> int:
        """Remove what came of somebody's events, or of a reference's, and make the figures of whom it touches anew.
        What names a person stays, and loses the name.

        Args:
            subject: of events that name no identity, those are a participant's who has it as name or sid.
            until: only runs that began until then; None: all.

        Returns:
            How many runs there were.
        """
        if subject.kind == "person":
            return await self._leave_out(subject.people)

        async def work(connection: AsyncConnection) -> int:
            await lock_position(connection)
            meant = _meant(subject, until)
            whose = await connection.execute(sa.select(presence.c.identity).where(meant).distinct())
            identities = {identity for (identity,) in whose}
            if subject.kind == "participant":
                identities.add(text_of(subject.id) or "")
            count: int = (await connection.execute(sa.delete(presence).where(meant))).rowcount
            for identity in identities:
                await recount(connection, identity)
            await count_erasure(connection)
            return count

        return await self._database.write(work)

    async def _leave_out(self, people: Collection[str]) -> int:
        """What was seen of these people stays, and does not say who it was."""

        async def work(connection: AsyncConnection) -> int:
            await lock_position(connection)
            runs = await runs_where(connection, names_one_of(people))
            for run in runs:
                left = tuple(one for one in run.people if one not in people)
                change = sa.update(presence).where(presence.c.first_cursor == run.first_cursor)
                await connection.execute(change.values(people=people_text(left)))
            for identity in {run.chain.identity for run in runs}:
                await recount(connection, identity)
            await count_erasure(connection)
            return len(runs)

        return await self._database.write(work)

    async def holds(self, subject: Subject, up_to: int, until: datetime | None) -> bool:
        """Whether `erase` has left anything that began up to a position, looked up anew."""
        rows = sa.select(presence.c.first_cursor).where(_meant(subject, until), presence.c.first_cursor <= up_to)
        rows = rows.limit(1)
        return bool(await self._database.rows(rows))


def _meant(subject: Subject, until: datetime | None) -> sa.ColumnElement[bool]:
    who = text_of(subject.id)
    if subject.kind == "person":
        return names_one_of(subject.people)
    if subject.kind == "reference":
        meant = sa.and_(presence.c.reference_id == who, IS_LOOK)
    else:
        nameless = sa.and_(presence.c.nameless, presence.c.sid == who)
        meant = sa.or_(presence.c.identity == who, nameless)
    return meant if until is None else sa.and_(meant, presence.c.at <= until.timestamp())
