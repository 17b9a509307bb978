"""The event log in pages: what happened, from any position, for programs that ask instead of listening."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from facematch.protocol.events import (
    EVENT_TYPES,
    FIRST_TYPES,
    AlarmChange,
    AuditEntry,
    BindingChange,
    Check,
    EventType,
    IdentityChange,
    Match,
    ParticipantChange,
    ViewingChange,
    WatchChange,
)
from facematch.protocol.values import Name
from facematch.server.events.log import Entry, EventLog, Filter, Page
from facematch.server.events.table import AT_ONCE, rows_in_parts
from facematch.server.web.csv_table import MEDIA_TYPE, attachment
from facematch.server.web.errors import ApiError, Code, documented

MOST: int = 1_000
DEFAULT: int = 100
LARGEST_CURSOR: int = 10**15 - 1
"""What JavaScript can count to, and a little less."""


def _digits(value: Any) -> Any:
    """A number as one is written: `int` would take blanks, signs, underscores and other scripts' digits."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


_FIELDS = {
    model.model_fields["type"].default: ("cursor", "timestamp", "type", "room", *model.model_fields)
    for model in (
        Match,
        Check,
        ParticipantChange,
        WatchChange,
        IdentityChange,
        BindingChange,
        ViewingChange,
        AlarmChange,
        AuditEntry,
    )
}
"""By type, the columns of a table."""


Number = Annotated[int, BeforeValidator(_digits)]
Cursor = Annotated[Number, Field(ge=0, le=LARGEST_CURSOR)]


class EventsQuery(BaseModel):
    """Which part of the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Cursor = Field(0, description="Only events behind this position; 0: from the first on")
    before: Cursor | None = Field(None, description="Only events before this position")
    limit: Annotated[Number, Field(ge=1, le=MOST)] = Field(DEFAULT, description="Most events in one answer")
    type: EventType | Literal["all"] | None = Field(
        None, description="Without it: Matches and Checks, as on `WS /ws/matches`"
    )
    participant: Name | None = Field(None, description="An identity, or a participant's sid (`PA_…`)")
    room: Name | None = None
    person: Name | None = Field(
        None,
        description="A person's id: only what is about them, as named, resembled or expected. `default`: the Matches "
        "of the person of the reference photo",
    )
    begins: AwareDatetime | None = Field(None, alias="from", description="Only what happened then or later")
    ends: AwareDatetime | None = Field(None, alias="to", description="Only what happened before that")
    format: Literal["json", "csv"] = Field(
        "json", description="csv: a table of all that fits, however much, from `after` to `before`; without `limit`"
    )
    order: Literal["asc", "desc"] = Field("asc", description="asc: the oldest first; desc: the newest first")


class LoggedMatch(Match):
    """A Match of the log."""

    cursor: int = Field(description="Its position")


class LoggedCheck(Check):
    """A Check of the log."""

    cursor: int = Field(description="Its position")


class LoggedParticipantChange(ParticipantChange):
    """Somebody came or went, in the log."""

    cursor: int = Field(description="Its position")


class LoggedWatchChange(WatchChange):
    """The recognizer began to watch or lost sight, in the log."""

    cursor: int = Field(description="Its position")


class LoggedIdentityChange(IdentityChange):
    """A participant's identity came into another state, in the log."""

    cursor: int = Field(description="Its position")


class LoggedBindingChange(BindingChange):
    """Somebody said who a participant is supposed to be, in the log."""

    cursor: int = Field(description="Its position")


class LoggedViewingChange(ViewingChange):
    """Somebody watched a room, in the log."""

    cursor: int = Field(description="Its position")


class LoggedAlarmChange(AlarmChange):
    """An alarm was raised, or somebody has looked at it, in the log."""

    cursor: int = Field(description="Its position")


class LoggedAuditEntry(AuditEntry):
    """Somebody signed in or out, or changed photos, in the log."""

    cursor: int = Field(description="Its position")


class EventsPage(BaseModel):
    """A part of the log."""

    events: list[
        LoggedMatch
        | LoggedCheck
        | LoggedParticipantChange
        | LoggedWatchChange
        | LoggedIdentityChange
        | LoggedBindingChange
        | LoggedViewingChange
        | LoggedAlarmChange
        | LoggedAuditEntry
    ] = Field(description="As on `WS /ws/events`")
    next_after: int = Field(description="Ask with `after` set to this for what is newer than this page")
    next_before: int | None = Field(
        description="With `order=desc`: ask with `before` set to this for what is older; null: there is nothing"
    )
    more: bool = Field(description="The answer was cut at `limit`: there is more in the same direction now")
    latest: int = Field(
        description="Position of the last event of the log. Smaller than an `after` that came from here: the log "
        "began anew, ask from 0"
    )


def routes(event_log: EventLog) -> APIRouter:
    """`GET /api/events`."""
    router = APIRouter(tags=["events"])

    @router.get(
        "/api/events",
        summary="The event log in pages",
        response_model=EventsPage,
        responses={
            200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
            **documented(
                (422, Code.INVALID, "limit: Input should be less than or equal to 1000"),
                (503, Code.STORAGE_FAILED, "The event log cannot be read now. Ask again."),
            ),
        },
    )
    async def events(query: Annotated[EventsQuery, Query()]) -> Response:
        """In the order of their positions, which never change and are never given twice: pages do not shift while
        events come in. To follow the log, ask again and again with `after` set to the answer's `next_after`; to be
        told of events as they come, listen on `WS /ws/matches?after=` or `WS /ws/events?after=`.
        """
        page = Page(after=query.after, before=query.before, limit=query.limit + 1, newest_first=query.order == "desc")
        only = Filter(_types(query), query.participant, query.room, query.person, query.begins, query.ends)
        try:
            latest = await event_log.latest()
            if query.format == "csv":
                return await _table(event_log, replace(page, limit=AT_ONCE), only, latest)
            found = await event_log.page(page, only)
        except OSError as error:
            raise ApiError(
                503,
                Code.STORAGE_FAILED,
                f"The event log cannot be read now ({error}). Ask again.",
                headers={"Retry-After": "1"},
            ) from error
        return Response(_answer(query, found[: query.limit], len(found) > query.limit, latest), 200, _JSON)

    return router


async def _table(event_log: EventLog, page: Page, only: Filter, latest: int) -> Response:
    """What fits until now as a table that is made while it is sent: however much it is, little of it is held."""
    until = replace(page, before=min(page.before or latest + 1, latest + 1))
    columns = list(dict.fromkeys(name for type_ in only.types or EVENT_TYPES for name in _FIELDS[type_]))
    parts = rows_in_parts(event_log, until, only, columns)
    first = await anext(parts)  # while it can still be refused

    async def whole() -> AsyncIterator[str]:
        yield first
        async for part in parts:
            yield part

    return StreamingResponse(whole(), 200, attachment("events.csv"), MEDIA_TYPE)


_JSON = {"Content-Type": "application/json"}


def _types(query: EventsQuery) -> tuple[str, ...]:
    if query.type == "all":
        return ()
    return (query.type,) if query.type else FIRST_TYPES


def _answer(query: EventsQuery, page: Sequence[Entry], more: bool, latest: int) -> str:  # noqa: FBT001
    """The body, from events that are JSON already."""
    newest = max((entry.cursor for entry in page), default=query.after)
    older = str(page[-1].cursor) if query.order == "desc" and more else "null"
    latest = max(latest, newest if page else 0)  # read a moment before the page
    return (
        f'{{"events":[{",".join(entry.text for entry in page)}],"next_after":{newest},"next_before":{older},'
        f'"more":{str(more).lower()},"latest":{latest}}}'
    )
