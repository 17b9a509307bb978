"""A photo on its way to a person: looked at as the reference is, compared with everybody, and taken or refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from facematch.faces.reference import reference_id
from facematch.runtime.clock import wall_clock
from facematch.server.people.changes import NewPhoto
from facematch.server.people.likeness import distance, mistaken_for
from facematch.server.people.models import Photo, to_bytes
from facematch.server.people.refusals import PhotoRefusedError
from facematch.server.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from facematch.server.gallery.enrollment import Enrollment
    from facematch.server.people.changes import PeopleChanges
    from facematch.server.people.current import CurrentGallery
    from facematch.server.people.store import PeopleStore

log = structlog.get_logger(__name__)

_LONGEST_SOURCE = 200
_REFUSED = (413, 422)
"""Statuses that say something of the photo, and not of the server."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A photo as it was sent."""

    data: bytes
    source: str
    """Where it came from, such as the name of a file."""
    anyway: frozenset[str] = frozenset()
    """Codes of refusals that whoever sends it has read."""


@dataclass(frozen=True, slots=True)
class Taken:
    """It is one of the person's photos now (or would be)."""

    photo: Photo
    turned: int
    """Degrees, clockwise, that it was turned by."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not taken."""

    code: str
    detail: str
    """A sentence that a person can act on."""
    photo_id: str | None = None
    """Of the same photo, where there is one already."""
    person_id: str | None = None
    """Whom it is about besides."""
    more: dict[str, Any] | None = None
    """Faces and sizes, where the picture is the reason."""


class Enrolling:
    """See the module.

    Args:
        enrollment: examines photos, one at a time.
        changes: where they are kept.
        store: what is known already.
        current: everybody who can be compared.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        enrollment: Enrollment,
        changes: PeopleChanges,
        store: PeopleStore,
        current: CurrentGallery,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._enrollment = enrollment
        self._changes = changes
        self._store = store
        self._current = current
        self._now = now

    async def add(self, person_id: str, sent: Sent, *, dry: bool = False) -> Taken | Refused:
        """One photo.

        Args:
            person_id: whose it is to be.
            sent: the photo.
            dry: do all but keep it. What only keeping finds out (how it fits photos that would be kept with it) is not
                said.

        Raises:
            ApiError: 503, it cannot be examined now.
            NoSuchPersonError: there is no such person.
            LogUnavailableError: it cannot be kept now.
        """
        digest = hashlib.sha256(sent.data).digest()
        try:
            if (twin := await self._store.twin(digest)) is not None:  # before the work of examining it
                raise PhotoRefusedError.duplicate(*twin, theirs=twin[1] == person_id)
            seen, model = await self._enrollment.examine(sent.data)
            await self._check_others(person_id, seen.embedding, sent.anyway)
            photo = Photo(
                id=reference_id(seen.jpeg),
                person_id=person_id,
                origin_person_id=person_id,
                added_at=self._now(),
                upload_hash=digest,
                source=sent.source[:_LONGEST_SOURCE],
                bbox=seen.bbox,
                frame_size=seen.frame_size,
                face_px=seen.bbox[1] - seen.bbox[3],
                score=seen.score,
                sharpness=seen.sharpness,
                weak=tuple((weak.code, weak.detail) for weak in seen.weak),
                outlier=False,
                model=model,
            )
            if not dry:
                photo = await self._changes.add(NewPhoto(photo, to_bytes(seen.embedding), seen.jpeg, sent.anyway))
        except PhotoRefusedError as refused:
            return Refused(refused.code, refused.detail, refused.photo_id, refused.person_id)
        except ApiError as error:
            if error.status not in _REFUSED:
                raise
            return Refused(str(error.code), error.detail, more=error.more)
        return Taken(photo, seen.turned)

    async def _check_others(self, person_id: str, embedding: NDArray[np.float32], anyway: frozenset[str]) -> None:
        """Return if the photo is nearer to its person than to anybody else."""
        if "OTHER_PERSON" in anyway:
            return
        gallery = await self._current.read()
        person = gallery.person(person_id)
        own = None if person is None else distance(person.centroid, embedding)
        if (other := mistaken_for(embedding, own, gallery, person_id)) is None:
            return
        found = await self._store.person(other[0])
        raise PhotoRefusedError.other_person(other[0], found.details.name if found else other[0], other[1])
