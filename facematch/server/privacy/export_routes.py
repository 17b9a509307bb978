"""The doors to everything held about one person or one participant."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from facematch.protocol.values import LONGEST_NAME
from facematch.server.people import exporting
from facematch.server.people.refusals import NoSuchPersonError
from facematch.server.people.saying import NO_PERSON, UNAVAILABLE, said
from facematch.server.people.store import PeopleStore
from facematch.server.people.zip_parts import MEDIA_TYPE, attached
from facematch.server.privacy.participant_export import ParticipantExport
from facematch.server.web.errors import Code, documented

log = structlog.get_logger(__name__)

_ZIP: Final[dict[str, Any]] = {MEDIA_TYPE: {}}


def routes(export: ParticipantExport, people: PeopleStore, now: Callable[[], datetime]) -> APIRouter:
    """`GET /api/participants/export` and `GET /api/people/{id}/export`.

    Args:
        export: reads what is held about participants, and snapshots.
        people: where people are read.
        now: aware time.
    """
    router = APIRouter(tags=["erasure"])

    @router.get(
        "/api/participants/export",
        summary="Everything held about a participant, as a zip",
        response_class=Response,
        responses={
            200: {"content": _ZIP, "description": "Their own data; empty lists: nothing is held"},
            **documented((422, Code.INVALID, "identity: String should have at least 1 character"), UNAVAILABLE),
        },
    )
    async def participant(
        identity: Annotated[
            str,
            Query(min_length=1, max_length=LONGEST_NAME, description="Percent-encoded", examples=["Alice42"]),
        ],
    ) -> Response:
        """Events, snapshots, presence, daily figures and whatever else is kept by their identity: for their right to
        see it. Snapshots may show others, too.
        """
        with said():
            await people.version()
        log.info("Participant exported", identity=identity)
        return attached(export.parts(identity, now()), "participant.zip")

    @router.get(
        "/api/people/{id}/export",
        summary="Everything held about a person, as a zip",
        response_class=Response,
        responses={200: {"content": _ZIP, "description": "Their own data"}, **documented(NO_PERSON, UNAVAILABLE)},
    )
    async def person(
        id: Annotated[str, Path(examples=["p_0123456789abcdef"])],  # noqa: A002  (the path's name for it)
    ) -> Response:
        """Details, photos, embeddings, presence, the events that name them and their snapshots: for their right to see
        it.
        """
        with said():
            if (found := await people.person(id)) is None:
                raise NoSuchPersonError
        log.info("Person exported", person_id=found.id)
        return attached(exporting.one(people, found, now(), export.snapshot), f"{found.id}.zip")

    return router
