"""The door to who is not to be looked at. Identities stand in the query: they may hold anything."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from facematch.protocol.values import LONGEST_NAME
from facematch.server.access.caller import caller_of
from facematch.server.people.saying import UNAVAILABLE, said
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.rooms.not_compared import MOST, NotCompared, TooManyError
from facematch.server.unknowns.store import UnknownFaces
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

Identity = Annotated[
    str, Query(min_length=1, max_length=LONGEST_NAME, description="A participant's, as LiveKit has it")
]

_FULL = (409, Code.TOO_MANY_PEOPLE, f"{MOST} are kept already. Remove some first.")


class LeftAlone(BaseModel):
    """Somebody who is not looked at."""

    identity: str = Field(examples=["Alice42"])
    by: str = Field(description="`themselves`: they joined so; else who said it", examples=["admin (login)"])
    since: datetime | None = Field(description="null: for as long as they stay")


class AllLeftAlone(BaseModel):
    """Everybody who is not to be looked at."""

    participants: list[LeftAlone] = Field(description="Whoever joined so first, then the latest")


class Changed(BaseModel):
    """It is kept, and in force at recognizers within two seconds."""

    ok: Literal[True] = True
    identity: str
    compared: bool = Field(description="Whether they may be looked at from now on")


def routes(not_compared: NotCompared, recognizers: Recognizers, unknown: UnknownFaces) -> APIRouter:
    """`/api/not-compared`.

    Args:
        not_compared: keeps them.
        recognizers: their last heartbeats, and what they hand on.
        unknown: faces that are kept.
    """
    router = APIRouter(tags=["people"])

    @router.get(
        "/api/not-compared",
        summary="Who is not looked at",
        responses=documented((422, Code.INVALID, "identity: String should have at least 1 character"), UNAVAILABLE),
    )
    async def get(
        identity: Annotated[
            str | None, Query(min_length=1, max_length=LONGEST_NAME, description="Only about them")
        ] = None,
    ) -> AllLeftAlone:
        """Those of whom an admin said so, and those who joined so and have a camera in a room now."""
        with said():
            lines = await not_compared.all()
        kept = {line.identity for line in lines}
        chose = {
            track.participant_identity
            for heartbeat, age in recognizers.all()
            if age <= ONLINE_SECONDS
            for track in heartbeat.tracks
            if track.idle_reason == "not_compared"
        }
        found = [LeftAlone(identity=one, by="themselves", since=None) for one in sorted(chose - kept)]
        found += [LeftAlone(identity=line.identity, by=line.by, since=line.since) for line in lines]
        return AllLeftAlone(participants=[one for one in found if identity in (None, one.identity)])

    @router.put(
        "/api/not-compared",
        summary="Look at a participant no longer",
        responses=documented((422, Code.INVALID, "identity: Field required"), _FULL, UNAVAILABLE),
    )
    async def put(request: Request, identity: Identity) -> Changed:
        """Their cameras are left alone in every room: not subscribed, no batch, no Check."""
        with said():
            try:
                await not_compared.put(identity, caller_of(request.scope).signature)
                await unknown.forget(identity)
            except TooManyError:
                raise ApiError(*_FULL) from None
        recognizers.anchors.forget(identity)
        log.info("Not to be looked at", identity=identity)
        return Changed(identity=identity, compared=False)

    @router.delete(
        "/api/not-compared",
        summary="Look at a participant again",
        responses=documented((422, Code.INVALID, "identity: Field required"), UNAVAILABLE),
    )
    async def delete(identity: Identity) -> Changed:
        """Whoever joined so by themselves is left alone all the same, for as long as they stay."""
        with said():
            if await not_compared.remove(identity):
                log.info("To be looked at again", identity=identity)
        return Changed(identity=identity, compared=True)

    return router
