"""Who an event is about, in the words of the database: names are added when it is stored, and remembered by event.

Recognizers know people by their ids. In the transaction that stores an event its people are looked up, so whoever was
erased is named by no event that comes later, through whichever process it comes: a Match of somebody who is not there
(any more) is not stored, and a Check loses their name. Who was merged into another is that other.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import AlarmChange, AuditEntry, BindingChange, Check, IdentityChange, Match
from facematch.server.storage.schema import event_people, events, people

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event, Evidence, PersonNear

_OF_ONE_BATCH = 16
"""Matches, at most."""
SEEN_EVERY: Final = timedelta(days=1)
"""How exactly it is kept when somebody was seen last."""


def named_in(event: Event) -> set[str]:
    """The ids of the people whom an event is about, without the default person."""
    found: set[str | None] = set()
    if isinstance(event, Match | BindingChange | AuditEntry):
        found = {event.person_id}
    elif isinstance(event, IdentityChange | AlarmChange):
        found = {event.person_id, event.seen_person_id}
    elif isinstance(event, Check):
        found = {*(one.person_id for one in _resembled(event)), *(event.named or ())}
    return {id_ for id_ in found if id_ is not None and id_ != DEFAULT}


async def with_names(connection: AsyncConnection, found: Sequence[Event]) -> list[Event | None]:
    """The events with the names of their people; None in place of a Match of, a binding to, or
    photos of, nobody who is there.
    """
    ids = set[str]().union(*map(named_in, found))
    if not ids:
        return [_without_claims(event) for event in found]
    known = await _known(connection, ids)
    return [_named(event, known) for event in found]


async def remember(connection: AsyncConnection, rows: Sequence[tuple[int, Event]]) -> None:
    """Keep which events are about whom, and when those were seen.

    Args:
        connection: in the transaction that stores the events.
        rows: position and event.
    """
    about = [{"person_id": id_, "cursor": cursor} for cursor, event in rows for id_ in sorted(named_in(event))]
    if not about:
        return
    await connection.execute(sa.insert(event_people), about)
    seen: dict[str, datetime] = {}
    for _, event in rows:
        if isinstance(event, Match):
            for id_ in named_in(event):
                seen[id_] = max(seen.get(id_, event.timestamp), event.timestamp)
    for id_, at in sorted(seen.items()):
        stale = sa.or_(people.c.last_seen_at.is_(None), people.c.last_seen_at < at - SEEN_EVERY)
        await connection.execute(sa.update(people).where(people.c.id == id_, stale).values(last_seen_at=at))


async def _known(connection: AsyncConnection, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """By the id that an event has: the id and the name that it is to have."""
    row = people.alias("row")
    into = people.alias("into")
    found = sa.select(row.c.id, into.c.id.label("now"), into.c.name)
    found = found.select_from(row.join(into, into.c.id == sa.func.coalesce(row.c.merged_into, row.c.id)))
    wanted = [id_.replace("\x00", "\ufffd") for id_ in ids]
    return {each.id: (each.now, each.name) for each in await connection.execute(found.where(row.c.id.in_(wanted)))}


def _without_claims(event: Event) -> Event:
    """Names come from here and from nobody else."""
    claims = isinstance(event, Match | BindingChange | AuditEntry) and event.person_name
    return event.model_copy(update={"person_name": None}) if claims else event


def _named(event: Event, known: Mapping[str, tuple[str, str]]) -> Event | None:
    if isinstance(event, IdentityChange | AlarmChange):
        expected, seen = (
            known.get(id_ or "", (id_ if id_ == DEFAULT else None, None))
            for id_ in (event.person_id, event.seen_person_id)
        )
        names = {"person_id": expected[0], "person_name": expected[1]}
        return event.model_copy(update={**names, "seen_person_id": seen[0], "seen_person_name": seen[1]})
    if isinstance(event, Match | BindingChange | AuditEntry):
        if event.person_id is None or event.person_id == DEFAULT:
            return _without_claims(event)
        if event.person_id not in known:
            return None
        id_, name = known[event.person_id]
        return event.model_copy(update={"person_id": id_, "person_name": name})
    if not isinstance(event, Check) or not named_in(event):
        return event
    near: dict[str, PersonNear] = {}
    for one in event.people or ():
        changed = _near(one, known)
        if changed is not None:
            near.setdefault(changed.person_id, changed)  # two who are one: the nearer
    ids = [id_ if id_ == DEFAULT else known[id_][0] for id_ in event.named or () if id_ == DEFAULT or id_ in known]
    return event.model_copy(
        update={
            "people": None if event.people is None else list(near.values()),
            "named": None if event.named is None else list(dict.fromkeys(ids)),
            "evidence": event.evidence and _named_evidence(event.evidence, known),
        }
    )


def _resembled(check: Check) -> Iterator[PersonNear]:
    """Everybody whom a Check speaks of as near."""
    yield from check.people or ()
    if check.evidence:
        yield from (one for one in (check.evidence.best, check.evidence.bound) if one)


def _named_evidence(evidence: Evidence, known: Mapping[str, tuple[str, str]]) -> Evidence:
    best, bound = (one and _near(one, known) for one in (evidence.best, evidence.bound))
    return evidence.model_copy(update={"best": best, "bound": bound, "margin": best and evidence.margin})


def _near(one: PersonNear, known: Mapping[str, tuple[str, str]]) -> PersonNear | None:
    if one.person_id == DEFAULT:
        return one
    if one.person_id not in known:
        return None
    id_, name = known[one.person_id]
    return one.model_copy(update={"person_id": id_, "person_name": name})


async def leave_out(connection: AsyncConnection, ids: Collection[str], limit: int) -> tuple[int, set[str]]:
    """Take people out of the first Checks that name them. Their outcome stays.

    Returns:
        How many Checks there were, and the snapshots of the batches that saw one of these people: they may show them.
    """
    theirs = sa.select(event_people.c.cursor).where(event_people.c.person_id.in_(list(ids)))
    checks = sa.select(events.c.cursor, events.c.track_sid, events.c.body)
    checks = checks.where(events.c.cursor.in_(theirs), events.c.type == "check").order_by(events.c.cursor).limit(limit)
    rows = (await connection.execute(checks)).all()
    snapshots: set[str] = set()
    for cursor, track_sid, text in rows:
        body = json.loads(text)
        if {*(one["person_id"] for one in body.get("people") or ()), *(body.get("named") or ())} & {*ids}:
            snapshots |= await _of_batch(connection, cursor, track_sid, body.get("cycle_id"))
        body["people"] = [one for one in body.get("people") or () if one["person_id"] not in ids]
        if body.get("named"):
            body["named"] = [id_ for id_ in body["named"] if id_ not in ids]
        evidence = body.get("evidence") or {}
        for field, fields in (("best", ("best", "margin")), ("bound", ("bound",))):
            if (evidence.get(field) or {}).get("person_id") in ids:
                evidence |= dict.fromkeys(fields)
        changed = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        await connection.execute(sa.update(events).where(events.c.cursor == cursor).values(body=changed))
        gone = sa.and_(event_people.c.cursor == cursor, event_people.c.person_id.in_(list(ids)))
        await connection.execute(sa.delete(event_people).where(gone))
    return len(rows), snapshots


async def _of_batch(connection: AsyncConnection, cursor: int, track_sid: str | None, cycle_id: str | None) -> set[str]:
    """The snapshots of the Matches that one Check ends: they were stored shortly before it."""
    if track_sid is None or cycle_id is None:
        return set()
    before = sa.select(events.c.snapshot, events.c.body).where(events.c.track_sid == track_sid)
    before = before.where(events.c.cursor < cursor, events.c.type == "match", events.c.snapshot.is_not(None))
    rows = await connection.execute(before.order_by(events.c.cursor.desc()).limit(_OF_ONE_BATCH))
    return {snapshot for snapshot, body in rows if json.loads(body).get("cycle_id") == cycle_id}
