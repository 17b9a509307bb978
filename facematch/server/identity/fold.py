"""Identity derived from the log: in the transaction that appends the events of which it comes.

A look at somebody to whom nobody is bound costs nothing; one at somebody bound is compared with what was told last,
and only what is told anew is written. What another process has appended or erased is noticed by the position that every
writer locks, and the last news are read again from the log.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import sqlalchemy as sa

from facematch.protocol.events import BindingChange, Check, IdentityChange, IdentityState
from facematch.server.events.following import Following
from facematch.server.events.parsed import all_events
from facematch.server.identity.looks import news_of
from facematch.server.identity.memory import MOST_CAMERAS, Participant, Room, Told, Who, kept
from facematch.server.identity.rows import (
    bound_to,
    keep_binding,
    marks_before,
    news_before,
    photos_of,
    room_before,
    told_of,
    told_where,
    write_told,
)
from facematch.server.people.models import ENOUGH_PHOTOS
from facematch.server.storage.position import lock_position
from facematch.server.storage.schema import bindings, events, identity_state, in_utc, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.identity.looks import News
    from facematch.server.identity.states import Finding
    from facematch.server.storage.database import Database

MOST_PARTICIPANTS: Final = 4_000
"""Remembered; about others the log is asked."""
PAGE: Final = 1_000
"""Events read at once, when everything is made anew."""

_SILENT: Final = frozenset({None, IdentityState.UNBOUND, IdentityState.ABSENT})
"""States between which somebody to whom nobody is bound goes without an event."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a state follows from."""

    cursor: int
    event_id: UUID
    at: datetime


class IdentityFold(Following):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._known: OrderedDict[Who, Participant] = OrderedDict()
        self._rooms: dict[str, Room] = {}
        self._changed: dict[Who, Told] = {}

    async def catch_up(self, database: Database) -> None:
        """Nothing: who is not known yet is read from the log with their next event."""

    async def rebuild(self, database: Database) -> list[UUID]:
        """Make everything anew from what the log holds. What it holds no more is gone then, but for bindings.

        Returns:
            Ids of the `identity` events that follow, in order: those that the log has of the same causes.
        """

        async def work(connection: AsyncConnection) -> list[UUID]:
            latest = (await lock_position(connection)).latest
            said = sa.select(events.c.cursor).where(events.c.type == "binding")
            await connection.execute(sa.delete(bindings).where(bindings.c.cursor.in_(said)))
            await connection.execute(sa.delete(identity_state))
            self.doubt()
            made: list[UUID] = []
            async for page in all_events(connection, latest, PAGE, events.c.type != "identity"):
                made += [one.event_id for one in await self._follow(connection, page) if one.event_id]
            self.doubt()
            return made

        return await database.write(work)

    def _forget(self) -> None:
        self._known.clear()
        self._rooms.clear()
        self._changed.clear()

    def _heed(self, cursor: int, event: Event) -> None:
        if isinstance(event, Check):
            if not self._is_plain(event):
                who = _who(event)
                self._known.pop(who, None)
                self._rooms.pop(who.room, None)
        elif isinstance(event, BindingChange) or news_of(cursor, event) is not None:
            self._forget()

    async def _follow(self, connection: AsyncConnection, new: Sequence[tuple[int, Event]]) -> list[IdentityChange]:
        made: list[IdentityChange] = []
        for cursor, event in new:
            if not (isinstance(event, Check) and self._is_plain(event)):
                made += await self._take(connection, cursor, event)
        await self._write(connection)
        return made

    def _is_plain(self, check: Check) -> bool:
        known = self._known.get(_who(check))
        if known is None or not known.is_plain or known.told is None or known.told.sid != check.participant_id:
            return False
        return check.evidence is None or check.evidence.continuity != "changed"

    async def _take(self, connection: AsyncConnection, cursor: int, event: Event) -> list[IdentityChange]:
        if isinstance(event, BindingChange):
            concerned = await self._said(connection, cursor, event)
        elif (news := news_of(cursor, event)) is not None:
            concerned = await self._heard(connection, news)
        else:
            return []
        made: list[IdentityChange] = []
        for known in concerned:
            if event.event_id is None:
                raise ValueError("an event has its id before it is stored")
            change = await self._settle(connection, known, _Cause(cursor, event.event_id, _moment(event)))
            made += [] if change is None else [change]
        return made

    async def _said(self, connection: AsyncConnection, cursor: int, change: BindingChange) -> list[Participant]:
        """Somebody says who participants are to be: all of them of that identity are looked at anew."""
        await self._write(connection)
        await keep_binding(connection, change, cursor)
        conditions = [identity_state.c.identity == text_of(change.participant_identity)]
        if change.room is not None:
            conditions.append(identity_state.c.room == text_of(change.room))
        concerned = []
        for told in await told_where(connection, *conditions):
            self._known.pop(told.who, None)
            self._rooms.pop(told.who.room, None)
            known = await self._participant(connection, told.who, cursor)
            if change.change == "acknowledged":
                known.swapped, known.acknowledged = False, cursor
            concerned.append(known)
        return concerned

    async def _heard(self, connection: AsyncConnection, news: News) -> list[Participant]:
        """The participants of whom it says something; none when it is of a boot that was replaced."""
        chain, cursor = news.evidence.chain, news.evidence.cursor
        room = await self._room(connection, chain.room, cursor)
        if not room.takes(news):
            return []
        if chain.identity:
            known = await self._participant(connection, Who(chain.room, chain.identity), cursor)
            known.note(news)
            while len(known.cameras) > MOST_CAMERAS:
                del known.cameras[min(known.cameras, key=lambda track: known.cameras[track][-1].order)]
            return [known]
        kept(room.marks, news)
        await self._write(connection)
        there = sa.and_(identity_state.c.room == chain.room, identity_state.c.state != IdentityState.ABSENT)
        found = await told_where(connection, there)
        return [await self._participant(connection, told.who, cursor) for told in found]

    async def _room(self, connection: AsyncConnection, name: str, cursor: int) -> Room:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room()
            last = [*await marks_before(connection, name, cursor), *await room_before(connection, name, cursor)]
            for position, event in sorted(dict(last).items()):
                news = news_of(position, event)
                if news is not None and room.takes(news) and not news.evidence.chain.identity:
                    kept(room.marks, news)
        return room

    async def _participant(self, connection: AsyncConnection, who: Who, cursor: int) -> Participant:
        """As they are known before a position."""
        known = self._known.get(who)
        if known is None:
            await self._write(connection)
            told = await told_of(connection, who)
            swapped, acknowledged = (told.swapped, told.acknowledged) if told else (False, 0)
            known = Participant(who, told, await bound_to(connection, who), swapped, acknowledged)
            for position, event in await news_before(connection, who, cursor):
                news = news_of(position, event)
                if news is not None:
                    known.note(news)
            known.swapped = swapped  # what was told of it then, is in the row
            self._known[who] = known
            if len(self._known) > MOST_PARTICIPANTS:
                self._known.popitem(last=False)
        self._known.move_to_end(who)
        return known

    async def _settle(self, connection: AsyncConnection, known: Participant, cause: _Cause) -> IdentityChange | None:
        """Write down what is so now, if it was not; the event that tells it, if it is to be told."""
        room = await self._room(connection, known.who.room, cause.cursor)
        finding, before = known.finding(room), known.told
        person = known.expected.person_id if known.expected else ""
        sid, name = _called(known)
        if before is not None and before.says(finding, person):
            same = replace(before, sid=sid, name=name, swapped=known.swapped, acknowledged=known.acknowledged)
            if same != before:
                self._tell(known, same)
            return None
        self._tell(
            known,
            Told(
                who=known.who,
                sid=sid,
                name=name,
                state=finding.state,
                detail=finding.detail,
                was=before.state if before else "",
                person_id=person,
                seen_person_id=finding.seen,
                looks=finding.looks,
                certainty=await _certainty(connection, finding, person),
                swapped=known.swapped,
                acknowledged=known.acknowledged,
                since=cause.at,
                cursor=cause.cursor,
            ),
        )
        unbound = not person and (before is None or not before.person_id)
        if unbound and finding.state in _SILENT and (before.state if before else None) in _SILENT:
            return None
        return _event(known.told, before, cause) if known.told else None

    def _tell(self, known: Participant, told: Told) -> None:
        known.told = self._changed[known.who] = told

    async def _write(self, connection: AsyncConnection) -> None:
        if self._changed:
            await write_told(connection, self._changed.values())
            self._changed.clear()


