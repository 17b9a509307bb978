"""Identity in the database: the statements that its transactions need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from facematch.protocol.events import IdentityState
from facematch.server.events.parsed import EVENT
from facematch.server.identity.memory import Told, Who
from facematch.server.identity.states import Expected
from facematch.server.storage.schema import bindings, events, identity_state, people, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import BindingChange, Event

LOOKED_BACK: Final = 64
"""Events of a participant, or of a room, from which a start goes on."""

_NEWS = ("check", "participant", "watch")
_COLUMNS = tuple(column.name for column in identity_state.columns if column.name not in Who._fields)
_NOW = people.alias("now")


async def told_where(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> list[Told]:
    """The rows for which all of these hold, by room and identity."""
    found = sa.select(identity_state).where(*conditions)
    found = found.order_by(identity_state.c.room, identity_state.c.identity)
    return [told_in(row) for row in await connection.execute(found)]


def told_in(row: Any) -> Told:
    """A row of `identity_state`."""
    room, identity, sid, name, state, *rest = row
    return Told(Who(room, identity), sid, name, IdentityState(state), *rest)


async def write_told(connection: AsyncConnection, rows: Collection[Told]) -> None:
    """In place of what was told of these participants."""
    if not rows:
        return
    for told in rows:
        await connection.execute(sa.delete(identity_state).where(*_is(told.who)))
    values = [{**told.who._asdict(), **{name: getattr(told, name) for name in _COLUMNS}} for told in rows]
    await connection.execute(sa.insert(identity_state), values)


def _is(who: Who) -> tuple[sa.ColumnElement[bool], ...]:
    return identity_state.c.room == who.room, identity_state.c.identity == who.identity


async def told_of(connection: AsyncConnection, who: Who) -> Told | None:
    """What was told of a participant last."""
    return next(iter(await told_where(connection, *_is(who))), None)


async def news_before(connection: AsyncConnection, who: Who, cursor: int) -> list[tuple[int, Event]]:
    """The last events of a participant before a position, in order."""
    mine = (events.c.participant_identity == who.identity, _in_room(who.room), events.c.type.in_(_NEWS))
    return await _last(connection, cursor, *mine)


async def room_before(connection: AsyncConnection, room: str, cursor: int) -> list[tuple[int, Event]]:
    """The last events of a room before a position, in order."""
    return await _last(connection, cursor, _in_room(room), events.c.type.in_(_NEWS))


async def marks_before(connection: AsyncConnection, room: str, cursor: int) -> list[tuple[int, Event]]:
    """What was last said of all of a room before a position, in order."""
    return await _last(connection, cursor, _in_room(room), events.c.type == "watch", events.c.track_sid.is_(None))


def _in_room(room: str) -> sa.ColumnElement[bool]:
    return events.c.room == room if room else events.c.room.is_(None)


async def _last(
    connection: AsyncConnection, cursor: int, *conditions: sa.ColumnElement[bool]
) -> list[tuple[int, Event]]:
    found = sa.select(events.c.cursor, events.c.body).where(events.c.cursor < cursor, *conditions)
    rows = (await connection.execute(found.order_by(events.c.cursor.desc()).limit(LOOKED_BACK))).all()
    return [(int(position), EVENT.validate_json(body)) for position, body in reversed(rows)]


async def bound_to(connection: AsyncConnection, who: Who) -> Expected | None:
    """Whom a participant is bound to: in their room, else in every room."""
    found = (await bound_among(connection, who.room, [who.identity])).get(who.identity)
    if found is None:
        return None
    same = sa.select(people.c.id).where(people.c.merged_into == found.person_id)
    ids = (await connection.execute(same)).scalars()
    return Expected(found.person_id, frozenset({found.person_id, *ids}), found.after)


async def bound_among(connection: AsyncConnection, room: str, identities: Sequence[str]) -> dict[str, Expected]:
    """Whom these are bound to in a room; those who are not are left out."""
    found = (
        sa.select(bindings.c.identity, effective_person(), bindings.c.cursor)
        .select_from(with_people())
        .where(bindings.c.identity.in_(identities), bindings.c.room.in_([room, ""]))
        .order_by(bindings.c.room)  # the one for this room comes last, and counts
    )
    return {
        identity: Expected(person_id, frozenset({person_id}), int(cursor))
        for identity, person_id, cursor in await connection.execute(found)
    }


def with_people() -> sa.Join:
    """Bindings with the people they name, as they are now."""
    row = people.alias("bound")
    named = bindings.outerjoin(row, row.c.id == bindings.c.person_id)
    return named.outerjoin(_NOW, _NOW.c.id == sa.func.coalesce(row.c.merged_into, row.c.id))


def effective_person() -> sa.ColumnElement[str]:
    """Whom a binding names now: whoever was merged is who they were merged into."""
    return sa.func.coalesce(_NOW.c.id, bindings.c.person_id).label("person_id")


def effective_name() -> sa.ColumnElement[str]:
    """Their name; null: the default person."""
    return _NOW.c.name.label("person_name")


async def keep_binding(connection: AsyncConnection, change: BindingChange, cursor: int) -> None:
    """Write what somebody says."""
    identity, room = text_of(change.participant_identity), text_of(change.room) or ""
    of_it = sa.and_(bindings.c.identity == identity, bindings.c.room == room)
    if change.change == "unbound":
        await connection.execute(sa.delete(bindings).where(of_it))
        return
    if change.change != "bound":
        return
    before = (await connection.execute(sa.select(bindings.c.person_id, bindings.c.cursor).where(of_it))).first()
    goes_on = before is not None and before.person_id == change.person_id  # what was seen of them since counts
    await connection.execute(sa.delete(bindings).where(of_it))
    row = {
        "identity": identity,
        "room": room,
        "person_id": change.person_id,
        "valid_until": change.valid_until,
        "by": change.by,
        "since": change.timestamp,
        "cursor": before.cursor if before is not None and goes_on else cursor,
    }
    await connection.execute(sa.insert(bindings).values(row))


async def photos_of(connection: AsyncConnection, person_id: str) -> int:
    """How many photos a person has; the default person one."""
    found = await connection.execute(sa.select(people.c.photos).where(people.c.id == person_id))
    return int(found.scalar_one_or_none() or 1)
