"""Alarms over HTTP: what somebody has to look at, and saying that they have."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.events import AlarmKind
from facematch.protocol.values import BBox, FrameSize, Name
from facematch.server.access.caller import caller_of
from facematch.server.alarms.answering import Answering, NoSuchAlarmError
from facematch.server.alarms.store import AlarmStore, Asked, Shown
from facematch.server.events.history import Cursor, Number
from facematch.server.identity.refusing import BUSY, refused
from facematch.server.people.answers import url_of
from facematch.server.people.saying import UNAVAILABLE, said
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

MOST: int = 200
DEFAULT: int = 50

_NO_ALARM = (404, Code.NO_ALARM, "There is no alarm of this id (any more).")
_NO_ID = (422, Code.INVALID, "id: Input should be a valid UUID")


class AlarmsQuery(BaseModel):
    """Which alarms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: Name | None = None
    state: Literal["open", "all"] = Field("all", description="open: nobody has acknowledged it")
    before: Cursor | None = Field(None, description="Only those before this position")
    limit: Annotated[Number, Field(ge=1, le=MOST)] = Field(DEFAULT, description="Most in one answer")


class AlarmPicture(BaseModel):
    """The Match that shows it."""

    event_id: UUID
    snapshot: str | None = Field(description="Its name under /captures/; null: there is none (any more)")
    bbox: BBox = Field(description="[top, right, bottom, left] in frame_size pixels")
    frame_size: FrameSize
    timestamp: datetime
    confidence: float = Field(description="1 - distance: a score, not a probability")


class AlarmShown(BaseModel):
    """Something that somebody has to look at, or has looked at."""

    id: UUID
    cursor: int = Field(description="Position of the event that it follows from")
    kind: AlarmKind = Field(
        description="match: somebody who is looked for was seen, and nobody says that the participant is that person; "
        "someone_else: a participant is not who they are supposed to be; face_changed: another face than before"
    )
    room: str | None
    participant_identity: str
    participant_id: str = Field(description="The participant's sid, as it was then")
    participant_name: str
    person_id: str | None = Field(description="Who they are supposed to be; null: nobody says")
    person_name: str | None = Field(description="null: the default person, or nobody")
    person_portrait: str | None = Field(
        default=None, description="URL of one of their photos; null: there is none, or it is /reference/current.jpg"
    )
    seen_person_id: str | None = Field(description="Who was seen; null: nobody who is known")
    seen_person_name: str | None
    seen_person_portrait: str | None = Field(default=None, description="As `person_portrait`")
    since: datetime
    last_at: datetime = Field(description="When the same was seen last, without a pause of ALARM_QUIET_SECONDS")
    sights: int = Field(description="How often")
    acknowledged_by: str | None = Field(description="null: it is open", examples=["Dana, viewer (login)"])
    acknowledged_at: datetime | None
    verdict: Literal["right", "wrong"] | None = Field(description="null: nobody has said")
    judged_by: str | None
    judged_at: datetime | None
    picture: AlarmPicture | None = Field(description="null: no picture shows it; only matches have one")

    @classmethod
    def of(cls, shown: Shown) -> "AlarmShown":
        """As it is shown."""
        row = shown.row
        return cls.model_validate(
            {
                "id": row.id,
                "cursor": row.cursor,
                "kind": row.kind,
                "room": row.room or None,
                "participant_identity": row.identity,
                "participant_id": row.sid,
                "participant_name": row.name,
                "person_id": shown.person_id or None,
                "person_name": shown.person_name,
                "person_portrait": shown.person_photo and url_of(shown.person_id, shown.person_photo),
                "seen_person_id": shown.seen_person_id or None,
                "seen_person_name": shown.seen_person_name,
                "seen_person_portrait": shown.seen_person_photo
                and url_of(shown.seen_person_id, shown.seen_person_photo),
                "since": row.since,
                "last_at": row.last_at,
                "sights": row.sights,
                "acknowledged_by": row.acknowledged_by or None,
                "acknowledged_at": row.acknowledged_at,
                "verdict": row.verdict or None,
                "judged_by": row.judged_by or None,
                "judged_at": row.judged_at,
                "picture": shown.match and {name: shown.match[name] for name in AlarmPicture.model_fields},
            }
        )


class AlarmsShown(BaseModel):
    """Some of them."""

    alarms: list[AlarmShown] = Field(description="The newest first")
    open: int = Field(description="How many nobody has acknowledged, of the room or of all")
    next_before: int | None = Field(
        description="Ask with `before` set to this for what is older; null: there is nothing"
    )


class JudgementSent(BaseModel):
    """What somebody says of an alarm."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["right", "wrong"] = Field(
        description="right: it is as the alarm says. Said of the Match that shows it, too"
    )


def routes(store: AlarmStore, answering: Answering) -> APIRouter:
    """`/api/alarms`.

    Args:
        store: where they are read.
        answering: what people say of them.
    """
    router = APIRouter(tags=["alarms"])

    @router.get(
        "/api/alarms",
        summary="What somebody has to look at",
        responses=documented((422, Code.INVALID, "state: Input should be 'open' or 'all'"), UNAVAILABLE),
    )
    async def listed(query: Annotated[AlarmsQuery, Query()]) -> AlarmsShown:
        """Those that are open, or all that the log still holds the cause of. What becomes of them is told on
        `WS /ws/events` (`alarm`).
        """
        asked = Asked(query.room, query.state == "open", query.before, query.limit + 1)
        with said():
            found = await store.page(asked)
            count = await store.open_ones(query.room)
        shown = [AlarmShown.of(one) for one in found[: query.limit]]
        return AlarmsShown(alarms=shown, open=count, next_before=shown[-1].cursor if len(found) > query.limit else None)

    @router.post(
        "/api/alarms/{id}/acknowledge",
        summary="Somebody has looked at an alarm",
        responses=documented(_NO_ALARM, _NO_ID, UNAVAILABLE, BUSY),
    )
    async def acknowledge(
        request: Request,
        id: Annotated[UUID, Path(description="The alarm's")],  # noqa: A002  (the path's name for it)
    ) -> AlarmShown:
        """It is open no more, on every page. Who did so first, and when, stays in the log (`alarm`)."""
        by = caller_of(request.scope).signature
        with _refused():
            alarm = await answering.acknowledge(id, by)
        log.info("Alarm acknowledged", alarm=str(id), by=by)
        return AlarmShown.of(alarm)

    @router.post(
        "/api/alarms/{id}/judge",
        summary="Say whether an alarm is right",
        responses=documented(*json_refusals(KB), _NO_ALARM, (422, Code.INVALID, "verdict: Field required"), BUSY),
        openapi_extra=described(JudgementSent, right={"verdict": "right"}, wrong={"verdict": "wrong"}),
    )
    async def judge(
        request: Request,
        id: Annotated[UUID, Path(description="The alarm's")],  # noqa: A002  (the path's name for it)
    ) -> AlarmShown:
        """In place of what was said of it before; it is acknowledged by that, too. Who said it, and when, stays in the
        log (`alarm`); `GET /api/calibration` counts what was said of the Match that shows it.
        """
        sent = await read_json(request, JudgementSent, KB)
        by = caller_of(request.scope).signature
        with _refused():
            alarm = await answering.judge(id, sent.verdict, by)
        log.info("Alarm judged", alarm=str(id), verdict=sent.verdict, by=by)
        return AlarmShown.of(alarm)

    return router


@contextmanager
def _refused() -> Iterator[None]:
    """What is raised meanwhile, as a refusal."""
    with refused():
        try:
            yield
        except NoSuchAlarmError:
            raise ApiError(*_NO_ALARM) from None
