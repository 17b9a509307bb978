"""Changing people and photos: each change in one transaction with the gallery's next version.

Who changes anything locks the gallery's row first. So there is one change at a time, also among several processes, and
versions rise in the order in which changes become visible. A version is at least the time in milliseconds: also a
database that was put back from a copy gives none out again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from facematch.faces.gallery import photo_set_id
from facematch.faces.models import weights_of
from facematch.runtime.clock import wall_clock
from facematch.server.people.likeness import distance, furthest, outliers
from facematch.server.people.models import (
    MOST_PEOPLE,
    MOST_PHOTOS,
    Details,
    Person,
    Photo,
    detail_columns,
    from_bytes,
    mean_of,
    new_person_id,
    person_of,
    photo_columns,
    photo_id_of,
    to_bytes,
)
from facematch.server.people.refusals import NoSuchPersonError, NoSuchPhotoError, PeopleFullError, PhotoRefusedError
from facematch.server.storage.bell import Bell, ring
from facematch.server.storage.schema import erased_photos, gallery, people, photos

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed."""

    before: int
    """The version that it was made upon."""
    version: int
    ids: frozenset[str]
    """Of the people whom it was about."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo that may become one of a person's."""

    photo: Photo
    embedding: bytes
    image: bytes
    anyway: frozenset[str] = frozenset()
    """Codes of refusals that whoever sends it has read."""


