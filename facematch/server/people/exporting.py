"""Everybody, or everything held about one person, as a zip that is written while it is sent."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from facematch.server.people.archive import CSV_NAME, folders_of, table_of
from facematch.server.people.models import from_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from facematch.server.people.models import Person, Photo
    from facematch.server.people.store import PeopleStore

AT_ONCE: Final = 500
"""Events, or people, of one question to the database."""


class _Sink:
    """Where the zip is written: what was written is taken away at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """A zip wants it."""

    def close(self) -> None:
        """The same."""

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


async def everybody(store: PeopleStore, now: datetime) -> AsyncIterator[bytes]:
    """A zip that the import takes: a folder of photos for each person, and people.csv.

    Raises:
        OSError: the database is away; what was sent until then is no whole zip.
    """
    people: list[Person] = []
    while ids := await store.ids_after(people[-1].id if people else "", AT_ONCE):
        people += await store.those(ids)
    folders = folders_of(people)
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(_entry(CSV_NAME, now), table_of(folders))
        for folder, person in folders:
            async for photo, image in _images(store, person.id):
                archive.writestr(_entry(f"{folder}/{photo.id}.jpg", now), image)
                yield sink.taken()
    yield sink.taken()


async def one(store: PeopleStore, person: Person, now: datetime) -> AsyncIterator[bytes]:
    """A zip of everything held about one person: details, photos, embeddings, and the events that name them.

    Raises:
        OSError: the database is away; what was sent until then is no whole zip.
    """
    merged = await store.merged_into(person.id)
    embeddings = await store.embeddings(person.id)
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        told = {"person": asdict(person), "merged": [asdict(other) for other in merged]}
        archive.writestr(_entry("person.json", now), _json(told))
        photos = []
        async for photo, image in _images(store, person.id):
            shown = {**asdict(photo), "embedding": from_bytes(embeddings[photo.id]).tolist()}
            photos.append({**shown, "upload_hash": photo.upload_hash.hex()})
            archive.writestr(_entry(f"photos/{photo.id}.jpg", now), image)
            yield sink.taken()
        archive.writestr(_entry("photos.json", now), _json(photos))
        async for number, bodies in _events(store, [person.id, *(other.id for other in merged)]):
            archive.writestr(_entry(f"events-{number}.json", now), "[" + ",\n".join(bodies) + "]\n")
            yield sink.taken()
    yield sink.taken()


async def _images(store: PeopleStore, person_id: str) -> AsyncIterator[tuple[Photo, bytes]]:
    for photo in await store.photos(person_id):
        if (image := await store.image(person_id, photo.id)) is not None:  # deleted meanwhile
            yield photo, image


async def _events(store: PeopleStore, ids: list[str]) -> AsyncIterator[tuple[int, list[str]]]:
    """Numbered parts of the events that name these people."""
    after, number = 0, 0
    while found := await store.events_of(ids, after, AT_ONCE):
        after, number = found[-1][0], number + 1
        yield number, [body for _, body in found]


def _entry(name: str, now: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, now.timetuple()[:6])
    entry.external_attr = 0o600 << 16
    return entry


def _json(what: Any) -> str:
    return json.dumps(what, indent=2, ensure_ascii=False, default=str) + "\n"
