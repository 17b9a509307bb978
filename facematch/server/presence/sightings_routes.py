"""What happened, as lines, over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from facematch.protocol.values import Name
from facematch.server.events.history import (
    LARGEST_CURSOR,
    LoggedAuditEntry,
    LoggedBindingChange,
    LoggedMatch,
    LoggedViewingChange,
)
from facematch.server.people.store import PeopleStore
from facematch.server.presence.evidence import Sight
from facematch.server.presence.runs import moment_of
from facematch.server.presence.sightings import Line, Sightings, Wanted
from facematch.server.web.csv_table import MEDIA_TYPE, attachment, heading, lines
from facematch.server.web.errors import ApiError, Code, documented

MOST = 200


class SightingsQuery(BaseModel):
    """Which lines."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: int | None = Field(None, ge=0, le=LARGEST_CURSOR, description="Only lines that begin before this position")
    limit: int = Field(50, ge=1, le=MOST, description="Most lines in one answer")
    of: Literal["people", "faces"] = Field(
        "people", description="people: sightings of whoever was named; faces: of any face, named or not"
    )
    only: Literal["all", "sightings"] = Field("all", description="sightings: without what else happened")
    room: Name | None = None
    identity: Name | None = Field(None, description="Of the participant")
    person: Name | None = Field(None, description="Only sightings of this person, and nothing else; `default` too")
    begins: AwareDatetime | None = Field(None, alias="from", description="Only what began then or later")
    ends: AwareDatetime | None = Field(None, alias="to", description="Only what began before that")
    format: Literal["json", "csv"] = Field(
        "json", description="csv: a table of all that fits, however much, from `before` on; without `limit`"
    )


class PersonSeen(BaseModel):
    """Somebody who was named."""

    person_id: str
    person_name: str | None = Field(description="null: the default person, and who is not there any more")


class Sighting(BaseModel):
    """One line."""

    kind: Literal["sighting", "unseen", "joined", "left", "said"] = Field(
        description="sighting: somebody before a camera. unseen: a camera that could not be looked at. joined, left: "
        "the room. said: an event of its own, in `event`"
    )
    cursor: int = Field(description="Position of the event that it began with: unique, and what pages go by")
    began: datetime = Field(description="The first look, or the moment")
    until: datetime = Field(description="The last look")
    going_on: bool = Field(description="Nothing else has come after it")
    room: str | None
    participant_identity: str | None
    participant_name: str | None
    participant_id: str | None
    track_sid: str | None
    people: list[PersonSeen] = Field(description="Who was named, in the order in which they were first")
    looks: int
    best: float | None = Field(description="Best score: 1 - distance, not a probability; null: not known")
    reason: str | None = Field(description="Of unseen: `muted`, or another outcome of a Check")
    match: LoggedMatch | None = Field(description="A Match of it whose snapshot may be shown")
    event: LoggedBindingChange | LoggedViewingChange | LoggedAuditEntry | None = Field(
        description="Of said: who a participant is supposed to be, that somebody watches the room, or that somebody "
        "signed in or out or changed photos"
    )


class SightingsPage(BaseModel):
    """A part of them."""

    lines: list[Sighting] = Field(description="The one that began last is the first")
    next_before: int | None = Field(description="Ask with `before` set to it for what is older; null: there is nothing")


def routes(sightings: Sightings, people: PeopleStore) -> APIRouter:
    """`GET /api/sightings`.

    Args:
        sightings: what happened.
        people: who is called how, and who is who now.
    """
    router = APIRouter(tags=["presence"])

    @router.get(
        "/api/sightings",
        summary="What happened, one line for each stay",
        response_model=SightingsPage,
        responses={
            200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
            **documented(
                (422, Code.INVALID, "limit: Input should be less than or equal to 200"),
                (503, Code.STORAGE_FAILED, "What is known of presence cannot be read now. Ask again."),
            ),
        },
    )
    async def get(query: Annotated[SightingsQuery, Query()]) -> Response:
        """All looks at a camera that saw, or named, somebody are one line until nobody was for a minute. A page is made
        of what lines begin; a line goes on changing until it is over.
        """
        wanted = Wanted(
            before=query.before,
            limit=query.limit + 1,
            named=query.of == "people",
            beside=query.only == "all",
            room=query.room,
            identity=query.identity,
            person=query.person,
            begins=query.begins,
            ends=query.ends,
        )
        try:
            if query.format == "csv":
                return await _table(sightings, people, replace(wanted, limit=MOST + 1))
            shown, more = await _page(sightings, people, wanted)
        except OSError as error:
            sentence = f"What is known of presence cannot be read now ({error}). Ask again."
            raise ApiError(503, Code.STORAGE_FAILED, sentence, headers={"Retry-After": "1"}) from error
        whole = {"lines": shown, "next_before": more}
        return Response(json.dumps(whole, ensure_ascii=False, allow_nan=False), media_type="application/json")

    return router


