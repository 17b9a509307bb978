"""Everybody, or everything held about one person, as a zip that is written while it is sent."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.server.people.archive import CSV_NAME, folders_of, table_of
from facematch.server.people.models import from_bytes
from facematch.server.people.zip_parts import Sink, entry, rows_of, text_of_json
from facematch.server.storage.schema import event_people, metadata, photos, presence, sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from facematch.server.people.models import Person, Photo
    from facematch.server.people.store import PeopleStore
    from facematch.server.snapshots.storage import Snapshot

AT_ONCE: Final = 500
"""Events, or people, of one question to the database."""


async def everybody(store: PeopleStore, now: datetime) -> AsyncIterator[bytes]:
    """A zip that the import takes: a folder of photos for each person, and people.csv.

    Raises:
        OSError: the database is away; what was sent until then is no whole zip.
    """
    people: list[Person] = []
    while ids := await store.ids_after(people[-1].id if people else "", AT_ONCE):
        people += await store.those(ids)
    folders = folders_of(people)
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(entry(CSV_NAME, now), table_of(folders))
        for folder, person in folders:
            async for photo, image in _images(store, person.id):
                archive.writestr(entry(f"{folder}/{photo.id}.jpg", now), image)
                yield sink.taken()
    yield sink.taken()


async def one(
    store: PeopleStore, person: Person, now: datetime, snapshot: Callable[[str], Awaitable[Snapshot | None]]
) -> AsyncIterator[bytes]:
    """A zip of everything held about one person: details, photos, embeddings, the events that name them with their
    snapshots, and a file for each table that does.

    Args:
        store: where people are read.
        person: whose.
        now: aware time.
        snapshot: reads one by its name; None: it has gone.

    Raises:
        OSError: the database is away; what was sent until then is no whole zip.
    """
    merged = await store.merged_into(person.id)
    embeddings = await store.embeddings(person.id)
    sink = Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        told = {"person": asdict(person), "merged": [asdict(other) for other in merged]}
        archive.writestr(entry("person.json", now), text_of_json(told))
        photos = []
        async for photo, image in _images(store, person.id):
            shown = {**asdict(photo), "embedding": from_bytes(embeddings[photo.id]).tolist()}
            photos.append({**shown, "upload_hash": photo.upload_hash.hex()})
            archive.writestr(entry(f"photos/{photo.id}.jpg", now), image)
            yield sink.taken()
        archive.writestr(entry("photos.json", now), text_of_json(photos))
        ids = [person.id, *(other.id for other in merged)]
        async for number, bodies in _events(store, ids):
            archive.writestr(entry(f"events-{number}.json", now), "[" + ",\n".join(bodies) + "]\n")
            yield sink.taken()
            for name in _snapshots(bodies, ids):
                if (picture := await snapshot(name)) is not None:
                    archive.writestr(entry(f"snapshots/{name}", now), picture.data)
                    yield sink.taken()
        for table, whose in _naming(ids):
            archive.writestr(
                entry(f"{table.name}.json", now), text_of_json(await rows_of(store.database, table, whose))
            )
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


def _snapshots(bodies: Sequence[str], ids: Collection[str]) -> list[str]:
    """Of the Matches of these people, each once: the Matches of one look share one."""
    matches = (json.loads(body) for body in bodies)
    names = {match["snapshot"] for match in matches if match.get("person_id") in ids and match.get("snapshot")}
    return sorted(names)


def _naming(ids: Sequence[str]) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """The tables that name people, and which of their rows name these; but for what is exported in another form, and
    for logins, which are secrets.
    """
    for table in metadata.sorted_tables:
        columns = [column for column in table.c if column.name.endswith("person_id")]
        if columns and table not in (photos, event_people, sessions):
            yield table, sa.or_(*(column.in_(ids) for column in columns))
    yield presence, sa.or_(*(presence.c.people.contains(f'"{id_}"', autoescape=True) for id_ in ids))
