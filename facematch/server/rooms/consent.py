"""Agreeing to be compared, and withdrawing that, while one is in a room.

What somebody has agreed to stands in an attribute of theirs in LiveKit, where the recognizer reads it. Our tokens do
not let their owners change attributes: who could change this one could change their name, too, and the attributes by
which it is known with whose login they joined. So the server changes it, for whoever came in with the login that asks.
"""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
from collections.abc import Callable
from typing import Final, Literal

import aiohttp
import structlog
from fastapi import APIRouter, Request
from livekit.api import LiveKitAPI, RoomParticipantIdentity, ServerError, UpdateParticipantRequest
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.attributes import CONSENT, GIVEN
from facematch.protocol.values import Name, Text
from facematch.server.access.caller import caller_of
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.room_meant import ROOM_HELP, room_meant
from facematch.server.rooms.expulsion import LOGIN
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 5.0
_LIMIT = 16 * KB
_NOT_THERE = "Nobody of this identity is in the room by your login."
_AWAY = "LiveKit does not answer. Leave the room, or switch the camera off, to be looked at no longer."


class ConsentChange(BaseModel):
    """Who agrees, or does not any more."""

    model_config = ConfigDict(extra="forbid")

    identity: Name = Field(description="One's own, as it is in the room")
    room: Text | None = Field(default=None, description=ROOM_HELP)
    given: bool = Field(description="false: withdrawn")


class ConsentChanged(BaseModel):
    """LiveKit has it. Recognizers follow within a second."""

    ok: Literal[True] = True
    given: bool


class Consents:
    """Kept in LiveKit, and nowhere else.

    Args:
        administered: opens LiveKit's services for one room; closed by this object.
        default_room: when none is asked for; None: one has to be.
        forget: drops what recognizers hand on of whoever withdraws.
    """

    def __init__(
        self, administered: Callable[[str], LiveKitAPI], default_room: str | None, forget: Callable[[str], None]
    ) -> None:
        self._administered = administered
        self._default_room = default_room
        self._forget = forget

    async def change(self, room: str | None, identity: str, login: str | None, *, given: bool) -> None:
        """Set what somebody has agreed to.

        Args:
            room: None or empty: the default one.
            identity: theirs.
            login: the id of that by which they joined; None: they joined without.
            given: whether they agree.

        Raises:
            ApiError: 404, 422 or 503.
        """
        room = room_meant(room, self._default_room)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._administered(room) as livekit:
                there = await livekit.room.get_participant(RoomParticipantIdentity(room=room, identity=identity))
                if dict(there.attributes).get(LOGIN) != login:
                    raise ApiError(404, Code.NOT_IN_ROOM, _NOT_THERE)
                change = {CONSENT: GIVEN if given else ""}
                await livekit.room.update_participant(
                    UpdateParticipantRequest(room=room, identity=identity, attributes=change)
                )
            if not given:
                self._forget(identity)
        except ServerError as error:
            if error.code == "not_found":
                raise ApiError(404, Code.NOT_IN_ROOM, _NOT_THERE) from None
            raise _away(error) from error
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise _away(error) from error


def _away(error: Exception) -> ApiError:
    log.warning("LiveKit does not take a change of consent", reason=type(error).__name__)
    return ApiError(503, Code.LIVEKIT_AWAY, _AWAY, headers={"Retry-After": "2"})


def routes(consents: Consents, limit: RateLimit) -> APIRouter:
    """`PUT /api/consent`.

    Args:
        consents: changes it.
        limit: how often a client may.
    """
    router = APIRouter(tags=["tokens"])

    @router.put(
        "/api/consent",
        summary="Agree to be compared, or withdraw that",
        responses=documented(
            *json_refusals(_LIMIT),
            (404, Code.NOT_IN_ROOM, _NOT_THERE),
            (422, Code.INVALID, "given: Field required"),
            (429, Code.TOO_MANY_REQUESTS, "Too many tokens from your address. Try again in 42 s."),
            (503, Code.LIVEKIT_AWAY, _AWAY),
        ),
        openapi_extra=described(ConsentChange, withdrawn={"identity": "Alice42", "given": False}),
    )
    async def put(request: Request) -> ConsentChanged:
        """For oneself, while one is in the room by the login, or the key, that asks. Counts as a token does."""
        await limit.count(request.scope)
        wanted = await read_json(request, ConsentChange, _LIMIT)
        caller = caller_of(request.scope)
        login = caller.session.id if caller.session else None
        await consents.change(caller.room or wanted.room, wanted.identity, login, given=wanted.given)
        return ConsentChanged(given=wanted.given)

    return router
