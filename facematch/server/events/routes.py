"""The doors of the event log: events in, and the listeners' one."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Query, Request, Response, WebSocket
from pydantic import BaseModel, Field

from facematch.protocol.events import EVENT_TYPES, FIRST_TYPES, Check, Events, Match
from facematch.server.access.caller import caller_of
from facematch.server.events.hub import Audience, Hub
from facematch.server.events.ingest import Intake
from facematch.server.events.places import Places, holder_of
from facematch.server.web.abort import cut_of
from facematch.server.web.bodies import KB, MB, described, json_refusals, read_json
from facematch.server.web.direct import DirectRoute
from facematch.server.web.errors import ApiError, Code, documented, invalid

log = structlog.get_logger(__name__)

EVENT_LIMIT = 64 * KB
EVENTS_LIMIT = 1 * MB

_MATCH = {
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "confidence": 0.63,
    "filename": "/srv/face-match/captured_faces/match_Alice42_20250925_140708.jpg",
    "snapshot": "match_Alice42_20250925_140708.jpg",
    "timestamp": "2025-09-25T14:07:08.123456+00:00",
    "bbox": [80, 300, 220, 160],
    "frame_size": [640, 360],
}
_CHECK = {
    "type": "check",
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "match_found": True,
    "timestamp": "2025-09-25T14:07:08.987654+00:00",
}
_ADDED = {
    "event_id": "0198f2c4-7a35-7c1e-9f60-0a7d3c2b1e45",
    "source": "recognizer-5f0c",
    "seq": 17,
    "room": "face-recognition-room",
    "participant_identity": "Alice42",
    "track_sid": "TR_xxx",
    "cycle_id": "TR_xxx-9",
    "reference_id": "9f86d081884c7d65",
}
_JOINED = {
    "type": "participant",
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "change": "joined",
    "timestamp": "2025-09-25T14:07:01.120000+00:00",
}
_A_MATCH = {"type": "match", **_MATCH, **_ADDED, "distance": 0.37}


def _refusals(limit: int, field: str) -> dict[int | str, dict[str, Any]]:
    return documented(
        *json_refusals(limit),
        (
            409,
            Code.ROOM_TAKEN_OVER,
            "Another recognizer was in this room when the event happened. Do not send it again.",
        ),
        (422, Code.INVALID, f"{field}: Input should be a finite number"),
        (503, Code.STORAGE_FAILED, "The event could not be stored (SQLite: database or disk is full). Send it again."),
        (503, Code.BUSY, "More events arrive than can be stored. Send it again."),
    )


_REFUSALS = _refusals(EVENT_LIMIT, "confidence")


class Delivered(BaseModel):
    """What was sent is stored."""

    ok: Literal[True] = True
    delivered: int = Field(description="To how many listeners, of all events together; one that was there already: 0")


def routes(intake: Intake, hub: Hub) -> APIRouter:
    """`POST /api/match`, `POST /api/check`, `POST /api/events`, `WS /ws/matches` and `WS /ws/events`."""
    router = APIRouter(tags=["events"], route_class=DirectRoute)
    places = Places()

    @router.post(
        "/api/match",
        response_model=Delivered,
        summary="Report a match",
        responses=_REFUSALS,
        openapi_extra=described(Match, least=_MATCH, whole=_A_MATCH),
    )
    async def match(request: Request) -> Response:
        """Stored once per `event_id`, then sent to every listener of `/ws/matches`."""
        return _delivered(await intake.take(await read_json(request, Match, EVENT_LIMIT)))

    @router.post(
        "/api/check",
        response_model=Delivered,
        summary="Report the end of a batch",
        responses=_REFUSALS,
        openapi_extra=described(Check, least=_CHECK, whole={**_CHECK, **_ADDED, "outcome": "match", "frames": 1}),
    )
    async def check(request: Request) -> Response:
        """Stored once per `event_id`, then sent to every listener of `/ws/matches`."""
        return _delivered(await intake.take(await read_json(request, Check, EVENT_LIMIT)))

    @router.post(
        "/api/events",
        response_model=Delivered,
        summary="Report events that had to wait, and those of every other type",
        responses=_refusals(EVENTS_LIMIT, "events.1.check.frames"),
        openapi_extra=described(
            Events, one={"events": [_CHECK]}, two={"events": [_A_MATCH, {**_CHECK, **_ADDED}, _JOINED]}
        ),
    )
    async def events(request: Request) -> Response:
        """Up to 256 of them in one body, in order: much faster than one by one after the sender was cut off. Each is
        stored once per `event_id`, then sent to every listener who hears of its type. When this is refused, send them
        one by one: that tells which of them it is.
        """
        return _delivered(await intake.take(*(await read_json(request, Events, EVENTS_LIMIT)).events))

    async def serve(socket: WebSocket, after: str | None, types: str | None) -> None:
        caller = caller_of(socket.scope)
        holder = holder_of(caller)
        refusal = _refusal(hub, places.refusal(holder), after, types)
        if refusal is not None:
            log.info("Listener refused", code=str(refusal.code))
            await socket.send_denial_response(refusal.response())
            return
        with places.held(holder):  # before anything is waited for
            await socket.accept()
            owner = caller.session.id if caller.session else None
            audience = Audience(owner, _wanted(types))
            await hub.serve(socket, None if after is None else int(after), cut_of(socket.scope), audience)

    @router.websocket("/ws/matches")
    async def matches(socket: WebSocket, after: Annotated[str | None, Query()] = None) -> None:
        await serve(socket, after, ",".join(FIRST_TYPES))

    @router.websocket("/ws/events")
    async def every(
        socket: WebSocket, after: Annotated[str | None, Query()] = None, types: Annotated[str | None, Query()] = None
    ) -> None:
        await serve(socket, after, types)

    return router


def _delivered(count: int) -> Response:
    """`Delivered`, made by hand: the framework's way takes a tenth of all that an event costs."""
    return Response(Delivered(delivered=count).model_dump_json(), media_type="application/json")


_LONGEST_CURSOR = 15
"""Digits: what JavaScript can count to."""


def _wanted(types: str | None) -> frozenset[str]:
    return frozenset(EVENT_TYPES if types is None else types.split(","))


def _refusal(hub: Hub, no_place: str | None, after: str | None, types: str | None) -> ApiError | None:
    if hub.closing:
        return ApiError(503, Code.STOPPING, "Face Match is stopping.", headers={"Retry-After": "2"})
    if no_place is not None:
        return ApiError(503, Code.BUSY, no_place, headers={"Retry-After": "10"})
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= _LONGEST_CURSOR):
        return invalid([{"loc": ("after",), "msg": "must be the cursor of an event that was received, or 0"}])
    if not _wanted(types) <= {*EVENT_TYPES}:
        return invalid([{"loc": ("types",), "msg": f"must be some of {', '.join(EVENT_TYPES)}, comma-separated"}])
    return None
