"""What is going on: everything a page needs to draw itself."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from facematch.protocol.heartbeat import CycleSettings, Heartbeat
from facematch.protocol.values import LONGEST_NAME
from facematch.server.assignment.service import Assignment
from facematch.server.events.service import EventsStatus, Feed
from facematch.server.gallery.photo_file import Current, ReferenceFile
from facematch.server.gallery.routes import URL as REFERENCE_URL
from facematch.server.privacy.erasure import Erasures
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.replicas.service import Agreement
from facematch.server.web.errors import Code, documented
from facematch.server.webhooks.relay import WebhookStatus
from facematch.server.webhooks.service import Webhooks


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
    rivals: int = Field(
        description="Other recognizers that watch the same room: each reports every match. Stop all but one"
    )


class Status(BaseModel):
    """Everything a page needs to draw itself."""

    room: str
    livekit_url: str = Field(description="LiveKit server as browsers reach it")
    reference: ReferenceStatus | None
    people: int = Field(description="How many people of the gallery are looked for")
    settings: CycleSettings = Field(description="The recognizer's, or those it would have")
    recognizer: RecognizerStatus
    websocket_clients: int
    events: EventsStatus
    webhook: WebhookStatus | None = Field(description="null: none is configured")
    settings_differ: list[str] = Field(
        description="Settings that processes have to have alike and have not, as sentences"
    )
    erasures: int = Field(description="Changes when something is erased: who remembers events reads the log again")
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Configured:
    """What the settings say of it."""

    room: str
    livekit_url: str
    """LiveKit server as browsers reach it."""
    cycle: CycleSettings
    """Those of a recognizer with the same settings."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose state is shown."""

    recognizers: Recognizers
    reference: ReferenceFile
    feed: Feed
    webhooks: Webhooks
    erasures: Erasures
    people: Callable[[], int]
    """How many there are."""
    assignment: Assignment
    agreement: Agreement


def routes(configured: Configured, shown: Shown) -> APIRouter:
    """`GET /api/status`."""
    router = APIRouter(tags=["status"])

    @router.get(
        "/api/status",
        summary="What is going on",
        responses=documented((422, Code.INVALID, "room: String should have at least 1 character")),
    )
    async def status(
        room: Annotated[
            str | None,
            Query(min_length=1, max_length=LONGEST_NAME, description="Which; without: the one that is watched"),
        ] = None,
    ) -> Status:
        if room is None and shown.assignment.shared:
            room = shown.assignment.shown_first(configured.room)
        recognizer = _recognizer(shown.recognizers, room)
        return Status(
            room=room or configured.room,
            livekit_url=configured.livekit_url,
            reference=_reference(await shown.reference.current()),
            people=shown.people(),
            settings=recognizer.heartbeat.settings if recognizer.heartbeat else configured.cycle,
            recognizer=recognizer,
            websocket_clients=shown.feed.hub.clients,
            events=await shown.feed.status(),
            webhook=await shown.webhooks.status(),
            settings_differ=shown.agreement.differing(),
            erasures=shown.erasures.version,
            server_time=datetime.now(UTC),
        )

    return router


def _reference(current: Current | None) -> ReferenceStatus | None:
    return None if current is None else ReferenceStatus(id=current.id, updated_at=current.updated_at, url=REFERENCE_URL)


def _recognizer(recognizers: Recognizers, room: str | None) -> RecognizerStatus:
    heard = recognizers.newest(room)
    if heard is None:
        return RecognizerStatus(online=False, age_seconds=None, heartbeat=None, rivals=0)
    latest, age = heard
    return RecognizerStatus(
        online=age <= ONLINE_SECONDS, age_seconds=round(age, 3), heartbeat=latest, rivals=recognizers.rivals(room)
    )
