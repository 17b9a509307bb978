"""People and photos in the database, as they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from facematch.faces import gallery as faces
from facematch.server.people.models import (
    ENOUGH_PHOTOS,
    Person,
    Photo,
    from_bytes,
    name_key,
    person_of,
    photo_id_of,
    photo_of,
)
from facematch.server.storage.schema import event_people, events, gallery, people, photos

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.people.thumbnail import BBox
    from facematch.server.storage.database import Database

SOON: Final = timedelta(days=30)
"""How long before a person is erased they need attention."""

UNSEEN: Final = timedelta(days=365)
"""How long a person is kept who is not seen and has no `delete_at`, where nothing else is set."""

Attention = Literal["FEW_PHOTOS", "UNLIKE_THE_OTHERS", "NO_BASIS", "DELETE_SOON", "CONFUSABLE"]
"""Why somebody should look at a person. `CONFUSABLE` is not of the database: see `resemblance`."""

_OF_PHOTO = [photos.c[name] for name in Photo.__slots__]
"""Everything but the embedding and the picture."""
_IN_GALLERY = sa.and_(people.c.merged_into.is_(None), people.c.centroid.is_not(None))
_OF_GALLERY = [people.c[name] for name in ("id", "photo_set", "photos", "centroid", "rooms", "tolerance")]


@dataclass(frozen=True, slots=True)
class Query:
    """Which people are asked for."""

    search: str = ""
    """A part of the name."""
    attention: bool = False
    """Only those who need it."""
    confusable: Collection[str] = ()
    """Who needs it because somebody resembles them."""
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of the list."""

    people: Sequence[Person]
    total: int
    """Of those who were asked for."""
    needy: int
    """Of those of this name, how many need attention."""


