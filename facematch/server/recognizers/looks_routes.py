"""The door to looks that somebody wants now."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import math
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.values import Name
from facematch.server.recognizers.looks import Looks, TooSoonError
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

_LIMIT = 16 * KB
_TOO_SOON = "They are being looked at already. Try again in {} s."


class LookRequest(BaseModel):
    """At whom."""

    model_config = ConfigDict(extra="forbid")

    identity: Name = Field(description="A participant's, as LiveKit has it", examples=["Alice42"])


class LookAnswer(BaseModel):
    """Whether anybody can."""

    ok: Literal[True] = True
    identity: str
    watched: bool = Field(description="A recognizer watches a camera of theirs: a Check follows within some seconds")
    idle_reason: str | None = Field(
        description="Why none of their cameras is looked at: `consent`, `not_compared`; null: one is, or there is none"
    )


def routes(looks: Looks) -> APIRouter:
    """`POST /api/looks`.

    Args:
        looks: asks recognizers.
    """
    router = APIRouter(tags=["status"])

    @router.post(
        "/api/looks",
        summary="Look at a participant now",
        responses=documented(
            *json_refusals(_LIMIT),
            (422, Code.INVALID, "identity: Field required"),
            (429, Code.TOO_MANY_REQUESTS, _TOO_SOON.format(2)),
        ),
        openapi_extra=described(LookRequest, one={"identity": "Alice42"}),
    )
    async def post(request: Request) -> LookAnswer:
        """The pause of their cameras ends at once. Every two seconds at most."""
        wanted = await read_json(request, LookRequest, _LIMIT)
        try:
            tracks = await looks.ask(wanted.identity)
        except TooSoonError as error:
            seconds = math.ceil(error.seconds)
            headers = {"Retry-After": str(seconds)}
            raise ApiError(429, Code.TOO_MANY_REQUESTS, _TOO_SOON.format(seconds), headers=headers) from None
        reasons = [track.idle_reason if track.state == "idle" else None for track in tracks]
        watched = any(track.state != "idle" for track in tracks)
        idle_reason = next((reason for reason in reasons if reason), None)
        return LookAnswer(identity=wanted.identity, watched=watched, idle_reason=None if watched else idle_reason)

    return router
