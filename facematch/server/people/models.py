"""A person and a photo as the database keeps them, and their embeddings as bytes."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np

from facematch.faces.models import EMBEDDING_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy.engine import RowMapping

MOST_PEOPLE: Final = 10_000
MOST_PHOTOS: Final = 30
"""Of one person: beyond eight, another one hardly helps."""
ENOUGH_PHOTOS: Final = 3
"""With fewer, a person is recognised noticeably less often."""

_LITTLE_ENDIAN = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Consent:
    """That a person agreed to be looked for."""

    at: datetime
    by: str
    """Who wrote it down."""
    text_version: str
    """Of what they agreed to."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a person besides their photos."""

    name: str
    rooms: tuple[str, ...] = ()
    """In which they are looked for; empty: in every one."""
    tolerance: float | None = None
    """Their own, in place of MATCH_TOLERANCE."""
    basis: str = ""
    """On what basis their photos are kept, in the operator's words."""
    consent: Consent | None = None
    delete_at: datetime | None = None
    """When they are erased by themselves."""

    def over(self, known: Details) -> Details:
        """What is known, with what these say; what they leave empty stays. The name is the known one's."""
        return Details(
            known.name,
            self.rooms or known.rooms,
            known.tolerance if self.tolerance is None else self.tolerance,
            self.basis or known.basis,
            self.consent or known.consent,
            self.delete_at or known.delete_at,
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody enrolled."""

    id: str
    details: Details
    created_at: datetime
    last_seen_at: datetime | None
    merged_into: str | None
    photos: int
    outliers: int
    """Photos that are unlike the others."""

    def erased_at(self, unseen: timedelta) -> datetime:
        """When they are erased by themselves: `delete_at`, else so long after they were last seen, or added."""
        return self.details.delete_at or (self.last_seen_at or self.created_at) + unseen


@dataclass(frozen=True, slots=True)
class Photo:
    """An enrolled picture, without the picture."""

    id: str
    person_id: str
    origin_person_id: str
    added_at: datetime
    upload_hash: bytes = field(repr=False)
    """SHA-256 of what was sent."""
    source: str
    bbox: tuple[int, int, int, int]
    frame_size: tuple[int, int]
    face_px: int
    score: float
    sharpness: float
    weak: tuple[tuple[str, str], ...]
    """Code and sentence."""
    outlier: bool
    model: str


def new_person_id() -> str:
    """An id that nobody has had."""
    return f"p_{uuid4().hex[:16]}"


def photo_id_of(digest: bytes) -> str:
    """The id of a photo whose picture has this SHA-256, as `reference_id` makes it of the picture."""
    return digest.hex()[:16]


def name_key(name: str) -> str:
    """A name as it is searched and sorted: without differences of case and of how accents are written."""
    return unicodedata.normalize("NFKC", name).casefold().replace("\x00", "\ufffd")


def to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """An embedding as it is kept.

    Raises:
        ValueError: it is not (128,) finite numbers.
    """
    if embedding.shape != (EMBEDDING_SIZE,) or not np.isfinite(embedding).all():
        raise ValueError(f"an embedding is ({EMBEDDING_SIZE},) finite numbers, not {embedding.shape}")
    return embedding.astype(_LITTLE_ENDIAN).tobytes()


def from_bytes(kept: bytes) -> NDArray[np.float32]:
    """The embedding that `to_bytes` was given: (128,)."""
    return np.frombuffer(kept, _LITTLE_ENDIAN).astype(np.float32)


def detail_columns(details: Details) -> dict[str, Any]:
    """What a row of `people` holds of them."""
    consent = details.consent
    kept = consent and {"at": consent.at.isoformat(), "by": consent.by, "text_version": consent.text_version}
    return {
        "name": details.name.replace("\x00", "\ufffd"),
        "name_key": name_key(details.name),
        "rooms": json.dumps(list(details.rooms)),
        "tolerance": details.tolerance,
        "basis": details.basis.replace("\x00", "\ufffd"),
        "consent": json.dumps(kept) if kept else None,
        "delete_at": details.delete_at,
    }


def photo_columns(photo: Photo) -> dict[str, Any]:
    """What a row of `photos` holds of it, but for the embedding and the picture."""
    return {
        **{name: getattr(photo, name) for name in Photo.__slots__},
        "bbox": json.dumps(photo.bbox),
        "frame_size": json.dumps(photo.frame_size),
        "weak": json.dumps(photo.weak),
        "source": photo.source.replace("\x00", "\ufffd"),
    }


def person_of(row: RowMapping) -> Person:
    """The person in a row of `people`."""
    consent = json.loads(row["consent"]) if row["consent"] else None
    details = Details(
        name=row["name"],
        rooms=tuple(json.loads(row["rooms"])),
        tolerance=row["tolerance"],
        basis=row["basis"],
        consent=consent and Consent(datetime.fromisoformat(consent["at"]), consent["by"], consent["text_version"]),
        delete_at=row["delete_at"],
    )
    seen = (row["created_at"], row["last_seen_at"], row["merged_into"])
    return Person(row["id"], details, *seen, photos=row["photos"], outliers=row["outliers"])


def photo_of(row: RowMapping) -> Photo:
    """The photo in a row of `photos`."""
    values = {name: row[name] for name in Photo.__slots__}
    values["bbox"] = tuple(json.loads(row["bbox"]))
    values["frame_size"] = tuple(json.loads(row["frame_size"]))
    values["weak"] = tuple((code, detail) for code, detail in json.loads(row["weak"]))
    return Photo(**values)


def mean_of(embeddings: Sequence[bytes]) -> NDArray[np.float32]:
    """(128,), of what is kept of the photos of one person, at least one."""
    mean: NDArray[np.float32] = np.stack([from_bytes(kept) for kept in embeddings]).mean(axis=0, dtype=np.float32)
    return mean
