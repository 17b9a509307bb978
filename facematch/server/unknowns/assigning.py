"""Somebody says who an unknown face is: its picture goes the way of any photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from facematch.server.people.enrolling import Refused, Sent, Taken
from facematch.server.people.models import Details
from facematch.server.people.refusals import NoSuchPersonError

if TYPE_CHECKING:
    from collections.abc import Collection

    from facematch.server.people.service import People
    from facematch.server.unknowns.store import UnknownFaces

SOURCE: Final = "unknown face"


class NoSuchFaceError(LookupError):
    """There is no such face (any more)."""


class Assigning:
    """See the module.

    Args:
        faces: where they are.
        people: whose they can be.
    """

    def __init__(self, faces: UnknownFaces, people: People) -> None:
        self._faces = faces
        self._people = people

    async def assign(
        self, face_id: str, *, person_id: str | None = None, name: str | None = None, anyway: Collection[str] = ()
    ) -> tuple[Taken | Refused, str | None]:
        """Make a face a photo of somebody; taken, it is no unknown face any more.

        Args:
            face_id: which.
            person_id: whose it is; or
            name: of somebody new.
            anyway: for what it is not to be refused.

        Returns:
            What became of it, and whose it is now; None: nobody's.

        Raises:
            ApiError: 503, it cannot be examined now.
            NoSuchFaceError: there is no such face.
            NoSuchPersonError: there is no such person.
            PeopleFullError: there are too many.
            LogUnavailableError: the database is away.
        """
        async with self._people.enrollment.place():
            if (picture := await self._faces.image(face_id)) is None:
                raise NoSuchFaceError
            photo = Sent(picture, SOURCE, frozenset(anyway))
            if person_id is None:
                result, person_id = await self._new_person(name or "", photo)
            elif await self._people.store.person(person_id) is None:
                raise NoSuchPersonError
            else:
                result = await self._people.enrolling.add(person_id, photo)
            if isinstance(result, Refused):
                return result, None
            await self._faces.remove(face_id)
            return result, person_id

    async def _new_person(self, name: str, photo: Sent) -> tuple[Taken | Refused, str]:
        """Nobody is added for a photo that is refused."""
        person = await self._people.changes.create(Details(name))
        taken = False
        try:
            result = await self._people.enrolling.add(person.id, photo)
            taken = isinstance(result, Taken)
        finally:
            if not taken:
                await self._people.changes.erase([person.id])
        return result, person.id
