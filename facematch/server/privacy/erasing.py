"""Whether an event is of something that was erased after it happened: asked in the transaction that would append it.

Several processes append to one log on PostgreSQL, and one of them may not know yet of an erasure that another has
begun. So what is being erased stands in a table, which is asked under the lock of the log's position: an event is
turned away, or it was in the log before whoever erases takes that lock to remove what is there. The rows stay until the
last event may have come that was on its way (`store.STRAGGLERS`).

On SQLite there is one process, which knows by itself (`Erasures.covers`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.protocol.events import Check, Match
from facematch.server.events.purge import Subject
from facematch.server.storage.schema import erasing, turned_away

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event


_ALL: Final = sa.select(erasing.c.erasure_id, erasing.c.kind, erasing.c.subject, erasing.c.until, erasing.c.ends_at)


def is_late(event: Event, subject: Subject, until: datetime) -> bool:
    """Whether an event is of a subject and of the time before it was erased. A person's ids are never given again."""
    return (event.timestamp <= until or subject.kind == "person") and _is_of(event, subject)


def _is_of(event: Event, subject: Subject) -> bool:
    if subject.kind == "reference":
        return isinstance(event, Match | Check) and event.reference_id == subject.id
    if subject.kind == "person":
        return isinstance(event, Match) and event.person_id in subject.people
    return subject.id in (
        event.participant_identity or event.participant_name,
        event.participant_identity or event.participant_id,
    )


class Erasing:
    """See `events.store.Gate`."""

    async def turned_away(self, connection: AsyncConnection, events: Sequence[Event]) -> set[UUID]:
        """The ids of those events that are not to be kept. Which they were is remembered, and their snapshots.

        Args:
            connection: in the transaction that would append them, which holds the position's lock.
            events: with ids.
        """
        if connection.dialect.name == "sqlite":
            return set()
        rows = (await connection.execute(_ALL)).all()
        late: dict[UUID, dict[str, object]] = {}
        for erasure_id, kind, subject, until, ends_at in rows:
            meant = Subject(kind, json.loads(subject))
            for event in events:
                if event.event_id is None or event.event_id in late or not is_late(event, meant, until):
                    continue
                snapshot = event.snapshot if isinstance(event, Match) and ends_at is None else None
                late[event.event_id] = {
                    "event_id": event.event_id,
                    "erasure_id": erasure_id,
                    "source": event.source,
                    "seq": event.seq,
                    "snapshot": snapshot,
                }
        if late:
            known = sa.select(turned_away.c.event_id).where(turned_away.c.event_id.in_(list(late)))
            before = set((await connection.execute(known)).scalars())
            if new := [row for id_, row in late.items() if id_ not in before]:
                await connection.execute(sa.insert(turned_away), new)
        return set(late)
