"""Bindings and states in the database, for those who ask, and for those who make them go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.protocol.events import IdentityState
from facematch.server.identity.rows import bound_among, effective_name, effective_person, told_in, with_people
from facematch.server.storage.position import count_erasure, lock_position
from facematch.server.storage.schema import bindings, identity_state, people, sessions, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.events.purge import Subject
    from facematch.server.identity.memory import Told
    from facematch.server.storage.database import Database

MOST_BINDINGS: Final = 10_000
MOST_SHOWN: Final = 1_000
"""Of bindings or participants, in one answer."""
_AT_ONCE: Final = 500
"""Identities of one selection."""
_FORGOTTEN: Final = (IdentityState.ABSENT, IdentityState.UNBOUND, IdentityState.UNKNOWABLE)


@dataclass(frozen=True, slots=True)
class Binding:
    """Who a participant is supposed to be."""

    identity: str
    room: str
    """Empty: every room without one of its own."""
    person_id: str
    person_name: str | None
    """None: the default person."""
    valid_until: datetime | None
    by: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Participant:
    """What is told of one, with the names of the people."""

    told: Told
    person_name: str | None
    seen_person_name: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bindings, or participants, are asked for; None: any."""

    identity: str | None = None
    room: str | None = None
    person_id: str | None = None
    states: frozenset[IdentityState] = frozenset()
    """Empty: any."""


