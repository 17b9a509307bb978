"""Unknown faces over HTTP: sent by recognizers, looked at, said who they are, dismissed."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self

import structlog
from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from facematch.protocol.events import ParticipantChange
from facematch.protocol.unknown_faces import MOST_BYTES, UnknownFaceSeen
from facematch.protocol.values import Name
from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.people.answers import PersonName, PhotoResult
from facematch.server.people.saying import FULL, NO_PERSON, UNAVAILABLE, said
from facematch.server.unknowns.assigning import SOURCE, Assigning, NoSuchFaceError
from facematch.server.unknowns.store import UnknownFace, UnknownFaces
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

log = structlog.get_logger(__name__)

_LIMIT = 16 * KB
_GONE = (404, Code.NO_PHOTO, "There is no unknown face of this id (any more).")
_PIXEL = "/9j/4AAQSkZJRg=="
_SEEN = {
    "room": "face-recognition-room",
    "participant_id": "PA_xxx",
    "participant_identity": "Alice42",
    "participant_name": "Alice42",
    "at": "2031-01-05T12:00:00+00:00",
    "encoder": "dlib",
    "embedding": "AAAA" * 170 + "AAA=",
    "quality": 104.5,
    "image": _PIXEL,
}

Id = Annotated[str, Path(description="A face's id", examples=["0f4a3a5f7c117d0c3c528f0e4b0b9d0a"])]


class Kept(BaseModel):
    """Whether it was kept."""

    ok: Literal[True] = True
    kept: bool = Field(description="false: a better one is there, it was dismissed, or none are kept at all")


class UnknownShown(BaseModel):
    """One face."""

    id: str
    group: str = Field(description="The same for faces that are alike")
    room: str
    participant_identity: str
    participant_name: str
    first_at: datetime = Field(description="When a picture of it was taken first")
    at: datetime = Field(description="When this one was taken; it goes a day later")
    url: str = Field(description="Of the picture")

    @classmethod
    def of(cls, face: UnknownFace) -> Self:
        """As it is shown."""
        return cls(
            id=face.id,
            group=face.group_id,
            room=face.room,
            participant_identity=face.identity,
            participant_name=face.name,
            first_at=face.first_at,
            at=face.at,
            url=f"/api/unknowns/{face.id}/image",
        )


class UnknownsShown(BaseModel):
    """All of them."""

    kept: bool = Field(description="KEEP_UNKNOWN_FACES")
    unknowns: list[UnknownShown] = Field(description="Those alike one after the other, the latest first; 200 at most")


class WhoseSent(BaseModel):
    """Who it is: somebody who is enrolled, or the name of somebody new."""

    model_config = ConfigDict(extra="forbid")

    person_id: Name | None = None
    name: PersonName | None = None
    anyway: list[Literal["UNLIKE_THE_OTHERS", "OTHER_PERSON", "ERASED_BEFORE"]] = Field(
        [], description="Take it although it would be refused for this"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.person_id is None) == (self.name is None):
            raise ValueError("send either person_id or name")
        return self


class Assigned(PhotoResult):
    """What became of the photo, as of any that is sent."""

    assigned_to: str | None = Field(description="Whose photo it is now; null: nobody's, it was refused")


class Dismissed(BaseModel):
    """The pictures are gone."""

    ok: Literal[True] = True


def routes(
    faces: UnknownFaces, assigning: Assigning, audit: Audit, *, kept: bool, covered: Callable[[UnknownFaceSeen], bool]
) -> APIRouter:
    """`/api/unknowns`.

    Args:
        faces: keeps them.
        assigning: makes them somebody's.
        audit: keeps who did.
        kept: KEEP_UNKNOWN_FACES.
        covered: whether a face is of somebody who was erased since it was seen.
    """
    router = APIRouter(tags=["people"])

    @router.post(
        "/api/unknowns",
        summary="A face that is nobody's",
        responses=documented(*json_refusals(MOST_BYTES), (422, Code.INVALID, "room: Field required"), UNAVAILABLE),
        openapi_extra=described(UnknownFaceSeen, one=_SEEN),
    )
    async def post(request: Request) -> Kept:
        """From recognizers. The best picture of each face of each participant is kept."""
        seen = await read_json(request, UnknownFaceSeen, MOST_BYTES)
        with said():
            return Kept(kept=kept and not covered(seen) and await faces.keep(seen))

    @router.get("/api/unknowns", summary="Faces that are nobody's", responses=documented(UNAVAILABLE))
    async def get() -> UnknownsShown:
        """Of the last day, with KEEP_UNKNOWN_FACES; and of whom was recognised as nobody by several looks."""
        with said():
            return UnknownsShown(kept=kept, unknowns=[UnknownShown.of(one) for one in await faces.shown()])

    @router.get(
        "/api/unknowns/{id}/image",
        summary="The picture of an unknown face",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The face"},
            304: {"description": "The picture that the caller has is this one"},
            **documented(_GONE, UNAVAILABLE),
        },
    )
    async def image(id: Id, if_none_match: Annotated[str | None, Header()] = None) -> Response:  # noqa: A002
        """The face, with a margin."""
        with said():
            found = await faces.image(id)
        if found is None:
            raise ApiError(*_GONE)
        return answer(found, "image/jpeg", f"{id}-{len(found)}", if_none_match, cache="private, no-cache")

    @router.post(
        "/api/unknowns/{id}/assign",
        summary="Say whose an unknown face is",
        responses=documented(
            *json_refusals(_LIMIT),
            _GONE,
            NO_PERSON,
            FULL,
            (422, Code.INVALID, "send either person_id or name"),
            (503, Code.BUSY, "Other photos are being examined. Try again in a few seconds."),
            UNAVAILABLE,
        ),
        openapi_extra=described(WhoseSent, somebody={"person_id": "p_0123456789abcdef"}, new={"name": "Alice Example"}),
    )
    async def assign(request: Request, id: Id) -> Assigned:  # noqa: A002
        """It is examined as any photo is, and taken or refused; taken, it is no unknown face any more."""
        sent = await read_json(request, WhoseSent, _LIMIT)
        with said():
            try:
                result, whose = await assigning.assign(id, person_id=sent.person_id, name=sent.name, anyway=sent.anyway)
            except NoSuchFaceError:
                raise ApiError(*_GONE) from None
        by = caller_of(request.scope).signature
        log.info("Unknown face assigned", person_id=whose, by=by)
        if whose is not None:
            with said():
                await audit("photos_added", by, person_id=whose, photos=1)
        return Assigned(**PhotoResult.of(SOURCE, result).model_dump(), assigned_to=whose)

    @router.post("/api/unknowns/{id}/dismiss", summary="Nobody wants to know", responses=documented(_GONE, UNAVAILABLE))
    async def dismiss(id: Id) -> Dismissed:  # noqa: A002
        """Its picture goes, and those of faces that are alike. The same face is not kept again for a day."""
        with said():
            if not await faces.dismiss(id):
                raise ApiError(*_GONE)
        log.info("Unknown face dismissed")
        return Dismissed()

    return router


def as_event(seen: UnknownFaceSeen) -> ParticipantChange:
    """Whom, and when, a face is of, as an event says it: erasures know events."""
    return ParticipantChange(
        room=seen.room,
        participant_id=seen.participant_id,
        participant_identity=seen.participant_identity,
        participant_name=seen.participant_name,
        timestamp=seen.at,
        change="joined",
    )
