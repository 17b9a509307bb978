"""What was erased, and what is still to be erased elsewhere: rows that outlive the process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import sqlalchemy as sa

from facematch.server.events.purge import Kind, Subject
from facematch.server.storage.schema import erasures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from facematch.server.storage.database import Database


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

    async def begin(self, subject: Subject, at: datetime, by: str) -> Pending:
        """Something is to be erased. From now on it is, whatever happens.

        Args:
            subject: what.
            at: now.
            by: a role.
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
        await self._database.execute(sa.insert(erasures).values(row))
        return Pending(UUID(str(row["id"])), subject, at)

    async def withdraw(self, id_: UUID) -> None:
        """It is not to be erased after all."""
        await self._database.execute(sa.delete(erasures).where(erasures.c.id == id_))

    async def add(self, id_: UUID, events: int, snapshots: int) -> None:
        """More was removed."""
        new = {"events": erasures.c.events + events, "snapshots": erasures.c.snapshots + snapshots}
        await self._database.execute(sa.update(erasures).where(erasures.c.id == id_).values(new))

    async def finish(self, id_: UUID, undelivered: int, at: datetime) -> None:
        """Nothing is left. Whose it was is forgotten."""
        new = {"undelivered_events": undelivered, "done_at": at, "subject": None}
        await self._database.execute(sa.update(erasures).where(erasures.c.id == id_).values(new))

    async def pending(self) -> Sequence[Pending]:
        """What the recognizer has still to be told, the oldest first."""
        columns = sa.select(erasures.c.id, erasures.c.kind, erasures.c.subject, erasures.c.requested_at)
        rows = columns.where(erasures.c.subject.is_not(None)).order_by(erasures.c.requested_at)
        return [
            Pending(id_, Subject(kind, json.loads(text)), at) for id_, kind, text, at in await self._database.rows(rows)
        ]

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
