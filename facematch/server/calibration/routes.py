"""Calibration and verdicts over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.faces.tolerance import stranger_chance
from facematch.protocol.values import Name
from facematch.server.access.caller import caller_of
from facematch.server.calibration.answers import (
    Calibration,
    VerdictCounts,
    VerdictKept,
    VerdictSent,
    in_force_of,
    own_photos_of,
    pair_of,
    proposed_of,
    strangers_of,
)
from facematch.server.calibration.proposing import proposals
from facematch.server.calibration.service import Calibrator
from facematch.server.calibration.verdicts import NoSuchEventError, NotJudgedError, Verdicts
from facematch.server.people.saying import UNAVAILABLE, said
from facematch.server.people.store import PeopleStore
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

_NO_EVENT = (404, Code.NO_EVENT, "There is no event of this id (any more).")
_NOT_JUDGED = (422, Code.INVALID, "Only Matches, and Checks that named nobody (outcome no_match), are right or wrong.")


class CalibrationQuery(BaseModel):
    """For whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: Name | None = Field(None, description="Who is looked for there; without: everybody, as if in one room")


def routes(calibrator: Calibrator, verdicts: Verdicts, people: PeopleStore, now: Callable[[], datetime]) -> APIRouter:
    """`GET /api/calibration` and `POST /api/events/{id}/verdict`.

    Args:
        calibrator: measures.
        verdicts: what people said of events.
        people: where names are read.
        now: aware time.
    """
    router = APIRouter(tags=["people"])

    @router.get(
        "/api/calibration",
        summary="How well people are told apart here",
        responses=documented((422, Code.INVALID, "room: String should have at least 1 character"), UNAVAILABLE),
    )
    async def calibration(query: Annotated[CalibrationQuery, Query()]) -> Calibration:
        """Which photos of the gallery would be missed by the others of their person, who is easily taken for whom, and
        which tolerances the verdicts speak for. A stranger's chance is that of a published table: nothing of it is
        measured here, for no gallery has strangers enough. Nothing changes by itself.
        """
        with said():
            found = await calibrator.measured(query.room)
            told = {one.person_id for one in found.own if one.missed or one.ambiguous}
            called = await people.called(told | {id_ for pair in found.pairs for id_ in pair.ids})
            counts = await verdicts.counts()
            judged = await verdicts.judged(calibrator.rules.tolerance)
        names = {id_: name for id_, (_, name) in called.items()}
        rules, used = calibrator.rules, sum(counts.values()) - judged.others
        return Calibration(
            gallery_version=found.version,
            room=query.room,
            candidates=found.candidates,
            photos=found.photos,
            in_force=in_force_of(found.in_force, rules.tolerance, rules.stranger_rate),
            own_photos=own_photos_of(found.own, names),
            confusable=[pair_of(pair, names) for pair in found.pairs],
            strangers=strangers_of(found.strangers),
            verdicts=VerdictCounts(right=counts["right"], wrong=counts["wrong"], used=used),
            proposals=[
                proposed_of(one, judged, chance.value if (chance := stranger_chance(one.tolerance)) else None)
                for one in proposals(judged, rules.tolerance)
            ],
            complete=found.complete,
        )

    @router.post(
        "/api/events/{id}/verdict",
        summary="Say whether an event is right",
        responses=documented(*json_refusals(KB), _NO_EVENT, _NOT_JUDGED, UNAVAILABLE),
        openapi_extra=described(VerdictSent, right={"verdict": "right"}, wrong={"verdict": "wrong"}),
    )
    async def verdict(
        request: Request,
        id: Annotated[UUID, Path(description="The event's `event_id`")],  # noqa: A002  (the path's name for it)
    ) -> VerdictKept:
        """In place of what was said of it before. Nothing changes by it: `GET /api/calibration` says what all of them
        together speak for.
        """
        sent = await read_json(request, VerdictSent, KB)
        try:
            with said():
                await verdicts.put(id, sent.verdict, caller_of(request.scope).signature, now())
        except NoSuchEventError:
            raise ApiError(*_NO_EVENT) from None
        except NotJudgedError:
            raise ApiError(*_NOT_JUDGED) from None
        return VerdictKept(event_id=id, verdict=sent.verdict)

    return router