class PeopleChanges:
    """See the module. Every method raises `LogUnavailableError` when the database takes nothing now, and then nothing
    was changed.

    Args:
        database: opened by whoever opens the event log.
        told: called with each change when it is on the disk.
        now: aware time; injected by tests.
    """

    def __init__(
        self, database: Database, told: Callable[[Change], None], now: Callable[[], datetime] = wall_clock
    ) -> None:
        self._database = database
        self._told = told
        self._now = now

    async def create(self, details: Details) -> Person:
        """A new person.

        Raises:
            PeopleFullError: there are as many as there may be.
        """
        person = Person(new_person_id(), details, self._now(), None, None, photos=0, outliers=0)

        async def work(connection: AsyncConnection) -> Person:
            await _room_for_one(connection)
            await connection.execute(sa.insert(people).values(_row(person)))
            return person

        return await self._change({person.id}, work)

    async def update(self, id_: str, changed: Callable[[Details], Details]) -> Person:
        """Other details of a person.

        Args:
            id_: whose.
            changed: makes them of those that are known.

        Raises:
            NoSuchPersonError: there is none of this id.
        """

        async def work(connection: AsyncConnection) -> Person:
            person = await _person(connection, id_)
            details = changed(person.details)
            await connection.execute(sa.update(people).where(people.c.id == id_).values(detail_columns(details)))
            return replace(person, details=details)

        return await self._change({id_}, work)

    async def add(self, new: NewPhoto) -> Photo:
        """One more photo of a person.

        Raises:
            NoSuchPersonError: there is no such person.
            PhotoRefusedError: it is not taken; says why.
        """
        photo = new.photo

        async def work(connection: AsyncConnection) -> Photo:
            await _person(connection, photo.person_id)
            kept = await _embeddings(connection, photo.person_id)
            await _check_new(connection, new, kept)
            await _check_encoder(connection, weights_of(photo.model))
            row = {**photo_columns(photo), "embedding": new.embedding, "image": new.image}
            await connection.execute(sa.insert(photos).values(row))
            await _recompute(connection, photo.person_id)
            unlike = sa.select(photos.c.outlier).where(photos.c.id == photo.id)
            return replace(photo, outlier=(await connection.execute(unlike)).scalar_one())

        return await self._change({photo.person_id}, work)

    async def remove(self, person_id: str, photo_id: str) -> None:
        """One photo less. Its bytes are known from now on, so that it does not come back unnoticed.

        Raises:
            NoSuchPersonError, NoSuchPhotoError: there is no such person or photo.
        """

        async def work(connection: AsyncConnection) -> None:
            await _person(connection, person_id)
            of_them = sa.and_(photos.c.person_id == person_id, photos.c.id == photo_id)
            await _remember(connection, of_them)
            if not (await connection.execute(sa.delete(photos).where(of_them))).rowcount:
                raise NoSuchPhotoError
            await _recompute(connection, person_id)

        await self._change({person_id}, work)

    async def merge(self, into: str, other: str) -> Person:
        """Two people are one: the other's photos are theirs from now on, and know whose they were.

        The other keeps their details and comes back with their photos by `split`.

        Raises:
            NoSuchPersonError: there is no such person, or both are the same.
        """

        async def work(connection: AsyncConnection) -> Person:
            await _person(connection, into)
            if into == other:
                raise NoSuchPersonError
            await _person(connection, other)
            everyone = sa.or_(people.c.id == other, people.c.merged_into == other)
            await connection.execute(sa.update(people).where(everyone).values(merged_into=into))
            moved = sa.update(photos).where(photos.c.person_id == other).values(person_id=into)
            await connection.execute(moved)
            await _recompute(connection, other)
            await _recompute(connection, into)
            return await _person(connection, into)

        return await self._change({into, other}, work)

    async def split(self, id_: str, wanted: Collection[str], name: str | None) -> Person:
        """Some photos of a person are somebody else's.

        Who was merged into them comes back, when all of the photos were theirs; else it is a new person.

        Args:
            id_: whose photos they are now.
            wanted: ids of photos, at least one.
            name: of a new person; None: the same name.

        Raises:
            NoSuchPersonError, NoSuchPhotoError: there is no such person, or one of the photos is not theirs.
            PeopleFullError: there are as many people as there may be.
        """
        touched = {id_}

        async def work(connection: AsyncConnection) -> Person:
            person = await _person(connection, id_)
            chosen = sa.and_(photos.c.person_id == id_, photos.c.id.in_(list(wanted)))
            origins = (await connection.execute(sa.select(photos.c.origin_person_id).where(chosen))).scalars().all()
            if not wanted or len(origins) != len(set(wanted)):
                raise NoSuchPhotoError
            other = await _comes_back(connection, id_, set(origins))
            if other is None:
                await _room_for_one(connection)
                details = replace(person.details, name=name or person.details.name)
                new = Person(new_person_id(), details, self._now(), person.last_seen_at, None, photos=0, outliers=0)
                await connection.execute(sa.insert(people).values(_row(new)))
                other = new.id
            move = {"person_id": other, "origin_person_id": other}
            await connection.execute(sa.update(photos).where(chosen).values(move))
            touched.add(other)
            await _recompute(connection, id_)
            await _recompute(connection, other)
            return await _person(connection, other)

        return await self._change(touched, work)

    async def erase(self, ids: Sequence[str]) -> int:
        """People and all of their photos are gone; ids that are not there are no matter.

        Returns:
            How many photos there were.
        """

        async def work(connection: AsyncConnection) -> int:
            theirs = photos.c.person_id.in_(list(ids))
            await _remember(connection, theirs)
            gone: int = (await connection.execute(sa.delete(photos).where(theirs))).rowcount
            await connection.execute(sa.delete(people).where(people.c.id.in_(list(ids))))
            return gone

        return await self._change(set(ids), work)

    async def _change(self, ids: set[str], work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Run `work` under the lock, and give the gallery its next version."""
        least = int(self._now().timestamp() * 1000)

        async def whole(connection: AsyncConnection) -> tuple[_T, int, int]:
            before = (await connection.execute(sa.select(gallery.c.version).with_for_update())).scalar_one()
            made = await work(connection)
            version = max(before + 1, least)
            await connection.execute(sa.update(gallery).values(version=version))
            await ring(connection, Bell.GALLERY)
            return made, before, version

        made, before, version = await self._database.write(whole)
        self._told(Change(before, version, frozenset(ids)))
        return made


def _row(person: Person) -> dict[str, Any]:
    return {
        **detail_columns(person.details),
        "id": person.id,
        "created_at": person.created_at,
        "last_seen_at": person.last_seen_at,
        "photos": 0,
        "outliers": 0,
    }


async def _person(connection: AsyncConnection, id_: str) -> Person:
    found = sa.select(people).where(people.c.id == id_, people.c.merged_into.is_(None))
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NoSuchPersonError
    return person_of(row)


async def _room_for_one(connection: AsyncConnection) -> None:
    if (await connection.execute(sa.select(sa.func.count()).select_from(people))).scalar_one() >= MOST_PEOPLE:
        raise PeopleFullError


async def _embeddings(connection: AsyncConnection, person_id: str) -> dict[str, bytes]:
    found = sa.select(photos.c.id, photos.c.embedding).where(photos.c.person_id == person_id).order_by(photos.c.id)
    return {row.id: bytes(row.embedding) for row in await connection.execute(found)}


async def _check_new(connection: AsyncConnection, new: NewPhoto, kept: dict[str, bytes]) -> None:
    """Return if this photo may be added to those.

    Raises:
        PhotoRefusedError: it may not.
    """
    photo = new.photo
    known = [photo.id, photo_id_of(photo.upload_hash)]  # an exported picture that is sent again is one, too
    same = sa.or_(photos.c.id.in_(known), photos.c.upload_hash == photo.upload_hash)
    twin = sa.select(photos.c.id, photos.c.person_id).where(same).limit(1)
    if (found := (await connection.execute(twin)).one_or_none()) is not None:
        raise PhotoRefusedError.duplicate(found.id, found.person_id, theirs=found.person_id == photo.person_id)
    if len(kept) >= MOST_PHOTOS:
        raise PhotoRefusedError("TOO_MANY_PHOTOS", f"There are {MOST_PHOTOS} photos already. Delete one first.")
    if "ERASED_BEFORE" not in new.anyway and await _was_erased(connection, photo.upload_hash):
        raise PhotoRefusedError(
            "ERASED_BEFORE", "This very photo was deleted before. Add it only if it may be kept again."
        )
    if kept and "UNLIKE_THE_OTHERS" not in new.anyway:
        far = distance(from_bytes(new.embedding), mean_of(list(kept.values())))
        if far > furthest(len(kept)):
            raise PhotoRefusedError.unlike(far, len(kept))


async def _check_encoder(connection: AsyncConnection, encoder: str) -> None:
    """Return if all embeddings can be compared with each other.

    Raises:
        PhotoRefusedError: they were made with another encoder.
    """
    known = (await connection.execute(sa.select(gallery.c.encoder))).scalar_one()
    if known == encoder:
        return
    if (await connection.execute(sa.select(photos.c.id).limit(1))).one_or_none() is not None:
        raise PhotoRefusedError(
            "OTHER_ENCODER",
            f"The photos here were enrolled with another encoder ({known}). Set FACE_ENCODER back, or erase the "
            "people and enrol them anew.",
        )
    await connection.execute(sa.update(gallery).values(encoder=encoder))


async def _was_erased(connection: AsyncConnection, digest: bytes) -> bool:
    key = (await connection.execute(sa.select(gallery.c.erased_key))).scalar_one()
    found = sa.select(erased_photos.c.hash).where(erased_photos.c.hash == _keyed(key, digest))
    return (await connection.execute(found)).one_or_none() is not None


async def _remember(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    """Keep a keyed hash of the bytes of these photos, of those that were sent and of those that were kept."""
    key = (await connection.execute(sa.select(gallery.c.erased_key))).scalar_one()
    hashes: set[bytes] = set()
    for id_, digest in (await connection.execute(sa.select(photos.c.id, photos.c.upload_hash).where(which))).all():
        image = (await connection.execute(sa.select(photos.c.image).where(photos.c.id == id_))).scalar_one()
        hashes |= {_keyed(key, digest), _keyed(key, hashlib.sha256(image).digest())}
    known = (
        await connection.execute(sa.select(erased_photos.c.hash).where(erased_photos.c.hash.in_(hashes)))
    ).scalars()
    if new := hashes - {bytes(one) for one in known}:
        await connection.execute(sa.insert(erased_photos), [{"hash": one} for one in sorted(new)])


def _keyed(key: bytes, digest: bytes) -> bytes:
    return hmac.digest(bytes(key), bytes(digest), "sha256")


async def _comes_back(connection: AsyncConnection, id_: str, origins: set[str]) -> str | None:
    """Who was merged into a person and comes back with photos of these origins; None: nobody."""
    if len(origins) != 1:
        return None
    back = sa.update(people).where(people.c.id.in_(list(origins)), people.c.merged_into == id_)
    return origins.pop() if (await connection.execute(back.values(merged_into=None))).rowcount else None


async def _recompute(connection: AsyncConnection, person_id: str) -> None:
    """What is kept of a person for all of their photos together."""
    kept = await _embeddings(connection, person_id)
    unlike = outliers({id_: from_bytes(embedding) for id_, embedding in kept.items()})
    theirs = photos.c.person_id == person_id
    for flag, which in ((True, photos.c.id.in_(unlike)), (False, photos.c.id.not_in(unlike))):
        changed = sa.update(photos).where(theirs, which, photos.c.outlier.is_not(flag)).values(outlier=flag)
        await connection.execute(changed)
    values = {
        "photos": len(kept),
        "outliers": len(unlike),
        "photo_set": photo_set_id(kept) if kept else None,
        "centroid": to_bytes(mean_of(list(kept.values()))) if kept else None,
    }
    await connection.execute(sa.update(people).where(people.c.id == person_id).values(values))
