"""The rooms that are watched, and the recognizers that watch them, page by page."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from facematch.protocol.heartbeat import Heartbeat, LiveKitState
from facematch.protocol.values import LONGEST_NAME
from facematch.server.recognizers.registry import ONLINE_SECONDS, Heard, Recognizers
from facematch.server.web.errors import Code, documented

MOST_AT_ONCE: Final = 500
FIRST_PAGE: Final = 100

After = Annotated[
    str, Query(max_length=LONGEST_NAME, description="`next` of the page before; without: from the beginning")
]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="At most so many")]


class RoomShown(BaseModel):
    """One room."""

    room: str = Field(examples=["face-recognition-room"])
    watched: bool = Field(description="A recognizer is in it, and was heard of just now")
    recognizer: str | None = Field(description="Which one: `name` of /api/recognizers; null: none")
    epoch: int | None = Field(description="Rises whenever another recognizer takes the room; null: ROOM_NAME alone")
    livekit: LiveKitState | None = Field(description="Its recognizer's connection; null: not heard of")
    tracks: int = Field(description="Cameras")
    participants: int = Field(description="Who have a camera there")
    matched: int = Field(description="Of them, those in whose last batch somebody was recognised")
    planned: float | None = Field(description="Frames a second that its cameras need by the duty cycle; null: unknown")
    since: datetime | None = Field(description="When its recognizer took it")


class RoomsShown(BaseModel):
    """Rooms by name, and what all of them together need."""

    rooms: list[RoomShown]
    next: str | None = Field(description="`after` of the next page; null: this is the last one")
    planned: float | None = Field(description="Frames a second that all rooms need; null: unknown")
    capacity: float | None = Field(description="Frames a second that all recognizers can look at; null: unknown")


class RecognizerShown(BaseModel):
    """One recognizer process."""

    name: str = Field(description="The same after its restart, where it says so")
    boot: str = Field(description="`source` of its events", examples=["recognizer-5f0c"])
    age_seconds: float = Field(description="Since it was last heard of")
    draining: bool = Field(description="It ends, and gives its rooms away")
    capacity: float | None = Field(description="Frames a second that it can look at; null: unknown")
    planned: float | None = Field(description="Frames a second that its rooms need; null: unknown")
    rooms: int
    settings_differ: list[str] = Field(description="In which settings it differs from the API, as sentences")
    version: str | None = Field(description="Of Face Match; null: unknown")


class RecognizersShown(BaseModel):
    """Recognizers by name."""

    recognizers: list[RecognizerShown]
    next: str | None = Field(description="`after` of the next page; null: this is the last one")


@dataclass(frozen=True, slots=True)
class Held:
    """A room, and who is to watch it."""

    room: str
    worker: str | None
    epoch: int
    arrived: bool
    """Its worker is in it, and was heard of just now."""
    planned: float
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who watches what, where rooms are shared among recognizers."""

    rooms: Sequence[Held]
    workers: Sequence[RecognizerShown]


Shared = Callable[[], Awaitable[Fleet | None]]
"""Who watches what; None: ROOM_NAME alone is watched, by whoever does.

Raises:
    OSError: it cannot be read now.
"""


async def _alone() -> None:
    return None


def routes(default_room: str, recognizers: Recognizers, shared: Shared = _alone) -> APIRouter:
    """`GET /api/rooms` and `GET /api/recognizers`.

    Args:
        default_room: watched where rooms are not shared.
        recognizers: what each says of its rooms.
        shared: who watches what.
    """
    router = APIRouter(tags=["status"])
    refusals = documented((422, Code.INVALID, "limit: Input should be greater than or equal to 1"))

    @router.get("/api/rooms", summary="Which rooms there are, and who watches them", responses=refusals)
    async def rooms(after: After = "", limit: Limit = FIRST_PAGE) -> RoomsShown:
        """By name. A room that goes or comes meanwhile moves no other from one page to the next."""
        fleet, heard = await shared(), recognizers.by_room()
        held = _of_heartbeats(default_room, heard) if fleet is None else fleet.rooms
        page = sorted((one for one in held if one.room > after), key=lambda one: one.room)[: limit + 1]
        return RoomsShown(
            rooms=[_shown(one, heard.get(one.room), shared=fleet is not None) for one in page[:limit]],
            next=page[limit - 1].room if len(page) > limit else None,
            planned=None if fleet is None else round(sum(one.planned for one in fleet.rooms), 3),
            capacity=None if fleet is None else _capacity(fleet.workers),
        )

    @router.get("/api/recognizers", summary="Which recognizers there are", responses=refusals)
    async def all_recognizers(after: After = "", limit: Limit = FIRST_PAGE) -> RecognizersShown:
        """Those of the last hour, by name."""
        fleet = await shared()
        workers = _of_boots(recognizers.all()) if fleet is None else fleet.workers
        page = sorted((one for one in workers if one.name > after), key=lambda one: one.name)[: limit + 1]
        return RecognizersShown(recognizers=page[:limit], next=page[limit - 1].name if len(page) > limit else None)

    return router


def _of_heartbeats(default_room: str, heard: Mapping[str, Heard]) -> list[Held]:
    """Where each recognizer has a room of its own: that of the settings, and those that are reported of."""
    alive = {room: one for room, one in heard.items() if one[1] <= ONLINE_SECONDS}
    return [
        Held(
            room=room,
            worker=alive[room][0].source if room in alive else None,
            epoch=0,
            arrived=room in alive and alive[room][0].livekit is LiveKitState.CONNECTED,
            planned=0.0,
            since=alive[room][0].started_at if room in alive else None,
        )
        for room in {default_room, *alive}
    ]


def _shown(held: Held, heard: Heard | None, *, shared: bool) -> RoomShown:
    said = _said_by(heard)
    tracks = said.tracks if said else []
    matched = {track.participant_identity for track in tracks if track.last_outcome == "match"}
    return RoomShown(
        room=held.room,
        watched=held.arrived,
        recognizer=held.worker,
        epoch=held.epoch if shared else None,
        livekit=said.livekit if said else None,
        tracks=len(tracks) + (said.tracks_untold if said else 0),
        participants=len({track.participant_identity for track in tracks}),
        matched=len(matched),
        planned=round(held.planned, 3) if shared else None,
        since=held.since,
    )


def _said_by(heard: Heard | None) -> Heartbeat | None:
    return heard[0] if heard is not None and heard[1] <= ONLINE_SECONDS else None


def _of_boots(heard: Sequence[Heard]) -> list[RecognizerShown]:
    rooms: dict[str, list[float]] = {}
    for heartbeat, age in heard:
        rooms.setdefault(heartbeat.source, []).append(age)
    return [
        RecognizerShown(
            name=source,
            boot=source,
            age_seconds=round(min(ages), 3),
            draining=False,
            capacity=None,
            planned=None,
            rooms=sum(age <= ONLINE_SECONDS for age in ages),
            settings_differ=[],
            version=None,
        )
        for source, ages in rooms.items()
    ]


def _capacity(workers: Sequence[RecognizerShown]) -> float:
    """Of those that are there and stay."""
    there = [one.capacity or 0.0 for one in workers if one.age_seconds <= ONLINE_SECONDS and not one.draining]
    return round(math.fsum(there), 3)