async def _page(sightings: Sightings, people: PeopleStore, wanted: Wanted) -> tuple[list[dict[str, Any]], int | None]:
    """All but the last of the lines that are wanted, and where the next page begins; None: there is none."""
    found = await sightings.lines(wanted)
    called = await people.called({person for line in found if isinstance(line, Line) for person in line.people})
    shown = [
        _told(line, called) if isinstance(line, Line) else _said(json.loads(line[1]))
        for line in found[: wanted.limit - 1]
    ]
    return shown, shown[-1]["cursor"] if len(found) == wanted.limit else None


COLUMNS: Final = (
    *("began", "until", "kind", "room", "participant_name", "participant_identity", "participant_id", "track_sid"),
    *("people", "looks", "best", "reason", "what", "by", "snapshot", "going_on", "cursor"),
)
"""Of a table: the fields of a line; who was named, or is meant, by name; and of what was said, what and by whom."""


async def _table(sightings: Sightings, people: PeopleStore, wanted: Wanted) -> Response:
    """All lines as a table that is made while it is sent."""
    first, more = await _page(sightings, people, wanted)  # while it can still be refused

    async def whole() -> AsyncIterator[str]:
        yield heading(COLUMNS) + lines(COLUMNS, map(_row, first))
        before = more
        while before is not None:
            shown, before = await _page(sightings, people, replace(wanted, before=before))
            yield lines(COLUMNS, map(_row, shown))

    return StreamingResponse(whole(), 200, attachment("sightings.csv"), MEDIA_TYPE)


def _row(line: dict[str, Any]) -> dict[str, Any]:
    said, match = line["event"] or {}, line["match"] or {}
    meant = [one["person_name"] or one["person_id"] for one in line["people"]]
    if said.get("person_id"):
        meant = [said.get("person_name") or said["person_id"]]
    what = said and f"{said['type']} {said['change']}"
    return {**line, "people": ", ".join(meant), "what": what, "by": said.get("by"), "snapshot": match.get("snapshot")}


def _told(line: Line, called: dict[str, tuple[str, str]]) -> dict[str, Any]:
    run = line.run
    names = dict(called.values())
    ids = dict.fromkeys(called[one][0] if one in called else one for one in line.people)
    kind = {Sight.SEEN: "sighting", Sight.UNKNOWABLE: "unseen"}.get(run.sight, run.reason)
    return {
        "kind": kind,
        "cursor": run.first_cursor,
        "began": _written(run.at),
        "until": _written(line.until),
        "going_on": line.going_on,
        "room": run.chain.room or None,
        "participant_identity": run.chain.identity or None,
        "participant_name": run.name or None,
        "participant_id": run.sid or None,
        "track_sid": run.chain.track or None,
        "people": [{"person_id": id_, "person_name": names.get(id_)} for id_ in ids],
        "looks": line.looks,
        "best": None if line.best is None else round(1 - line.best, 4),
        "reason": run.reason if kind == "unseen" else None,
        "match": None if line.match is None else json.loads(line.match),
        "event": None,
    }


def _said(event: dict[str, Any]) -> dict[str, Any]:
    fields = ("room", "participant_identity", "participant_name", "participant_id")
    return {
        "kind": "said",
        "cursor": event["cursor"],
        "began": event["timestamp"],
        "until": event["timestamp"],
        "going_on": False,
        **{name: event.get(name) for name in fields},
        **dict.fromkeys(("track_sid", "best", "reason", "match")),
        "people": [],
        "looks": 0,
        "event": event,
    }


def _written(at: float) -> str:
    return moment_of(at).isoformat(timespec="milliseconds")