class IdentityStore:
    """Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bindings(self, wanted: Wanted) -> list[Binding]:
        """By identity and room, at most `MOST_SHOWN`."""
        found = sa.select(
            bindings.c.identity,
            bindings.c.room,
            effective_person(),
            effective_name(),
            bindings.c.valid_until,
            bindings.c.by,
            bindings.c.since,
        ).select_from(with_people())
        if wanted.identity is not None:
            found = found.where(bindings.c.identity == text_of(wanted.identity))
        if wanted.room is not None:
            found = found.where(bindings.c.room == text_of(wanted.room))
        if wanted.person_id is not None:
            found = found.where(effective_person() == text_of(wanted.person_id))
        rows = await self._database.rows(found.order_by(bindings.c.identity, bindings.c.room).limit(MOST_SHOWN))
        return [Binding(*row) for row in rows]

    async def count(self) -> int:
        """How many bindings there are."""
        [(count,)] = await self._database.rows(sa.select(sa.func.count()).select_from(bindings))
        return int(count)

    async def due(self, now: datetime, limit: int) -> list[Binding]:
        """Bindings whose time is over."""
        found = sa.select(
            *(bindings.c[name] for name in ("identity", "room", "person_id", "valid_until", "by", "since"))
        )
        rows = await self._database.rows(found.where(bindings.c.valid_until <= now).limit(limit))
        return [Binding(identity, room, person, None, *rest) for identity, room, person, *rest in rows]

    async def next_due(self) -> datetime | None:
        """When the next binding's time is over; None: of none."""
        [(at,)] = await self._database.rows(sa.select(sa.func.min(bindings.c.valid_until)))
        until: datetime | None = at
        return until

    async def bound(self, room: str, identities: Collection[str]) -> Mapping[str, str]:
        """Of identities in a room: the person each is supposed to be; those without one are left out."""
        named = sorted(identities)

        async def work(connection: AsyncConnection) -> dict[str, str]:
            if (await connection.execute(sa.select(bindings.c.identity).limit(1))).first() is None:
                return {}
            found: dict[str, str] = {}
            for at in range(0, len(named), _AT_ONCE):
                texts = {text_of(one): one for one in named[at : at + _AT_ONCE]}
                of_them = await bound_among(connection, text_of(room), list(texts))
                found |= {texts[identity]: one.person_id for identity, one in of_them.items()}
            return found

        return await self._database.read(work)

    async def participants(self, wanted: Wanted) -> list[Participant]:
        """Those who are known, by room and identity, at most `MOST_SHOWN`."""
        expected, seen = people.alias("expected"), people.alias("seen")
        found = sa.select(identity_state, expected.c.name, seen.c.name).select_from(
            identity_state.outerjoin(expected, expected.c.id == identity_state.c.person_id).outerjoin(
                seen, seen.c.id == identity_state.c.seen_person_id
            )
        )
        for column, value in ((identity_state.c.room, wanted.room), (identity_state.c.identity, wanted.identity)):
            if value is not None:
                found = found.where(column == text_of(value))
        if wanted.states:
            found = found.where(identity_state.c.state.in_(wanted.states))
        found = found.order_by(identity_state.c.room, identity_state.c.identity).limit(MOST_SHOWN)
        return [Participant(told_in(row[:-2]), *row[-2:]) for row in await self._database.rows(found)]

    async def seen_to(self, wanted: Wanted) -> int:
        """Whose face somebody may have seen to: how many are there, or were swapped."""
        there = sa.or_(identity_state.c.swapped, identity_state.c.state != IdentityState.ABSENT)
        found = sa.select(sa.func.count()).select_from(identity_state).where(there)
        for column, value in ((identity_state.c.room, wanted.room), (identity_state.c.identity, wanted.identity)):
            if value is not None:
                found = found.where(column == text_of(value))
        [(count,)] = await self._database.rows(found)
        return int(count)

    async def acknowledged_in(self, room: str) -> dict[str, int]:
        """Those of a room whose swapped face somebody has ever seen to: the position of the event that says so last."""
        found = sa.select(identity_state.c.identity, identity_state.c.acknowledged)
        found = found.where(identity_state.c.acknowledged > 0, identity_state.c.room == text_of(room))
        return {identity: int(cursor) for identity, cursor in await self._database.rows(found.limit(MOST_SHOWN))}

    async def forget(self, before: datetime) -> int:
        """Forget who was told of last before a time, and has left, or nobody expects. Returns how many they were."""
        old = sa.and_(identity_state.c.state.in_(_FORGOTTEN), identity_state.c.since < before)
        if not await self._database.rows(sa.select(identity_state.c.identity).where(old).limit(1)):
            return 0
        return await self._remove(sa.delete(identity_state).where(old))

    async def erase(self, subject: Subject, until: datetime | None) -> int:
        """Remove a participant's bindings and states, or what names a person.

        Args:
            subject: whose.
            until: only what is of then; None: all.

        Returns:
            How many bindings there were.
        """
        if subject.kind == "reference":
            return 0
        removals = [sa.delete(table).where(meant) for table, meant in _meant(subject, until)]
        if subject.kind == "person":  # who was taken for them stays, and does not say for whom
            seen = identity_state.c.seen_person_id.in_([text_of(one) for one in subject.people])
            nameless = sa.update(identity_state).where(seen).values(seen_person_id="")
            return await self._remove(removals[0], nameless, *removals[1:])
        return await self._remove(*removals)

    async def _remove(self, *statements: sa.Delete | sa.Update) -> int:
        """Returns how many rows the first of them changed."""

        async def work(connection: AsyncConnection) -> int:
            await lock_position(connection)
            counts = [int((await connection.execute(statement)).rowcount) for statement in statements]
            await count_erasure(connection)
            return counts[0]

        return await self._database.write(work)

    async def holds(self, subject: Subject, latest: int, until: datetime | None) -> bool:
        """Whether `erase` has left anything, looked up anew.

        Args:
            subject: as for `erase`.
            latest: the last position before it; what came meanwhile is not what it left.
            until: as for `erase`.
        """
        if subject.kind == "reference":
            return False
        for table, meant in _meant(subject, until):
            before = table.c.cursor <= latest if "cursor" in table.c else sa.true()
            left = sa.select(sa.literal(1)).select_from(table).where(meant, before)
            if await self._database.rows(left.limit(1)):
                return True
        return False


def _meant(subject: Subject, until: datetime | None) -> Sequence[tuple[sa.Table, sa.ColumnElement[bool]]]:
    if subject.kind == "person":
        ids = [text_of(one) for one in subject.people]
        named = sa.or_(identity_state.c.person_id.in_(ids), identity_state.c.seen_person_id.in_(ids))
        invited = sessions.c.person_id.in_(ids)
        return (bindings, bindings.c.person_id.in_(ids)), (identity_state, named), (sessions, invited)
    who = text_of(subject.id)
    bound, told = bindings.c.identity == who, identity_state.c.identity == who
    if until is not None:
        bound, told = sa.and_(bound, bindings.c.since <= until), sa.and_(told, identity_state.c.since <= until)
    return (bindings, bound), (identity_state, told)