def _who(check: Check) -> Who:
    return Who(check.room or "", check.participant_identity or check.participant_name)


async def _certainty(connection: AsyncConnection, finding: Finding, person: str) -> str:
    if not finding.looks:
        return ""
    if not finding.together:
        return "one_look"
    return "sure" if await photos_of(connection, finding.seen or person) >= ENOUGH_PHOTOS else "few_photos"


def _called(known: Participant) -> tuple[str, str]:
    """Sid and name, by what was heard last."""
    lines = [known.marks, *known.cameras.values()]
    newest = max((line[-1] for line in lines if line), key=lambda one: one.order, default=None)
    if newest is None:
        return (known.told.sid, known.told.name) if known.told else ("", "")
    return newest.evidence.sid, newest.evidence.name


def _event(told: Told, before: Told | None, cause: _Cause) -> IdentityChange:
    return IdentityChange.model_validate(
        {
            "event_id": uuid5(cause.event_id, f"{told.who.room}\n{told.who.identity}\n{told.state}"),
            "timestamp": told.since,
            "room": told.who.room or None,
            "participant_id": told.sid or None,
            "participant_name": told.name or None,
            "participant_identity": told.who.identity,
            "person_id": told.person_id or None,
            "state": told.state,
            "detail": told.detail or None,
            "was": before.state if before else None,
            "seen_person_id": told.seen_person_id or None,
            "looks": told.looks or None,
            "certainty": told.certainty or None,
            "since": told.since,
            "cause": cause.event_id,
        }
    )


def _moment(event: Event) -> datetime:
    return in_utc((event.looked_until if isinstance(event, Check) else None) or event.timestamp)
