"""What is going on: the recognizer's heartbeats in, everything a page needs to draw itself out."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.events import CycleSettings, Heartbeat, HeartbeatAnswer, Order
from facematch.server.web.bodies import MB, described, json_refusals, read_json
from facematch.server.web.errors import Code, documented
from facematch.server.webhooks.relay import WebhookStatus

ONLINE_SECONDS = 6.0
"""A recognizer that has been silent for longer is offline; it posts every 2 s."""

OVERTAKEN_SECONDS = 3.0
"""By how much one heartbeat can overtake another: a post is given up after 2 s. Well below `ONLINE_SECONDS`."""

HEARTBEAT_LIMIT = MB
_MOST_SOURCES = 16
_REPORTED_SECONDS = 3600.0

_HEARTBEAT = {
    "source": "recognizer-5f0c",
    "room": "face-recognition-room",
    "started_at": "2025-09-25T14:00:00+00:00",
    "sent_at": "2025-09-25T14:07:09+00:00",
    "livekit": "connected",
    "reference_id": "9f86d081884c7d65",
    "settings": {
        "batch_max_frames": 5,
        "hold_seconds": 10,
        "wait_seconds": 10,
        "batch_timeout_seconds": 10,
        "match_cooldown_seconds": 3,
        "threshold": 0.5,
    },
    "tracks": [
        {
            "track_sid": "TR_xxx",
            "participant_id": "PA_xxx",
            "participant_identity": "Alice42",
            "participant_name": "Alice42",
            "state": "hold",
            "deadline_in": 7.2,
            "batches": 9,
            "last_outcome": "match",
        }
    ],
    "counters": {"batches": 9, "frames": 14, "matches": 8, "checks": 9},
    "cpu_seconds": 4.1,
    "cpu_ratio": 0.02,
    "memory_bytes": 230000000,
    "memory_ratio": 0.41,
}


@dataclass(frozen=True, slots=True)
class _Heard:
    heartbeat: Heartbeat
    at: float
    """When it came, on the monotonic clock."""


class Recognizers:
    """The last heartbeat of each boot of a recognizer. The youngest boot that is alive speaks for all.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._heard: dict[str, _Heard] = {}

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat; one that was overtaken by a newer one of the same boot changes nothing.

        Which of two was sent first, only the recognizer's clock tells, and that may have been set back meanwhile. So
        its word counts only for as long as a post can be on its way.
        """
        now, known = self._now(), self._heard.get(heartbeat.source)
        if known and known.heartbeat.sent_at > heartbeat.sent_at and now - known.at <= OVERTAKEN_SECONDS:
            return
        self._heard[heartbeat.source] = _Heard(heartbeat, now)
        while len(self._heard) > _MOST_SOURCES:
            del self._heard[min(self._heard, key=lambda source: self._heard[source].at)]

    def newest(self) -> tuple[Heartbeat, float] | None:
        """The heartbeat that counts and its age in seconds; None when there is none of the last hour.

        Among the boots that are alive the one that started last, so that a process that has been replaced and is
        still ending does not cover its successor. When none is alive, the one heard last.
        """
        now = self._now()
        heard = [one for one in self._heard.values() if now - one.at <= _REPORTED_SECONDS]
        alive = [one for one in heard if now - one.at <= ONLINE_SECONDS]
        best = max(alive, key=lambda one: one.heartbeat.started_at, default=None) or max(
            heard, key=lambda one: one.at, default=None
        )
        return (best.heartbeat, now - best.at) if best else None

    def all(self) -> list[tuple[Heartbeat, float]]:
        """The last heartbeat of each boot that was heard in the last hour, and its age in seconds."""
        now = self._now()
        return [(one.heartbeat, now - one.at) for one in self._heard.values() if now - one.at <= _REPORTED_SECONDS]


class ReferenceStatus(BaseModel):
    """The reference on disk."""

    id: str = Field(examples=["9f86d081884c7d65"])
    updated_at: datetime
    url: str = Field(examples=["/reference/current.jpg"])


class RecognizerStatus(BaseModel):
    """The recognizer, as far as is known."""

    online: bool = Field(description=f"Heard of in the last {ONLINE_SECONDS:g} s")
    age_seconds: float | None = Field(description="Since its last heartbeat; null: none")
    heartbeat: Heartbeat | None


class GapStatus(BaseModel):
    """Numbers of one source that are missing, both ends included."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    source: str = Field(examples=["recognizer-5f0c"])
    first: int = Field(alias="from", examples=[18])
    last: int = Field(alias="to", examples=[19])


