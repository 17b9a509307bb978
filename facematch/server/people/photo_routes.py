"""The photos of a person over HTTP: sent, shown, deleted."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Header, Path, Query, Request, Response

from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.people.answers import PhotoGone, PhotoResult, PhotoResults
from facematch.server.people.changes import PeopleChanges
from facematch.server.people.enrolling import Enrolling, Refused, Sent
from facematch.server.people.refusals import NoSuchPersonError
from facematch.server.people.routes import Id
from facematch.server.people.saying import NO_PERSON, NO_PHOTO, UNAVAILABLE, said
from facematch.server.people.store import PeopleStore
from facematch.server.people.thumbnail import face_of
from facematch.server.web.bodies import Upload, Uploads, described_upload, read_uploads, upload_refusals
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

log = structlog.get_logger(__name__)

FIELD: Final = "files"
MOST_FILES: Final = 20
"""Of one request."""
TOGETHER: Final = 3
"""How many files of the largest size one request may be as large as."""

PhotoId = Annotated[str, Path(description="A photo's id", examples=["9f86d081884c7d65"])]
FaceSide = Annotated[
    int | None, Query(ge=16, le=512, description="Only the face, in a square of so many pixels; without: the photo")
]
Anyway = Annotated[
    list[Literal["UNLIKE_THE_OTHERS", "OTHER_PERSON", "ERASED_BEFORE"]],
    Query(description="Take the photos although they would be refused for this; may be given several times"),
]


def routes(
    enrollment: Enrollment,
    enrolling: Enrolling,
    store: PeopleStore,
    changes: PeopleChanges,
    upload_limit: int,
    audit: Audit,
) -> APIRouter:
    """`/api/people/{id}/photos`.

    Args:
        enrollment: has the places for uploads.
        enrolling: takes photos.
        store: where they are read.
        changes: where they are changed.
        upload_limit: bytes of one photo.
        audit: keeps who changed them.
    """
    router = APIRouter(tags=["people"])
    uploads = Uploads(FIELD, upload_limit, MOST_FILES, TOGETHER * upload_limit)

    async def enrolled(person_id: str, file: Upload, anyway: frozenset[str]) -> PhotoResult:
        if len(file.data) > upload_limit:
            refused = Refused(Code.TOO_LARGE, f"The photo is too large: at most {upload_limit >> 10} kB.")
            return PhotoResult.of(file.name, refused)
        return PhotoResult.of(file.name, await enrolling.add(person_id, Sent(file.data, file.name, anyway)))

    @router.post(
        "/api/people/{id}/photos",
        summary="Add photos of a person",
        responses=documented(
            *upload_refusals(FIELD, uploads.together, many=True),
            NO_PERSON,
            (503, Code.BUSY, "Other photos are being examined. Try again in a few seconds."),
            UNAVAILABLE,
        ),
        openapi_extra=described_upload(
            FIELD, f"JPEG, PNG or WebP, each with one clear, frontal face; at most {MOST_FILES}", many=True
        ),
    )
    async def post(request: Request, id: Id, anyway: Anyway = []) -> PhotoResults:  # noqa: A002, B006
        """Each is examined as the reference photo is, compared with the person's others and with other people, and
        taken or refused by itself. When the whole is refused, some may have been taken: send it again, they are
        DUPLICATE then.
        """
        async with enrollment.place():
            files = await read_uploads(request, uploads)
            with said():
                if await store.person(id) is None:
                    raise NoSuchPersonError
                results = [await enrolled(id, file, frozenset(anyway)) for file in files]
        taken, by = sum(one.ok for one in results), caller_of(request.scope).signature
        log.info("Photos sent", person_id=id, taken=taken, refused=_refused(results), by=by)
        if taken:
            with said():
                await audit("photos_added", by, person_id=id, photos=taken)
        return PhotoResults(results=results)

    @router.get(
        "/api/people/{id}/photos/{photo}",
        summary="A photo of a person",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The photo"},
            304: {"description": "The photo that the caller has is this one"},
            **documented(NO_PHOTO, (422, Code.INVALID, "face: Input should be less than or equal to 512"), UNAVAILABLE),
        },
    )
    async def get(
        id: Id,  # noqa: A002
        photo: PhotoId,
        face: FaceSide = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """As it is kept, or with `face` only the face in it, small."""
        with said():
            found = await store.face(id, photo)
        if found is None:
            raise ApiError(*NO_PHOTO)
        image, bbox = found
        tag = photo if face is None else f"{photo}-{face}"
        if face is not None:
            image = await asyncio.to_thread(face_of, image, bbox, face)
        return answer(image, "image/jpeg", tag, if_none_match, cache="private, no-cache")

    @router.delete(
        "/api/people/{id}/photos/{photo}",
        summary="Delete a photo of a person",
        responses=documented(NO_PERSON, NO_PHOTO, UNAVAILABLE),
    )
    async def delete(request: Request, id: Id, photo: PhotoId) -> PhotoGone:  # noqa: A002
        """And its embedding. The very same file is refused from now on, unless it is sent with `anyway`."""
        with said():
            await changes.remove(id, photo)
            by = caller_of(request.scope).signature
            log.info("Photo deleted", person_id=id, photo_id=photo, by=by)
            await audit("photo_deleted", by, person_id=id)
        return PhotoGone()

    return router


def _refused(results: list[PhotoResult]) -> list[str]:
    return [one.code for one in results if one.code]
