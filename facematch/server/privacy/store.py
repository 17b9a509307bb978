"""What was erased, and what is still to be erased elsewhere: rows that outlive the process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from facematch.server.events.purge import Kind, Subject
from facematch.server.storage.bell import Bell, ring
from facematch.server.storage.schema import confirmations, erasing, erasures, position, turned_away

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

STRAGGLERS: Final = timedelta(minutes=2)
"""How long after the recognizer has confirmed an event may still be on its way through the network."""
MOST_TURNED_AWAY: Final = 10_000
"""Snapshots remembered for one erasure; retention finds those beyond."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An erasure that the recognizer has not confirmed yet."""

    id: UUID
    subject: Subject
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the record of erasures."""

    id: UUID
    kind: Kind
    requested_at: datetime
    requested_by: str
    events: int
    snapshots: int
    undelivered_events: int | None
    done_at: datetime | None


class ErasureStore:
    """The record of erasures. It says when, by which role and how much; whose only as long as that is needed.

    Of whom it was about, what stays is a salted hash (scrypt): whoever has an identity can check whether a receipt is
    about it, and nobody can read it back.

    Every method raises `LogUnavailableError` when the database takes nothing now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shared = database.shared
        """Whether other processes have to know: on SQLite there is none, and less is written."""

    async def begin(self, subject: Subject, at: datetime, by: str, until: datetime) -> Pending:
        """Something is to be erased. From now on it is, whatever happens.

        Args:
            subject: what.
            at: now.
            by: a role.
            until: the last moment of what is erased.
        """
        salt = secrets.token_bytes(16)
        row = {
            "id": uuid4(),
            "kind": subject.kind,
            "requested_at": at,
            "requested_by": by,
            "salt": salt,
            "subject_hash": await asyncio.to_thread(subject_hash, subject.id, salt),
            "subject": json.dumps(subject.id),
            "events": 0,
            "snapshots": 0,
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sa.insert(erasures).values(row))
            if self.shared:
                same = {"kind": subject.kind, "subject": row["subject"], "until": until}
                await connection.execute(sa.insert(erasing).values(erasure_id=row["id"], **same))
                await ring(connection, Bell.ERASURES)

        await self._database.write(work)
        return Pending(UUID(str(row["id"])), subject, at)

    async def withdraw(self, id_: UUID) -> None:
        """It is not to be erased after all."""
        await self._database.execute(sa.delete(erasures).where(erasures.c.id == id_), Bell.ERASURES)
        if self.shared:
            await self._database.execute(sa.delete(erasing).where(erasing.c.erasure_id == id_))

    async def add(self, id_: UUID, events: int, snapshots: int) -> None:
        """More was removed."""
        new = {"events": erasures.c.events + events, "snapshots": erasures.c.snapshots + snapshots}
        await self._database.execute(sa.update(erasures).where(erasures.c.id == id_).values(new), Bell.ERASURES)

    async def finish(self, id_: UUID, undelivered: int, at: datetime) -> None:
        """Nothing is left. Whose it was is forgotten, here at once, and where late events are turned away soon."""
        new = {"undelivered_events": undelivered, "done_at": at, "subject": None}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sa.update(erasures).where(erasures.c.id == id_).values(new))
            if self.shared:
                late = sa.update(erasing).where(erasing.c.erasure_id == id_)
                await connection.execute(late.values(ends_at=sa.func.now() + STRAGGLERS))
                removed = sa.update(turned_away).where(turned_away.c.erasure_id == id_)
                await connection.execute(removed.values(snapshot=None))
                await connection.execute(sa.delete(confirmations).where(confirmations.c.erasure_id == id_))
                await ring(connection, Bell.ERASURES)

        await self._database.write(work)

    async def confirm(self, id_: UUID, source: str, events: int, snapshots: Sequence[str]) -> None:
        """A recognizer has erased it, for whichever process finishes it: so many events, which had these snapshots."""
        row = {"erasure_id": id_, "source": source, "events": events}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(confirmations).values(row).on_conflict_do_nothing())
            if snapshots:
                rows = [{"event_id": uuid4(), "erasure_id": id_, "snapshot": name} for name in snapshots]
                await connection.execute(sa.insert(turned_away), rows)
            await ring(connection, Bell.ERASURES)

        await self._database.aside(work)

    async def confirmations(self) -> dict[UUID, dict[str, int]]:
        """By erasure: which sources have confirmed it, with how many events."""
        found: dict[UUID, dict[str, int]] = {}
        columns = sa.select(confirmations.c.erasure_id, confirmations.c.source, confirmations.c.events)
        for id_, source, events in await self._database.rows(columns):
            found.setdefault(id_, {})[source] = int(events)
        return found

    async def turned_away(self, id_: UUID) -> set[str]:
        """Snapshots of events that came too late, whichever process they came to."""
        names = sa.select(turned_away.c.snapshot).where(turned_away.c.erasure_id == id_)
        names = names.where(turned_away.c.snapshot.is_not(None)).limit(MOST_TURNED_AWAY)
        return {name for (name,) in await self._database.rows(names)}

    async def forget_stragglers(self) -> None:
        """Nothing is on its way any more of what was finished long enough ago."""
        over = sa.select(erasing.c.erasure_id).where(erasing.c.ends_at < sa.func.now())

        async def work(connection: AsyncConnection) -> None:
            ids = list((await connection.execute(over)).scalars())
            for table in (turned_away, erasing):
                await connection.execute(sa.delete(table).where(table.c.erasure_id.in_(ids)))

        if self.shared and await self._database.rows(over.limit(1)):
            await self._database.aside(work)

    async def pending(self) -> Sequence[Pending]:
        """What the recognizer has still to be told, the oldest first."""
        columns = sa.select(erasures.c.id, erasures.c.kind, erasures.c.subject, erasures.c.requested_at)
        rows = columns.where(erasures.c.subject.is_not(None)).order_by(erasures.c.requested_at)
        return [
            Pending(id_, Subject(kind, json.loads(text)), at) for id_, kind, text, at in await self._database.rows(rows)
        ]

    async def stamp(self) -> tuple[int, int]:
        """Another whenever something was erased, by whichever process; the first of the two is `total`."""
        derived = sa.select(position.c.erased).scalar_subquery()
        everything = sa.select(sa.func.count() + sa.func.coalesce(sa.func.sum(erasures.c.events), 0), derived)
        [(total, erased)] = await self._database.rows(everything.select_from(erasures))
        return int(total), int(erased)

    async def total(self) -> int:
        """Erasures and erased events there have been; rises with each."""
        everything = sa.select(sa.func.count() + sa.func.coalesce(sa.func.sum(erasures.c.events), 0))
        [(total,)] = await self._database.rows(everything.select_from(erasures))
        return int(total)

    async def lines(self, limit: int) -> Sequence[Line]:
        """The newest first."""
        columns = [erasures.c[name] for name in Line.__slots__]
        rows = sa.select(*columns).order_by(erasures.c.requested_at.desc()).limit(limit)
        return [Line(*row) for row in await self._database.rows(rows)]


def subject_hash(subject: str, salt: bytes) -> bytes:
    """What is kept of whom an erasure was about. Slow on purpose: names are few, and could be tried."""
    return hashlib.scrypt(subject.encode("utf-8", "surrogatepass"), salt=salt, n=2**14, r=8, p=1, dklen=32)
