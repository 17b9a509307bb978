"""The rooms that are watched, and the recognizers that watch them, page by page."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from facematch.protocol.events import Outcome
from facematch.protocol.heartbeat import Heartbeat, LiveKitState, TrackStatus
from facematch.protocol.values import LONGEST_NAME
from facematch.server.assignment.service import Assignment
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.replicas.service import Agreement
from facematch.server.web.errors import Code, documented

MOST_AT_ONCE: Final = 500
FIRST_PAGE: Final = 100
MOST_MATCHES: Final = 20
"""Of one room: in a list of 500 they are as many as anybody reads."""

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
    matches: list[TrackStatus] = Field(
        description=f"Their cameras, {MOST_MATCHES} at most, as the recognizer last told of them"
    )
    told_at: datetime | None = Field(description="When it did, by its own clock; null: not heard of")
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
class _Held:
    """A room, and who is to watch it."""

    room: str
    recognizer: str | None
    watched: bool
    since: datetime | None
    heard: Heartbeat | None
    """What is said of it now."""
    epoch: int | None = None
    planned: float | None = None


def routes(default_room: str, recognizers: Recognizers, assignment: Assignment, agreement: Agreement) -> APIRouter:
    """`GET /api/rooms` and `GET /api/recognizers`.

    Args:
        default_room: watched where rooms are not shared.
        recognizers: what each says of its rooms.
        assignment: who watches what.
        agreement: how recognizers are set, where each has a room of its own.
    """
    router = APIRouter(tags=["status"])
    refusals = documented((422, Code.INVALID, "limit: Input should be greater than or equal to 1"))
    known = _Shared(assignment, recognizers) if assignment.shared else _Alone(default_room, recognizers, agreement)

    @router.get("/api/rooms", summary="Which rooms there are, and who watches them", responses=refusals)
    async def rooms(after: After = "", limit: Limit = FIRST_PAGE) -> RoomsShown:
        """By name. A room that goes or comes meanwhile moves no other from one page to the next."""
        page = sorted((one for one in known.rooms() if one.room > after), key=lambda one: one.room)[: limit + 1]
        planned, capacity = known.load()
        return RoomsShown(
            rooms=[_shown(one) for one in page[:limit]],
            next=page[limit - 1].room if len(page) > limit else None,
            planned=planned,
            capacity=capacity,
        )

    @router.get("/api/recognizers", summary="Which recognizers there are", responses=refusals)
    async def all_recognizers(after: After = "", limit: Limit = FIRST_PAGE) -> RecognizersShown:
        """Those of the last hour, by name."""
        workers = (one for one in known.recognizers() if one.name > after)
        page = sorted(workers, key=lambda one: one.name)[: limit + 1]
        return RecognizersShown(recognizers=page[:limit], next=page[limit - 1].name if len(page) > limit else None)

    return router


class _Alone:
    """Where each recognizer has a room of its own: that of the settings, and those that are reported of."""

    def __init__(self, default_room: str, recognizers: Recognizers, agreement: Agreement) -> None:
        self._default_room = default_room
        self._agreement = agreement
        self._recognizers = recognizers

    def rooms(self) -> list[_Held]:
        heard = self._recognizers.by_room()
        alive = {room: heartbeat for room, (heartbeat, age) in heard.items() if age <= ONLINE_SECONDS}
        found = [
            _Held(room, one.source, one.livekit is LiveKitState.CONNECTED, one.started_at, one)
            for room, one in alive.items()
        ]
        return found if self._default_room in alive else [*found, _Held(self._default_room, None, False, None, None)]  # noqa: FBT003

    def recognizers(self) -> list[RecognizerShown]:
        ages: dict[str, list[float]] = {}
        differing: dict[str, list[str]] = {}
        for heartbeat, age in self._recognizers.all():
            ages.setdefault(heartbeat.source, []).append(age)
            differing[heartbeat.source] = self._agreement.of(heartbeat.agreed)
        return [
            RecognizerShown(
                name=source,
                boot=source,
                age_seconds=round(min(of), 3),
                draining=False,
                capacity=None,
                planned=None,
                rooms=sum(age <= ONLINE_SECONDS for age in of),
                settings_differ=differing[source],
                version=None,
            )
            for source, of in ages.items()
        ]

    def load(self) -> tuple[None, None]:
        return None, None


class _Shared:
    """Where rooms are given to recognizers: all of LiveKit's that ROOMS fits."""

    def __init__(self, assignment: Assignment, recognizers: Recognizers) -> None:
        self._assignment = assignment
        self._recognizers = recognizers

    def rooms(self) -> list[_Held]:
        now, heard = self._assignment.latest, self._recognizers.by_room()
        found = []
        for room in now.rooms.values():
            owner = now.workers.get(room.owner or "")
            said, age = heard.get(room.name, (None, math.inf))
            is_owner_s = said is not None and owner is not None and said.source == owner.boot
            found.append(
                _Held(
                    room=room.name,
                    recognizer=room.owner,
                    watched=now.is_watched(room),
                    since=room.since,
                    heard=said if is_owner_s and age <= ONLINE_SECONDS else None,
                    epoch=room.epoch or None,
                    planned=room.cost or 0.0,
                )
            )
        return found

    def recognizers(self) -> list[RecognizerShown]:
        now = self._assignment.latest
        return [
            RecognizerShown(
                name=one.name,
                boot=one.boot,
                age_seconds=round(one.age, 3),
                draining=one.draining,
                capacity=one.capacity,
                planned=round(now.planned(one.name), 3),
                rooms=sum(room.owner == one.name for room in now.rooms.values()),
                settings_differ=list(one.settings_differ),
                version=one.version,
            )
            for one in now.workers.values()
        ]

    def load(self) -> tuple[float, float]:
        now = self._assignment.latest
        able = (one.capacity for one in now.workers.values() if one.age <= ONLINE_SECONDS and not one.draining)
        return round(now.planned(), 3), round(math.fsum(able), 3)


def _shown(held: _Held) -> RoomShown:
    said = held.heard
    tracks = said.tracks if said else []
    matches = [track for track in tracks if track.last_outcome is Outcome.MATCH]
    return RoomShown(
        room=held.room,
        watched=held.watched,
        recognizer=held.recognizer,
        epoch=held.epoch,
        livekit=said.livekit if said else None,
        tracks=len(tracks) + (said.tracks_untold if said else 0),
        participants=len({track.participant_identity for track in tracks}),
        matched=len({track.participant_identity for track in matches}),
        matches=matches[:MOST_MATCHES],
        told_at=said.sent_at if said else None,
        planned=None if held.planned is None else round(held.planned, 3),
        since=held.since,
    )
