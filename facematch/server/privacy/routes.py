"""The doors to erasure: a participant's records, the reference, and the record of what was erased."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.gallery.photo_file import ReferenceFile
from facematch.server.privacy.erasure import Erasures, ReferenceStaysError
from facematch.server.privacy.receipts import FAILED, Counts, counts, failed
from facematch.server.privacy.store import ErasureStore, Line
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.whole_paths import WholePathRoute

log = structlog.get_logger(__name__)

LONGEST_IDENTITY = 512
_LINES = 100

_STAYS = "The photo could not be removed ({}). Nothing was erased. Ask again."


class ParticipantErased(Counts):
    """The receipt."""

    identity: str
    bindings: int = Field(description="Of this identity to people, taken back")
    verified: Literal[True] = Field(
        default=True, description="Log and folder were looked through again: nothing is left"
    )


class ReferenceErased(Counts):
    """The receipt."""

    reference_id: str = Field(examples=["9f86d081884c7d65"])
    verified: Literal[True] = Field(
        default=True, description="The file is gone; log and folder were looked through again: nothing of it is left"
    )


class ErasureLine(Counts):
    """One line of the record. It does not say whose."""

    kind: Literal["participant", "reference", "person"]
    requested_by: str = Field(examples=["admin (key)"], description="Or `delete_at`: their time had come")
    done_at: datetime | None = Field(description="When the recognizer had confirmed; null: it has not yet")


class ErasureLines(BaseModel):
    """The record of erasures."""

    erasures: list[ErasureLine] = Field(description="The newest first, at most 100")


def routes(erasures: Erasures, store: ErasureStore, file: ReferenceFile, audit: Audit) -> APIRouter:
    """`DELETE /api/participants`, `DELETE /api/reference` and `GET /api/erasures`.

    Args:
        erasures: erases.
        store: the record of erasures.
        file: the current reference.
        audit: keeps who erased it.
    """
    router = APIRouter(tags=["erasure"], route_class=WholePathRoute)

    refusals = documented(
        (422, Code.INVALID, "identity: must be 1 to 512 characters"), (503, Code.STORAGE_FAILED, FAILED)
    )

    @router.delete("/api/participants", summary="Erase a participant's records", responses=refusals)
    async def participant(
        request: Request,
        identity: Annotated[str, Query(description="Any there may be, percent-encoded", examples=["Alice42"])],
    ) -> ParticipantErased:
        """Their events, their snapshots, and what the recognizer has not delivered yet. Waits some seconds for the
        recognizer. Whoever is still in the room is looked for as before.
        """
        return await _erased(erasures, identity, request)

    @router.delete(
        "/api/participants/{identity:path}", summary="The same for names that a path can hold", responses=refusals
    )
    async def participant_in_path(
        request: Request, identity: Annotated[str, Path(description="Percent-encoded", examples=["Alice42"])]
    ) -> ParticipantErased:
        """Not `.`, `..` and names with line breaks: clients and proxies change such paths."""
        return await _erased(erasures, identity, request)

    @router.delete(
        "/api/reference",
        summary="Erase the reference photo and what came of it",
        responses=documented(
            (404, Code.NO_REFERENCE, "There is no reference photo."),
            (503, Code.STORAGE_FAILED, _STAYS.format("Permission denied")),
            (503, Code.STORAGE_FAILED, FAILED),
        ),
    )
    async def reference(request: Request) -> ReferenceErased:
        """The photo, at the recognizer its embedding, and the events and snapshots that came of it. Waits some
        seconds for the recognizer. From then on nobody is looked for until a photo is added.
        """
        current = await file.current()
        if current is None:
            raise ApiError(404, Code.NO_REFERENCE, "There is no reference photo.")
        try:
            erased = await erasures.reference(current.id, caller_of(request.scope).signature)
            await audit("reference_erased", caller_of(request.scope).signature)
        except ReferenceStaysError as error:
            log.error("Reference not erased", reason=str(error))  # noqa: TRY400
            raise ApiError(503, Code.STORAGE_FAILED, _STAYS.format(error), headers={"Retry-After": "1"}) from error
        except OSError as error:
            raise failed(error) from error
        return ReferenceErased(reference_id=current.id, **counts(erased))

    @router.get(
        "/api/erasures",
        summary="The record of erasures",
        responses=documented((503, Code.STORAGE_FAILED, "The record cannot be read now. Ask again.")),
    )
    async def lines() -> ErasureLines:
        """What was erased when, in which role and how much; never whose."""
        try:
            found = await store.lines(_LINES)
        except OSError as error:
            detail = f"The record cannot be read now ({error}). Ask again."
            raise ApiError(503, Code.STORAGE_FAILED, detail, headers={"Retry-After": "1"}) from error
        return ErasureLines(erasures=[_line(line) for line in found])

    return router


async def _erased(erasures: Erasures, identity: str, request: Request) -> ParticipantErased:
    if not 1 <= len(identity) <= LONGEST_IDENTITY:
        raise ApiError(422, Code.INVALID, f"identity: must be 1 to {LONGEST_IDENTITY} characters")
    try:
        erased = await erasures.participant(identity, caller_of(request.scope).signature)
    except OSError as error:
        raise failed(error) from error
    return ParticipantErased(identity=identity, bindings=erased.bindings, **counts(erased))


def _line(line: Line) -> ErasureLine:
    return ErasureLine(
        receipt_id=line.id,
        at=line.requested_at,
        events=line.events,
        snapshots=line.snapshots,
        undelivered_events=line.undelivered_events,
        recognizer="pending" if line.done_at is None else "done",
        kind=line.kind,
        requested_by=line.requested_by,
        done_at=line.done_at,
    )
