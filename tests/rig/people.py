"""People for tests of the web process: photos with generated embeddings, and a database that holds them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from facematch.faces.reference import reference_id
from facematch.server.people.changes import Change, NewPhoto, PeopleChanges
from facematch.server.people.current import CurrentGallery
from facematch.server.people.models import Details, Photo, to_bytes
from facematch.server.people.store import PeopleStore
from tests.rig.embeddings import axis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facematch.server.people.models import Person
    from facematch.server.storage.database import Database

MODEL = "dlib_face_recognition_resnet_model_v1/onnx"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def new_photo(person_id: str, what: bytes, embedding: NDArray[np.float32] | None = None, *anyway: str) -> NewPhoto:
    """A photo whose upload is `what`, and whose stored image is something else."""
    image = b"stored " + what
    photo = Photo(
        id=reference_id(image),
        person_id=person_id,
        origin_person_id=person_id,
        added_at=NOON,
        upload_hash=hashlib.sha256(what).digest(),
        source="test",
        bbox=(10, 90, 90, 10),
        frame_size=(100, 120),
        face_px=80,
        score=1.5,
        sharpness=0.2,
        weak=(("BLURRED", "The face is blurred."),),
        outlier=False,
        model=MODEL,
    )
    return NewPhoto(photo, to_bytes(axis(0) if embedding is None else embedding), image, frozenset(anyway))


@dataclass
class Enrolled:
    """A database of people, changed and read without a web."""

    database: Database
    now: datetime = NOON
    told: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = PeopleStore(self.database)
        self.current = CurrentGallery(self.store)
        self.changes = PeopleChanges(self.database, self._tell, lambda: self.now)

    def _tell(self, change: Change) -> None:
        self.told.append(change)
        self.current.note(change)

    async def person(self, name: str, *embeddings: NDArray[np.float32]) -> Person:
        """Somebody with photos of these embeddings, called `<name> 0`, `<name> 1` …"""
        person = await self.changes.create(Details(name))
        for number, embedding in enumerate(embeddings):
            await self.changes.add(new_photo(person.id, f"{name} {number}".encode(), embedding))
        found = await self.store.person(person.id)
        assert found is not None
        return found
