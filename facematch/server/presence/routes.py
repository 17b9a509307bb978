"""Presence and statistics over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, NoReturn

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from facematch.protocol.values import Name
from facematch.runtime.clock import wall_clock
from facematch.server.presence.figures import NOBODY_IN_PARTICULAR, Figures, Key
from facematch.server.presence.intervals import Interval, intervals
from facematch.server.presence.runs import Run, moment_of
from facematch.server.presence.store import PresenceStore, Stretch, TooManyRunsError
from facematch.server.presence.table import as_csv
from facematch.server.storage.schema import in_utc
from facematch.server.web.errors import ApiError, Code, documented

LONGEST_DAYS = 366
MOST = 10_000
DEFAULT = 1_000
_FIRST_YEAR, _LAST_YEAR = 1971, 9998
"""Between which a day has one before it and one after it, as seconds since 1970."""

_UNREADABLE = "What is known of presence cannot be read now ({}). Ask again."
_TOO_MUCH = "There is more in this time than one answer can hold: ask for less time, or for one room or identity."


class PresenceQuery(BaseModel):
    """Whose presence, where and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date | None = Field(None, description="In UTC, such as `2025-09-25`; without any time: today")
    begins: AwareDatetime | None = Field(None, alias="from", description="With its offset; instead of a day")
    ends: AwareDatetime | None = Field(None, alias="to", description="The moment after the last one; without: now")
    room: Name | None = None
    identity: Name | None = Field(None, description="Of the participant")
    person: Name | None = Field(None, description="Only when this person was named; implies `by=person`")
    by: Literal["participant", "person"] = Field(
        "participant", description="participant: whoever was seen before their camera; person: who was named"
    )
    format: Literal["json", "csv"] = "json"
    limit: int = Field(DEFAULT, ge=1, le=MOST, description="Most intervals in one answer; the earliest")

    @model_validator(mode="after")
    def _is_one_stretch(self) -> "PresenceQuery":
        if self.day is not None and (self.begins or self.ends):
            raise ValueError("give either day, or from and to")
        if self.ends is not None and self.begins is None:
            raise ValueError("to needs from beside it")
        for moment in (self.day, self.begins, self.ends):
            if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                raise ValueError(f"must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
        if self.begins and self.ends and not self.begins < self.ends <= self.begins + timedelta(days=LONGEST_DAYS):
            raise ValueError(f"to must come after from, by {LONGEST_DAYS} days at most")
        return self

    def stretch(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when."""
        if self.begins is not None:
            ends = self.ends or max(now, self.begins + timedelta(seconds=1))
            return in_utc(self.begins), in_utc(min(ends, self.begins + timedelta(days=LONGEST_DAYS)))
        day = self.day or now.date()
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return begins, begins + timedelta(days=1)


class PresenceInterval(BaseModel):
    """Somebody before one camera. Moments on the recognizer's clock as it stood at the first look that saw them."""

    cursor: int = Field(description="Position of the Check that saw them first")
    room: str | None
    participant_identity: str
    participant_name: str
    participant_id: str = Field(description="At the first look")
    track_sid: str = Field(description="Of the camera")
    source: str | None = Field(description="The boot of the recognizer that looked")
    person_id: str | None = Field(description="With `by=person`: who it was")
    people: list[str] = Field(description="Persons who were named meanwhile")
    arrived_after: datetime | None = Field(description="They were not there then; null: nobody knows")
    arrived_by: datetime = Field(description="The first look that saw them")
    seen_until: datetime = Field(description="The last one")
    left_before: datetime | None = Field(description="They were not there any more; null: nobody knows (yet)")
    looks: int = Field(description="That saw them")
    longest_gap_seconds: float = Field(description="Between two of these; who was away for less may not be missed")
    seconds: float = Field(description="Between the first and the last: they were there for that long, gaps aside")
    ended: str | None = Field(
        description="not_seen, left, joined, watch_lost, watch_began, camera_gone, evidence_restarted, or the outcome "
        "of a Check that could see nothing; null: nothing has come after it"
    )


class PresencePage(BaseModel):
    """Presence in a stretch of time."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    begins: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")
    intervals: list[PresenceInterval] = Field(description="By when they began")
    more: bool = Field(description="The answer was cut at `limit`")


class PersonFigures(BaseModel):
    """Somebody who was named."""

    person_id: str
    seen: int = Field(description="Looks that named them")
    seconds: float = Field(description="Between the first and the last look of each time that they were seen")
    first_seen: datetime | None
    last_seen: datetime | None


class DayFigures(BaseModel):
    """A participant's day in one room."""

    day: date = Field(description="In UTC")
    room: str | None
    looks: int = Field(description="Of which something could be known")
    seen: int = Field(description="Looks that saw a face")
    not_seen: int
    unknowable: int = Field(description="Checks that could see nothing: muted, no frames, an error …")
    seconds: float = Field(description="Between the first and the last look of each time that a face was seen")
    first_seen: datetime | None
    last_seen: datetime | None
    persons: list[PersonFigures]


class ParticipantStatistics(BaseModel):
    """What was seen of a participant."""

    participant_identity: str
    looks: int
    seen: int
    not_seen: int
    unknowable: int
    seconds: float
    first_seen: datetime | None
    last_seen: datetime | None
    persons: list[PersonFigures] = Field(description="Over all of these days")
    days: list[DayFigures] = Field(description="Days and rooms of which there is something, in order")


class StatisticsQuery(BaseModel):
    """Whose statistics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Name = Field(description="Of the participant")
    begins: date | None = Field(
        None, alias="from", description="First day, in UTC; without: the first of which is known"
    )
    ends: date | None = Field(None, alias="to", description="Last day")


def routes(store: PresenceStore) -> APIRouter:
    """`GET /api/presence` and `GET /api/participants/statistics`."""
    router = APIRouter(tags=["presence"])

    @router.get(
        "/api/presence",
        summary="Who was there, and when",
        response_model=PresencePage,
        responses={
            200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
            **documented(
                (422, Code.INVALID, "to must come after from, by 366 days at most"),
                (503, Code.STORAGE_FAILED, _UNREADABLE.format("SQLite: disk I/O error")),
            ),
        },
    )
    async def presence(query: Annotated[PresenceQuery, Query()]) -> Response:
        """As far as it can be known from looks that are some seconds apart: between which two moments somebody arrived
        and left. `format=csv` is an attendance list for spreadsheets.
        """
        begins, ends = query.stretch(wall_clock())
        stretch = Stretch(begins.timestamp(), ends.timestamp(), query.room, query.identity)
        try:
            runs = await store.runs(stretch)
        except TooManyRunsError as error:
            raise ApiError(422, Code.INVALID, _TOO_MUCH) from error
        except OSError as error:
            _unreadable(error)
        found = await asyncio.to_thread(_found, runs, query, stretch)
        rows = [_row(interval) for interval in found[: query.limit]]
        if query.format == "csv":
            name = f"presence-{begins:%Y-%m-%d}.csv"
            return Response(
                as_csv(PresenceInterval.model_fields, rows),
                media_type="text/csv",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        whole = {
            "from": begins.isoformat(),
            "to": ends.isoformat(),
            "intervals": rows,
            "more": len(found) > query.limit,
        }
        return Response(json.dumps(whole, ensure_ascii=False, allow_nan=False), media_type="application/json")

    @router.get(
        "/api/participants/statistics",
        summary="A participant's statistics",
        responses=documented(
            (422, Code.INVALID, "identity: Field required"),
            (503, Code.STORAGE_FAILED, _UNREADABLE.format("SQLite: disk I/O error")),
        ),
    )
    async def statistics(query: Annotated[StatisticsQuery, Query()]) -> ParticipantStatistics:
        """How often they were looked at and seen, day by day, and who was named. Kept longer than the Checks of which
        it comes. Of whom nothing is known, all of it is 0.
        """
        first = (query.begins or date.min).isoformat()
        last = (query.ends or date.max).isoformat()
        try:
            found = await store.figures(query.identity, first, last)
        except OSError as error:
            _unreadable(error)
        return _statistics(query.identity, found)

    return router


def _unreadable(error: OSError) -> NoReturn:
    raise ApiError(503, Code.STORAGE_FAILED, _UNREADABLE.format(error), headers={"Retry-After": "1"}) from error


def _found(runs: Sequence[Run], query: PresenceQuery, stretch: Stretch) -> list[Interval]:
    by_person = query.by == "person" or query.person is not None
    return [
        interval
        for interval in intervals(runs, by_person=by_person)
        if interval.seen_until >= stretch.begins
        and interval.arrived_by < stretch.ends
        and query.person in (None, interval.person_id)
    ]


def _row(interval: Interval) -> dict[str, Any]:
    return {
        "cursor": interval.cursor,
        "room": interval.chain.room or None,
        "participant_identity": interval.chain.identity,
        "participant_name": interval.name,
        "participant_id": interval.sid,
        "track_sid": interval.chain.track,
        "source": interval.chain.source or None,
        "person_id": interval.person_id,
        "people": sorted(interval.people),
        "arrived_after": _written(interval.arrived_after),
        "arrived_by": _written(interval.arrived_by),
        "seen_until": _written(interval.seen_until),
        "left_before": _written(interval.left_before),
        "looks": interval.looks,
        "longest_gap_seconds": round(interval.longest_gap, 3),
        "seconds": round(interval.seconds, 3),
        "ended": interval.ended,
    }


def _statistics(identity: str, found: dict[Key, Figures]) -> ParticipantStatistics:
    total, persons = Figures(), dict[str, Figures]()
    days: dict[tuple[str, str], tuple[Figures, dict[str, Figures]]] = {}
    for key, figures in found.items():
        own, others = days.setdefault((key.day, key.room), (Figures(), {}))
        if key.person_id == NOBODY_IN_PARTICULAR:
            own.add(figures)
            total.add(figures)
        else:
            others.setdefault(key.person_id, Figures()).add(figures)
            persons.setdefault(key.person_id, Figures()).add(figures)
    return ParticipantStatistics(
        participant_identity=identity,
        **_told(total),
        persons=_persons(persons),
        days=[
            DayFigures(day=date.fromisoformat(day), room=room or None, **_told(own), persons=_persons(others))
            for (day, room), (own, others) in sorted(days.items())
        ],
    )


def _persons(persons: dict[str, Figures]) -> list[PersonFigures]:
    return [
        PersonFigures(
            person_id=person,
            seen=figures.seen,
            seconds=round(figures.seconds, 3),
            first_seen=_moment(figures.first_at),
            last_seen=_moment(figures.last_at),
        )
        for person, figures in sorted(persons.items())
    ]


def _told(figures: Figures) -> dict[str, Any]:
    return {
        "looks": figures.looks,
        "seen": figures.seen,
        "not_seen": figures.not_seen,
        "unknowable": figures.unknowable,
        "seconds": round(figures.seconds, 3),
        "first_seen": _moment(figures.first_at),
        "last_seen": _moment(figures.last_at),
    }


def _moment(at: float | None) -> datetime | None:
    return None if at is None else moment_of(at)


def _written(at: float | None) -> str | None:
    return None if at is None else moment_of(at).isoformat(timespec="milliseconds")
