"""The door to the erasure of a person."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field

from facematch.server.access.caller import caller_of
from facematch.server.people.saying import NO_PERSON
from facematch.server.people.store import PeopleStore
from facematch.server.privacy.erasure import Erasures
from facematch.server.privacy.receipts import FAILED, Counts, counts, failed
from facematch.server.web.errors import ApiError, Code, documented


class PersonErased(Counts):
    """The receipt."""

    person_id: str = Field(examples=["p_0123456789abcdef"])
    photos: int = Field(description="Removed, with their embeddings")
    bindings: int = Field(description="Of participants to this person, taken back")
    verified: Literal[True] = Field(
        default=True, description="Log and folder were looked through again: nothing names them"
    )


def routes(erasures: Erasures, people: PeopleStore) -> APIRouter:
    """`DELETE /api/people/{id}`.

    Args:
        erasures: erases.
        people: where people are read.
    """
    router = APIRouter(tags=["erasure"])

    @router.delete(
        "/api/people/{id}",
        summary="Erase a person",
        responses=documented(NO_PERSON, (503, Code.STORAGE_FAILED, FAILED)),
    )
    async def person(
        request: Request,
        id: Annotated[str, Path(examples=["p_0123456789abcdef"])],  # noqa: A002  (the path's name for it)
    ) -> PersonErased:
        """Their photos and embeddings, those of whoever was merged into them, the Matches that name them, and the
        snapshots that they are in. Checks keep their outcome and lose the name. Waits some seconds until recognizers
        compare with a gallery that is without them. The very same photos are refused from then on.
        """
        try:
            if await people.person(id) is None:
                raise ApiError(*NO_PERSON)
            ids = [id, *(merged.id for merged in await people.merged_into(id))]
            erased = await erasures.person(ids, caller_of(request.scope).signature)
        except OSError as error:
            raise failed(error) from error
        return PersonErased(person_id=id, photos=erased.photos, bindings=erased.bindings, **counts(erased))

    return router