class PeopleStore:
    """See the module. Every method raises `LogUnavailableError` when the database cannot be read now.

    Args:
        database: opened by whoever opens the event log.
        unseen: how long a person without `delete_at` is kept who is not seen.
    """

    def __init__(self, database: Database, unseen: timedelta = UNSEEN) -> None:
        self.database = database
        self.unseen = unseen

    async def _people(self, found: sa.Select[Any]) -> list[Person]:
        async def work(connection: AsyncConnection) -> list[Person]:
            return [person_of(row) for row in (await connection.execute(found)).mappings()]

        return await self.database.read(work)

    async def version(self) -> int:
        """Of the gallery."""
        [(version,)] = await self.database.rows(sa.select(gallery.c.version))
        return int(version)

    async def compared(self, ids: Collection[str] | None = None) -> tuple[int, str, list[faces.Person]]:
        """Who can be compared, with the gallery's version at that very moment.

        Args:
            ids: only these; None: everybody.

        Returns:
            The version, whose embeddings they are (see `models.weights_of`; empty: there are none), the people.
        """
        wanted = _IN_GALLERY if ids is None else sa.and_(_IN_GALLERY, people.c.id.in_(list(ids)))
        # One statement, so that version and people belong together on PostgreSQL, too.
        whole = sa.select(gallery.c.version, gallery.c.encoder, *_OF_GALLERY)

        async def work(connection: AsyncConnection) -> tuple[int, str, list[faces.Person]]:
            rows = (await connection.execute(whole.select_from(gallery.outerjoin(people, wanted)))).all()
            return int(rows[0].version), rows[0].encoder, [_compared(row) for row in rows if row.id is not None]

        return await self.database.read(work)

    async def listed(self, query: Query, now: datetime) -> Listed:
        """A part of the list: those who need attention first, then by name."""
        wanted: list[sa.ColumnElement[bool]] = [people.c.merged_into.is_(None)]
        if query.search:
            wanted.append(people.c.name_key.contains(name_key(query.search), autoescape=True))
        confusable = people.c.id.in_(list(query.confusable))
        needy = sa.case((sa.or_(*_needs(now, self.unseen).values(), confusable), 1), else_=0).label("needy")
        found = sa.select(people, needy).where(*wanted).subquery()
        counts = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(found.c.needy), 0)).select_from(found)
        page = sa.select(found).order_by(found.c.needy.desc(), found.c.name_key, found.c.id)
        if query.attention:
            page = page.where(found.c.needy == 1)

        async def work(connection: AsyncConnection) -> Listed:
            [(total, need)] = await connection.execute(counts)
            rows = await connection.execute(page.offset(query.offset).limit(query.limit))
            shown = [person_of(row) for row in rows.mappings()]
            return Listed(shown, int(need if query.attention else total), int(need))

        return await self.database.read(work)

    async def person(self, id_: str) -> Person | None:
        """One of them; None: there is none of this id, or they were merged into another."""
        found = sa.select(people).where(people.c.id == id_, people.c.merged_into.is_(None))
        return next(iter(await self._people(found)), None)

    async def named(self, name: str) -> list[Person]:
        """Those of exactly this name, the oldest first."""
        found = sa.select(people).where(people.c.name_key == name_key(name), people.c.merged_into.is_(None))
        found = found.order_by(people.c.created_at, people.c.id)
        return await self._people(found)

    async def merged_into(self, id_: str) -> list[Person]:
        """Whose photos are this person's now."""
        found = sa.select(people).where(people.c.merged_into == id_).order_by(people.c.id)
        return await self._people(found)

    async def photos(self, person_id: str) -> list[Photo]:
        """A person's, the oldest first."""
        found = sa.select(*_OF_PHOTO).where(photos.c.person_id == person_id).order_by(photos.c.added_at, photos.c.id)

        async def work(connection: AsyncConnection) -> list[Photo]:
            return [photo_of(row) for row in (await connection.execute(found)).mappings()]

        return await self.database.read(work)

    async def twin(self, digest: bytes) -> tuple[str, str] | None:
        """The photo, and whose it is, that was made of a file with this SHA-256, or is that file; None: none is."""
        same = sa.or_(photos.c.upload_hash == digest, photos.c.id == photo_id_of(digest))
        rows = await self.database.rows(sa.select(photos.c.id, photos.c.person_id).where(same).limit(1))
        return (rows[0][0], rows[0][1]) if rows else None

    async def portraits(self, ids: Collection[str]) -> dict[str, str]:
        """The portrait of each of these people who has any photo."""
        found = sa.select(people.c.id, portrait_of(people.c.id)).where(people.c.id.in_(list(ids)), people.c.photos > 0)
        return {row[0]: row[1] for row in await self.database.rows(found) if row[1] is not None}

    async def called(self, ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """The id and name of these people, those of whom they were merged into; without those who are not there."""
        into = people.alias("into")
        found = sa.select(people.c.id, into.c.id, into.c.name)
        found = found.join(into, into.c.id == sa.func.coalesce(people.c.merged_into, people.c.id))
        rows = await self.database.rows(found.where(people.c.id.in_(list(ids)))) if ids else []
        return {id_: (now, name) for id_, now, name in rows}

    async def image(self, person_id: str, photo_id: str) -> bytes | None:
        """A photo's picture; None: they have no such photo."""
        found = sa.select(photos.c.image).where(photos.c.person_id == person_id, photos.c.id == photo_id)
        rows = await self.database.rows(found)
        return bytes(rows[0][0]) if rows else None

    async def face(self, person_id: str, photo_id: str) -> tuple[bytes, BBox] | None:
        """A photo's picture and where the face in it is; None: they have no such photo."""
        found = sa.select(photos.c.image, photos.c.bbox)
        rows = await self.database.rows(found.where(photos.c.person_id == person_id, photos.c.id == photo_id))
        return (bytes(rows[0][0]), tuple(json.loads(rows[0][1]))) if rows else None

    async def embeddings(self, person_id: str) -> dict[str, bytes]:
        """By photo, as they are kept."""
        found = sa.select(photos.c.id, photos.c.embedding).where(photos.c.person_id == person_id)
        return {id_: bytes(kept) for id_, kept in await self.database.rows(found.order_by(photos.c.id))}

    async def all_embeddings(self) -> list[tuple[str, str, bytes]]:
        """Person, photo and embedding of everybody: half a kilobyte each."""
        found = sa.select(photos.c.person_id, photos.c.id, photos.c.embedding).order_by(photos.c.person_id, photos.c.id)
        return [(person, id_, bytes(kept)) for person, id_, kept in await self.database.rows(found)]

    async def ids_after(self, id_: str, limit: int) -> list[str]:
        """The next ids in their order, of those who were not merged into others."""
        found = sa.select(people.c.id).where(people.c.id > id_, people.c.merged_into.is_(None))
        return [row[0] for row in await self.database.rows(found.order_by(people.c.id).limit(limit))]

    async def those(self, ids: Collection[str]) -> list[Person]:
        """The people of these ids, in the order of the ids."""
        found = sa.select(people).where(people.c.id.in_(list(ids)), people.c.merged_into.is_(None))
        return await self._people(found.order_by(people.c.id))

    async def events_of(self, ids: Collection[str], after: int, limit: int) -> list[tuple[int, str]]:
        """Position and text of the first events after a position that name any of these people."""
        theirs = sa.select(event_people.c.cursor).where(event_people.c.person_id.in_(list(ids)))
        found = sa.select(events.c.cursor, events.c.body).where(events.c.cursor.in_(theirs), events.c.cursor > after)
        rows = await self.database.rows(found.order_by(events.c.cursor).limit(limit))
        return [(int(cursor), body) for cursor, body in rows]

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Whose time to be erased has come."""
        found = sa.select(people.c.id).where(_goes_by(now, self.unseen), people.c.merged_into.is_(None))
        return [row[0] for row in await self.database.rows(found.order_by(people.c.id).limit(limit))]


def portrait_of(person: sa.ColumnElement[str]) -> sa.ScalarSelect[Any]:
    """The id of the photo by which a person is shown, as part of a statement about them: one that is like the others,
    if there is any.
    """
    theirs = sa.select(photos.c.id).where(photos.c.person_id == person)
    return theirs.order_by(photos.c.outlier, photos.c.id).limit(1).scalar_subquery()


def _goes_by(when: datetime, unseen: timedelta) -> sa.ColumnElement[bool]:
    """See `Person.erased_at`."""
    seen = sa.func.coalesce(people.c.last_seen_at, people.c.created_at, type_=people.c.created_at.type)
    return sa.or_(people.c.delete_at <= when, sa.and_(people.c.delete_at.is_(None), seen <= when - unseen))


def attention(person: Person, now: datetime, unseen: timedelta = UNSEEN) -> list[Attention]:
    """Why somebody should look at a person; empty: nobody needs to."""
    details = person.details
    found: dict[Attention, bool] = {
        "FEW_PHOTOS": person.photos < ENOUGH_PHOTOS,
        "UNLIKE_THE_OTHERS": person.outliers > 0,
        "NO_BASIS": not details.basis and details.consent is None,
        "DELETE_SOON": person.erased_at(unseen) <= now + SOON,
    }
    return [reason for reason, holds in found.items() if holds]


def _needs(now: datetime, unseen: timedelta) -> dict[Attention, sa.ColumnElement[bool]]:
    """The same in SQL."""
    return {
        "FEW_PHOTOS": people.c.photos < ENOUGH_PHOTOS,
        "UNLIKE_THE_OTHERS": people.c.outliers > 0,
        "NO_BASIS": sa.and_(people.c.basis == "", people.c.consent.is_(None)),
        "DELETE_SOON": _goes_by(now + SOON, unseen),
    }


def _compared(row: Any) -> faces.Person:
    return faces.Person(
        row.id, row.photo_set, row.photos, from_bytes(row.centroid), frozenset(json.loads(row.rooms)), row.tolerance
    )
