"""Very many people in a database, made up, each with several photos: enrolling them would take hours."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from PIL import Image

from bench.gallery import SPREAD
from facematch.faces.gallery import photo_set_id
from facematch.faces.models import weights_of
from facematch.server.people.models import Details, Photo, detail_columns, mean_of, photo_columns, to_bytes
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.schema import gallery, people, photos
from tests.rig.people import MODEL
from tests.rig.photographs import DATA, FACES, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

SIDE = 120
"""Pixels of a photo."""


def id_of(number: int) -> str:
    """Of one of them, from 0 on."""
    return f"p_{number:016x}"


async def enrol(database_file: Path, count: int, each: int) -> None:
    """Add so many people with so many photos to a web process's SQLite file, in one transaction.

    The web process may be at work meanwhile: it looks for changes of others, and publishes this one as any.
    """
    database = Database(sqlite_url(database_file))
    database.open()
    image = _picture()

    async def work(connection: AsyncConnection) -> None:
        for number in range(count):
            rows = list(_photos(number, each, image))
            await connection.execute(sa.insert(photos), rows)
            await connection.execute(sa.insert(people).values(_person(number, rows)))
        version = int(datetime.now(UTC).timestamp() * 1000)
        await connection.execute(sa.update(gallery).values(version=version, encoder=weights_of(MODEL)))

    await database.write(work)
    await database.aclose()


def _picture() -> bytes:
    """A face, as photos are kept."""
    left, top, width = FACES[REFERENCE]
    with Image.open(DATA / REFERENCE) as photograph:
        face = photograph.convert("RGB").crop((left - width // 4, top - width // 4, left + width, top + width))
    out = io.BytesIO()
    face.resize((SIDE, SIDE)).save(out, "jpeg", quality=80)
    return out.getvalue()


def _person(number: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **detail_columns(Details(f"Person {number:05}", basis="a measurement")),
        "id": id_of(number),
        "created_at": datetime.now(UTC),
        "photos": len(rows),
        "outliers": 0,
        "photo_set": photo_set_id(row["id"] for row in rows),
        "centroid": to_bytes(mean_of([row["embedding"] for row in rows])),
    }


def _photos(of: int, each: int, picture: bytes) -> Iterator[dict[str, Any]]:
    person, generator = id_of(of), np.random.default_rng(of)
    own = generator.normal(0.0, 0.1, 128)
    for number in range(each):
        image = picture + f"{person} {number}".encode()  # another file, the same picture
        digest = hashlib.sha256(image)
        photo = Photo(
            id=digest.hexdigest()[:16],
            person_id=person,
            origin_person_id=person,
            added_at=datetime.now(UTC),
            upload_hash=digest.digest(),
            source="made up",
            bbox=(20, SIDE - 20, SIDE - 20, 20),
            frame_size=(SIDE, SIDE),
            face_px=SIDE - 40,
            score=1.5,
            sharpness=0.2,
            weak=(),
            outlier=False,
            model=MODEL,
        )
        embedding = (own + generator.normal(0.0, SPREAD, 128)).astype(np.float32)
        yield {**photo_columns(photo), "embedding": to_bytes(embedding), "image": image}
