"""Unknown faces in the database: the best picture of each, for a day, a few of them; those alike are one group.

They go with their participant's erasure or consent, with the erasure of a person whom they resemble, and when somebody
has said who they are. What was dismissed leaves its embedding for the rest of the day, so as not to come back.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import numpy as np
import sqlalchemy as sa

from facematch.protocol.embeddings import unpacked
from facematch.protocol.events import ParticipantChange
from facematch.runtime.clock import wall_clock
from facematch.server.people.models import from_bytes, to_bytes
from facematch.server.storage.schema import in_utc, photos, text_of, unknown_faces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray
    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.protocol.unknown_faces import UnknownFaceSeen
    from facematch.server.storage.database import Database
    from facematch.server.storage.position import Position

KEPT: Final = timedelta(hours=24)
"""From when the picture was taken."""
MOST: Final = 200
"""Of those that are shown; the oldest go first."""
ALIKE: Final = 0.5
"""Distance within which two means of looks are of one face: of one person they are farther once in a thousand."""
RESEMBLES: Final = 0.6
"""Distance from a photo within which a face goes with the erasure of its person: rather one too many."""

_IMAGE_GONE: Final = b""


@dataclass(frozen=True, slots=True)
class UnknownFace:
    """One of them."""

    id: str
    group_id: str
    """The same for faces that are alike."""
    room: str
    identity: str
    name: str
    first_at: datetime
    at: datetime
    """When the picture was taken."""


class UnknownFaces:
    """See the module. Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: of the event log, opened with it.
        now: aware time; injected by tests.
    """

    def __init__(self, database: Database, now: Callable[[], datetime] = wall_clock) -> None:
        self._database = database
        self._now = now

    async def keep(self, seen: UnknownFaceSeen) -> bool:
        """Take a face, unless a better picture of it is there, or it was dismissed. Returns whether it was taken."""
        at, embedding = in_utc(seen.at), unpacked(seen.embedding)
        who = {"room": text_of(seen.room), "identity": text_of(seen.participant_identity)}
        values = {
            "name": text_of(seen.participant_name),
            "at": at,
            "encoder": seen.encoder,
            "quality": seen.quality,
            "embedding": to_bytes(embedding),
            "image": b64decode(seen.image),
        }

        async def work(connection: AsyncConnection) -> bool:
            await connection.execute(sa.delete(unknown_faces).where(unknown_faces.c.at < self._now() - KEPT))
            if at < self._now() - KEPT:
                return False
            found = sa.select(unknown_faces).where(unknown_faces.c.encoder == seen.encoder)
            rows = (await connection.execute(found)).mappings().all()
            alike = [row for row in rows if _distance(row["embedding"], embedding) <= ALIKE]
            if any(not row["image"] for row in alike):
                return False
            own = next((row for row in alike if (row["room"], row["identity"]) == tuple(who.values())), None)
            if own is not None:
                if own["quality"] >= seen.quality:
                    return False
                better = sa.update(unknown_faces).where(unknown_faces.c.id == own["id"])
                await connection.execute(better.values(**values))
                return True
            nearest = min(alike, key=lambda row: _distance(row["embedding"], embedding), default=None)
            id_ = uuid4().hex
            group = nearest["group_id"] if nearest is not None else id_
            await connection.execute(
                sa.insert(unknown_faces).values(id=id_, group_id=group, first_at=at, **who, **values)
            )
            await _trim(connection)
            return True

        return await self._database.write(work)

    async def shown(self) -> list[UnknownFace]:
        """Those that there are, group by group, the latest first."""
        names = ("id", "group_id", "room", "identity", "name", "first_at", "at")
        found = sa.select(*(unknown_faces.c[name] for name in names))
        found = found.where(unknown_faces.c.at >= self._now() - KEPT, unknown_faces.c.image != _IMAGE_GONE)
        faces = [UnknownFace(*row) for row in await self._database.rows(found)]
        latest: dict[str, datetime] = {}
        for face in faces:
            latest[face.group_id] = max(face.at, latest.get(face.group_id, face.at))
        return sorted(faces, key=lambda one: (latest[one.group_id], one.group_id, one.at, one.id), reverse=True)

    async def image(self, id_: str) -> bytes | None:
        """The picture, as JPEG; None: there is none (any more)."""
        found = sa.select(unknown_faces.c.image).where(
            unknown_faces.c.id == id_, unknown_faces.c.at >= self._now() - KEPT
        )
        rows = await self._database.rows(found)
        return bytes(rows[0][0]) or None if rows else None

    async def remove(self, id_: str) -> None:
        """Somebody has said who it is."""
        await self._database.execute(sa.delete(unknown_faces).where(unknown_faces.c.id == id_))

    async def dismiss(self, id_: str) -> bool:
        """Nobody wants to know: the pictures of its whole group go. Returns whether there was one."""
        group = sa.select(unknown_faces.c.group_id).where(unknown_faces.c.id == id_).scalar_subquery()
        gone = sa.update(unknown_faces).where(unknown_faces.c.group_id == group, unknown_faces.c.image != _IMAGE_GONE)
        return await self._database.execute(gone.values(image=_IMAGE_GONE)) > 0

    async def forget(self, identity: str) -> int:
        """Of a participant nothing may be kept. Returns how many there were."""
        return await self._database.execute(_of(identity))

    async def forget_people(self, ids: Sequence[str]) -> int:
        """Those go that resemble people who are about to be erased. Returns how many there were."""

        async def work(connection: AsyncConnection) -> int:
            theirs = sa.select(photos.c.embedding).where(photos.c.person_id.in_([text_of(one) for one in ids]))
            embeddings = [from_bytes(row[0]) for row in await connection.execute(theirs)]
            rows = await connection.execute(sa.select(unknown_faces.c.id, unknown_faces.c.embedding))
            near = [id_ for id_, kept in rows if any(_distance(kept, one) <= RESEMBLES for one in embeddings)]
            for id_ in near:
                await connection.execute(sa.delete(unknown_faces).where(unknown_faces.c.id == id_))
            return len(near)

        return await self._database.write(work)

    async def catch_up(self, database: Database) -> None:
        """Nothing: what was withdrawn while no fold was there has expired, or is withdrawn still."""

    async def fold(
        self, connection: AsyncConnection, before: Position, new: Sequence[tuple[int, Event]]
    ) -> Sequence[Event]:
        """Whoever withdraws, of them nothing is kept: in the transaction that says so. See `events.store.Derived`."""
        del before
        for _, event in new:
            if isinstance(event, ParticipantChange) and event.change == "consent_withdrawn":
                await connection.execute(_of(event.participant_identity or event.participant_name))
        return ()

    def doubt(self) -> None:
        """Nothing is remembered."""


def _of(identity: str) -> sa.Delete:
    return sa.delete(unknown_faces).where(unknown_faces.c.identity == text_of(identity))


def _distance(kept: bytes, embedding: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(from_bytes(kept) - embedding))


async def _trim(connection: AsyncConnection) -> None:
    latest = sa.select(unknown_faces.c.id).order_by(unknown_faces.c.at.desc(), unknown_faces.c.id).limit(MOST)
    keep = [row[0] for row in await connection.execute(latest)]
    await connection.execute(sa.delete(unknown_faces).where(unknown_faces.c.id.not_in(keep)))
