"""Alarms raised from the log: in the transaction that appends the events from which they follow.

What one is about, a participant and whoever was seen there, is no other alarm while it goes on: until it was not seen
for the quiet time. What another process has appended or erased is noticed by the position that every writer locks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid5

import sqlalchemy as sa

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import AlarmChange, AlarmKind, BindingChange, IdentityChange, IdentityState, Match
from facematch.server.alarms.rows import (
    Alarm,
    Subject,
    add,
    answered_by,
    extend,
    latest_of,
    match_of,
    raise_again,
    settle,
    told_of,
)
from facematch.server.events.following import Following
from facematch.server.events.parsed import EVENT, all_events
from facematch.server.identity.bindings import INVITATION
from facematch.server.identity.memory import Who
from facematch.server.identity.rows import bound_among
from facematch.server.storage.position import lock_position
from facematch.server.storage.schema import alarms, events, in_utc, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.storage.database import Database

MOST_REMEMBERED: Final = 4_000
"""Of what alarms are about; about the rest the table is asked."""
PAGE: Final = 500
"""Events read at once, when everything is made anew."""

_CAUSES: Final = ("match", "identity", "binding", "alarm")


class AlarmFold(Following):
    """See the module. Comes behind the fold of identity.

    Args:
        quiet: how long the same is not seen before its next sight is another alarm.
    """

    def __init__(self, quiet: timedelta) -> None:
        super().__init__()
        self._quiet = quiet
        self._latest: OrderedDict[tuple[Who, str], Alarm | None] = OrderedDict()
        self._bound: OrderedDict[Who, str] = OrderedDict()
        """Who participants are supposed to be; empty: nobody says."""
        self._seen_again: dict[int, Alarm] = {}

    async def catch_up(self, database: Database) -> None:
        """Nothing: what happened before there were alarms raises none."""

    async def rebuild(self, database: Database) -> None:
        """Make the table anew from what the log holds. An alarm whose cause it holds no more is gone then."""

        async def work(connection: AsyncConnection) -> None:
            latest = (await lock_position(connection)).latest
            await connection.execute(sa.delete(alarms))
            self.doubt()
            async for page in all_events(connection, latest, PAGE, events.c.type.in_(_CAUSES)):
                raised = await _raised_by(connection, [event for _, event in page])
                for cursor, event in page:
                    await self._take(connection, cursor, event, raised)
            await self._write(connection)
            self.doubt()

        await database.write(work)

    def _forget(self) -> None:
        self._latest.clear()
        self._bound.clear()
        self._seen_again.clear()

    def _heed(self, _cursor: int, event: Event) -> None:
        if event.type in _CAUSES:
            self._forget()

    async def _follow(self, connection: AsyncConnection, new: Sequence[tuple[int, Event]]) -> list[AlarmChange]:
        made: list[AlarmChange] = []
        for cursor, event in new:
            made += await self._take(connection, cursor, event)
        await self._write(connection)
        return made

    async def _take(
        self,
        connection: AsyncConnection,
        cursor: int,
        event: Event,
        raised: Mapping[UUID, AlarmChange] | None = None,
    ) -> list[AlarmChange]:
        """What follows from an event.

        Args:
            connection: in the transaction.
            cursor: its position.
            event: one of the log.
            raised: what the log says already to have followed, by id; None: that is found out.
        """
        if isinstance(event, AlarmChange):
            if event.cause is None:  # what has a cause was taken with it
                await self._settle(connection, event)
            return []
        if isinstance(event, BindingChange):
            return await self._answered(connection, event)
        subject = _subject_of(event)
        if subject is None or event.event_id is None:
            return []
        at = in_utc(event.timestamp)
        known = await self._known(connection, subject)
        goes_on = known is not None and abs(at - known.last_at) < self._quiet
        if known is not None and goes_on:
            known.last_at, known.sights = max(known.last_at, at), known.sights + 1
            self._seen_again[known.cursor] = known
        if raised is not None:
            change = raised.get(uuid5(event.event_id, "alarm"))
        else:
            rises = known is not None and (known.kind, subject.kind) == (AlarmKind.MATCH, AlarmKind.SOMEONE_ELSE)
            if goes_on and not rises:
                return []
            change = await self._alarm(connection, event, subject, known if goes_on else None)
        if change is None:
            return []
        if known is not None and known.id == change.alarm_id:
            known.kind = change.kind
            await raise_again(connection, change)
        else:
            shown_by = cursor if isinstance(event, Match) else await match_of(connection, subject, cursor)
            self._remember(subject, await add(connection, cursor, change, shown_by))
        return [change]

    async def _alarm(
        self, connection: AsyncConnection, event: Event, subject: Subject, going_on: Alarm | None
    ) -> AlarmChange | None:
        """What is told of a sight; None: it is as it is supposed to be."""
        if event.event_id is None:
            raise ValueError("an event has its id before it is stored")
        expected = event.person_id if isinstance(event, IdentityChange) else await self._expected(connection, subject)
        if subject.kind is AlarmKind.MATCH and expected == subject.seen:
            return None
        id_ = uuid5(event.event_id, "alarm")
        return AlarmChange(
            event_id=id_,
            timestamp=in_utc(event.timestamp),
            room=event.room,
            participant_id=event.participant_id,
            participant_name=event.participant_name,
            participant_identity=event.participant_identity or event.participant_name or "",
            person_id=expected or None,
            change="raised",
            alarm_id=going_on.id if going_on is not None and going_on.is_open else id_,
            kind=subject.kind,
            seen_person_id=subject.seen or None,
            cause=event.event_id,
        )

    async def _answered(self, connection: AsyncConnection, change: BindingChange) -> list[AlarmChange]:
        self._bound.clear()
        if change.by == INVITATION or change.event_id is None:  # nobody has looked at anything
            return []
        made = [_acknowledged(row, change, change.event_id) for row in await answered_by(connection, change)]
        for one in made:
            await self._settle(connection, one)
        return made

    async def _settle(self, connection: AsyncConnection, said: AlarmChange) -> None:
        await self._write(connection)
        self._latest.clear()
        await settle(connection, said)

    async def _known(self, connection: AsyncConnection, subject: Subject) -> Alarm | None:
        if subject.key not in self._latest:
            await self._write(connection)  # what is forgotten next is written first
            self._remember(subject, await latest_of(connection, subject))
        self._latest.move_to_end(subject.key)
        return self._latest[subject.key]

    def _remember(self, subject: Subject, alarm: Alarm | None) -> None:
        self._latest[subject.key] = alarm
        if len(self._latest) > MOST_REMEMBERED:
            self._latest.popitem(last=False)

    async def _expected(self, connection: AsyncConnection, subject: Subject) -> str:
        who = subject.who
        if who not in self._bound:
            found = (await bound_among(connection, who.room, [who.identity])).get(who.identity)
            self._bound[who] = found.person_id if found else ""
            if len(self._bound) > MOST_REMEMBERED:
                self._bound.popitem(last=False)
        return self._bound[who]

    async def _write(self, connection: AsyncConnection) -> None:
        await extend(connection, self._seen_again.values())
        self._seen_again.clear()


def _subject_of(event: Event) -> Subject | None:
    """What an alarm would be about; None: the event is no reason for one."""
    if isinstance(event, Match):
        return Subject(_who(event), AlarmKind.MATCH, text_of(event.person_id) or DEFAULT)
    if isinstance(event, IdentityChange):
        if event.state is IdentityState.UNEXPECTED:
            return Subject(_who(event), AlarmKind.SOMEONE_ELSE, event.seen_person_id or "")
        if event.state is IdentityState.SWAPPED:
            return Subject(_who(event), AlarmKind.FACE_CHANGED, "")
    return None


def _who(event: Match | IdentityChange) -> Who:
    return Who(text_of(event.room) or "", text_of(event.participant_identity or event.participant_name) or "")


def _acknowledged(row: sa.Row[Any], change: BindingChange, cause: UUID) -> AlarmChange:
    return told_of(
        row,
        event_id=uuid5(cause, str(row.id)),
        timestamp=change.timestamp,
        change="acknowledged",
        by=change.by,
        cause=cause,
    )


async def _raised_by(connection: AsyncConnection, causes: Sequence[Event]) -> dict[UUID, AlarmChange]:
    """What the log says to follow from these, by id."""
    ids = [uuid5(one.event_id, "alarm") for one in causes if one.event_id is not None]
    found = await connection.execute(sa.select(events.c.body).where(events.c.event_id.in_(ids)))
    told = [EVENT.validate_json(body) for (body,) in found]
    return {one.event_id: one for one in told if isinstance(one, AlarmChange) and one.event_id is not None}
