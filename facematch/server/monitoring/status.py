"""What is going on: everything a page needs to draw itself."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.heartbeat import CycleSettings, Heartbeat
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.web.errors import documented
from facematch.server.webhooks.relay import WebhookStatus


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


def routes(recognizers: Recognizers, sources: Sources) -> APIRouter:
    """`GET /api/status`."""
    router = APIRouter(tags=["status"])

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