class GapsStatus(BaseModel):
    """Events that a recognizer numbered and that never came, since the API started."""

    count: int = Field(description="Events missing")
    last: list[GapStatus] = Field(description="The last few gaps, the newest last")


class EventsStatus(BaseModel):
    """The event log."""

    count: int = Field(description="Events kept")
    cursor: int = Field(description="Position of the last one; 0: none. Positions are not counts")
    error: str | None = Field(description="Why it cannot be used now, or could not when the last event came")
    gaps: GapsStatus


class Status(BaseModel):
    """Everything a page needs to draw itself."""

    room: str
    livekit_url: str = Field(description="LiveKit server as browsers reach it")
    reference: ReferenceStatus | None
    settings: CycleSettings = Field(description="The recognizer's, or those it would have")
    recognizer: RecognizerStatus
    websocket_clients: int
    events: EventsStatus
    webhook: WebhookStatus | None = Field(description="null: none is configured")
    erasures: int = Field(description="Changes when something is erased: who remembers events reads the log again")
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the parts of the status come from."""

    room: str
    livekit_url: str
    settings: CycleSettings
    reference: Callable[[], Awaitable[ReferenceStatus | None]]
    clients: Callable[[], int]
    events: Callable[[], Awaitable[EventsStatus]]
    webhook: Callable[[], Awaitable[WebhookStatus | None]]
    erasures: Callable[[], int]


class Ordering(Protocol):
    """Who asks something of recognizers."""

    def hear(self, heartbeat: Heartbeat) -> None:
        """Told of each heartbeat."""
        ...

    def orders(self) -> list[Order]:
        """What the answers to heartbeats ask for now."""
        ...


def routes(recognizers: Recognizers, sources: Sources, ordering: Ordering) -> APIRouter:
    """`POST /api/heartbeat` and `GET /api/status`."""
    router = APIRouter(tags=["status"])

    @router.post(
        "/api/heartbeat",
        summary="The recognizer's account of itself",
        responses=documented(
            *json_refusals(HEARTBEAT_LIMIT),
            (422, Code.INVALID, "livekit: Input should be 'connecting', 'connected', …"),
        ),
        openapi_extra=described(Heartbeat, one_track=_HEARTBEAT),
    )
    async def heartbeat(request: Request) -> HeartbeatAnswer:
        """What its answer orders, the recognizer carries out, and tells so in `orders_done` of those that follow."""
        heartbeat = await read_json(request, Heartbeat, HEARTBEAT_LIMIT)
        recognizers.hear(heartbeat)
        ordering.hear(heartbeat)
        return HeartbeatAnswer(orders=ordering.orders())

    @router.get("/api/status", summary="What is going on", responses=documented())
    async def status() -> Status:
        heard = recognizers.newest()
        if heard is None:
            recognizer = RecognizerStatus(online=False, age_seconds=None, heartbeat=None)
        else:
            latest, age = heard
            recognizer = RecognizerStatus(online=age <= ONLINE_SECONDS, age_seconds=round(age, 3), heartbeat=latest)
        return Status(
            room=sources.room,
            livekit_url=sources.livekit_url,
            reference=await sources.reference(),
            settings=recognizer.heartbeat.settings if recognizer.heartbeat else sources.settings,
            recognizer=recognizer,
            websocket_clients=sources.clients(),
            events=await sources.events(),
            webhook=await sources.webhook(),
            erasures=sources.erasures(),
            server_time=datetime.now(UTC),
        )

    return router
