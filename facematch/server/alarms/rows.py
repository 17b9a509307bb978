"""Alarms in the database: the statements that the fold's transactions need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import AlarmChange, AlarmKind
from facematch.server.identity.memory import Who  # noqa: TC001  (a NamedTuple reads it at run time)
from facematch.server.storage.schema import alarms, events, people, text_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import BindingChange

_LOOKED_BACK: Final = 64
"""Events of a participant among which the Match is that shows somebody."""


class Subject(NamedTuple):
    """What an alarm is about: the next sight of the same is no other alarm while it goes on."""

    who: Who
    kind: AlarmKind
    seen: str
    """Person; empty: nobody who is known. Who is seen counts, whatever the kind."""

    @property
    def key(self) -> tuple[Who, str]:
        """The same for sights that are one."""
        return self.who, self.seen or str(self.kind)


@dataclass(slots=True)
class Alarm:
    """As much of a row as the next sight needs."""

    cursor: int
    id: UUID
    kind: AlarmKind
    last_at: datetime
    sights: int
    is_open: bool


async def latest_of(connection: AsyncConnection, subject: Subject) -> Alarm | None:
    """The last alarm about the same."""
    columns = (alarms.c.cursor, alarms.c.id, alarms.c.kind, alarms.c.last_at, alarms.c.sights)
    found = sa.select(*columns, alarms.c.acknowledged_by == "").where(
        alarms.c.identity == subject.who.identity,
        alarms.c.room == subject.who.room,
        sa.or_(alarms.c.seen_person_id == subject.seen, alarms.c.seen_person_id.in_(_merged_into(subject.seen))),
    )
    if not subject.seen:
        found = found.where(alarms.c.kind == str(subject.kind))
    row = (await connection.execute(found.order_by(alarms.c.cursor.desc()).limit(1))).first()
    if row is None:
        return None
    cursor, id_, kind, *rest = row
    return Alarm(int(cursor), id_, AlarmKind(kind), *rest)


def _merged_into(person: str) -> sa.Select[Any]:
    return sa.select(people.c.id).where(people.c.merged_into == person)


async def add(connection: AsyncConnection, cursor: int, raised: AlarmChange, shown_by: int | None) -> Alarm:
    """A new one.

    Args:
        connection: in the transaction.
        cursor: of the event that it follows from.
        raised: what is told of it.
        shown_by: position of the Match that shows it.
    """
    row: dict[str, Any] = {
        "cursor": cursor,
        "id": raised.alarm_id,
        "kind": str(raised.kind),
        "room": text_of(raised.room) or "",
        "identity": text_of(raised.participant_identity),
        "sid": text_of(raised.participant_id) or "",
        "name": text_of(raised.participant_name) or "",
        "person_id": raised.person_id or "",
        "seen_person_id": raised.seen_person_id or "",
        "match_cursor": shown_by,
        "since": raised.timestamp,
        "last_at": raised.timestamp,
        "sights": 1,
        "acknowledged_by": "",
        "verdict": "",
        "judged_by": "",
    }
    await connection.execute(sa.insert(alarms).values(row))
    return Alarm(cursor, raised.alarm_id, raised.kind, raised.timestamp, 1, is_open=True)


async def raise_again(connection: AsyncConnection, raised: AlarmChange) -> None:
    """One that is open already turns out to be of another kind."""
    values = {"kind": str(raised.kind), "person_id": raised.person_id or ""}
    await connection.execute(sa.update(alarms).where(alarms.c.id == raised.alarm_id).values(values))


async def extend(connection: AsyncConnection, seen_again: Collection[Alarm]) -> None:
    """The same has been seen again."""
    if seen_again:
        values = [{"at": one.cursor, "until": one.last_at, "count": one.sights} for one in seen_again]
        update = sa.update(alarms).where(alarms.c.cursor == sa.bindparam("at"))
        await connection.execute(
            update.values(last_at=sa.bindparam("until", type_=alarms.c.last_at.type), sights=sa.bindparam("count")),
            values,
        )


async def settle(connection: AsyncConnection, said: AlarmChange) -> None:
    """Somebody acknowledges it, or judges it, which says that they have looked at it, too. The first who did stays."""
    meant = alarms.c.id == said.alarm_id
    if said.change == "judged":
        values = {"verdict": said.verdict or "", "judged_by": said.by, "judged_at": said.timestamp}
        await connection.execute(sa.update(alarms).where(meant).values(values))
    looked = {"acknowledged_by": said.by, "acknowledged_at": said.timestamp}
    await connection.execute(sa.update(alarms).where(meant, alarms.c.acknowledged_by == "").values(looked))


async def answered_by(connection: AsyncConnection, change: BindingChange) -> list[Any]:
    """The open alarms to which what somebody says of a participant is the answer."""
    if change.change == "acknowledged":
        answered = alarms.c.kind == str(AlarmKind.FACE_CHANGED)
    elif change.change == "bound":
        answered = sa.and_(alarms.c.kind == str(AlarmKind.MATCH), alarms.c.seen_person_id == change.person_id)
    else:
        return []
    found = sa.select(alarms).where(
        alarms.c.identity == text_of(change.participant_identity), alarms.c.acknowledged_by == "", answered
    )
    if change.room is not None:
        found = found.where(alarms.c.room == text_of(change.room))
    return list(await connection.execute(found.order_by(alarms.c.cursor)))


def told_of(row: sa.Row[Any], **more: object) -> AlarmChange:
    """An event about an alarm, as its row has it.

    Args:
        row: of the table.
        more: what else the event says, or says otherwise.
    """
    of_alarm = {
        "room": row.room or None,
        "participant_id": row.sid or None,
        "participant_name": row.name or None,
        "participant_identity": row.identity,
        "person_id": row.person_id or None,
        "alarm_id": row.id,
        "kind": row.kind,
        "seen_person_id": row.seen_person_id or None,
    }
    return AlarmChange.model_validate({**of_alarm, **more})


async def match_of(connection: AsyncConnection, subject: Subject, cursor: int) -> int | None:
    """The position of the last Match before a position that shows whoever was seen; None: there is none of late."""
    if not subject.seen:
        return None
    in_room = events.c.room == subject.who.room if subject.who.room else events.c.room.is_(None)
    last = sa.select(events.c.cursor, events.c.type, events.c.body).where(
        events.c.participant_identity == subject.who.identity, in_room, events.c.cursor < cursor
    )
    for position, type_, body in await connection.execute(last.order_by(events.c.cursor.desc()).limit(_LOOKED_BACK)):
        if type_ == "match" and (json.loads(body).get("person_id") or DEFAULT) == subject.seen:
            return int(position)
    return None
