"""Watching over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.values import Text
from facematch.server.access.caller import caller_of
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.room_meant import ROOM_HELP
from facematch.server.events.writer import TooBusyError
from facematch.server.rooms.viewing import Viewings
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

_LIMIT = 4 * KB
_NOT_KEPT = "It cannot be kept now that you watch, so you cannot. Ask again."


class ViewingRequest(BaseModel):
    """Which room."""

    model_config = ConfigDict(extra="forbid")

    room: Text | None = Field(default=None, description=ROOM_HELP)


class Viewing(BaseModel):
    """What a page needs to watch."""

    token: str = Field(description="For LiveKit's client, within a minute; not to be shown or kept")
    url: str = Field(description="LiveKit server", examples=["ws://localhost:7880"])
    room: str = Field(examples=["face-recognition-room"])
    viewing_id: UUID = Field(description="Of the `viewing` events that say that it began and ended")


def routes(viewings: Viewings, limit: RateLimit) -> APIRouter:
    """`POST /api/viewings`.

    Args:
        viewings: begins them.
        limit: how many a client may have; tokens to join count, too.
    """
    router = APIRouter(tags=["tokens"])

    @router.post(
        "/api/viewings",
        summary="Watch a room without taking part",
        responses=documented(
            *json_refusals(_LIMIT),
            (403, Code.ROOM_NOT_ALLOWED, "Tokens are not given for this room. Add it to ALLOWED_ROOMS."),
            (422, Code.INVALID, "room: Input should be a valid string"),
            (429, Code.TOO_MANY_REQUESTS, "Too many tokens from your address. Try again in 42 s."),
            (503, Code.STORAGE_FAILED, _NOT_KEPT),
        ),
        openapi_extra=described(ViewingRequest, default={}, room={"room": "lobby"}),
    )
    async def begin(request: Request) -> Viewing:
        """A token by which nobody in the room sees who has it, and that sends nothing there. That somebody watches, and
        until when, is kept as `viewing` events. Subscribe to the videos only: LiveKit knows no token that is for them
        alone.
        """
        await limit.count(request.scope)
        wanted = await read_json(request, ViewingRequest, _LIMIT)
        try:
            id_, token = await viewings.begin(wanted.room, caller_of(request.scope))
        except (OSError, TooBusyError) as error:
            raise ApiError(503, Code.STORAGE_FAILED, _NOT_KEPT, headers={"Retry-After": "1"}) from error
        return Viewing(token=token.token, url=token.url, room=token.room, viewing_id=id_)

    return router
