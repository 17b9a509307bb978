"""Presence and statistics as they are asked for and answered over HTTP."""

# Annotations are read at run time here: pydantic makes its models from them.
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from facematch.protocol.values import Name
from facematch.server.presence.figures import NOBODY_IN_PARTICULAR, Figures, Key
from facematch.server.presence.intervals import Interval
from facematch.server.presence.looked import Looked
from facematch.server.presence.runs import moment_of
from facematch.server.storage.schema import in_utc

LONGEST_DAYS = 366
MOST = 10_000
DEFAULT = 1_000
_FIRST_YEAR, _LAST_YEAR = 1971, 9998
"""Between which a day has one before it and one after it, as seconds since 1970."""


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
    looked: bool = Field(default=False, description="Say in `looked` when anybody was looking")

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
    person_name: str | None = Field(description="Their name; null: the default person, and who is not there any more")
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


class LookedStretch(BaseModel):
    """Looks one after the other, all of which could see."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    room: str | None
    participant_identity: str | None = Field(description="Whose camera; with `by=person` null: any of the room")
    begins: datetime = Field(alias="from", description="The first look")
    ends: datetime = Field(alias="to", description="The last one")


class PresencePage(BaseModel):
    """Presence in a stretch of time."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    begins: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")
    intervals: list[PresenceInterval] = Field(description="By when they began")
    more: bool = Field(description="The answer was cut at `limit`")
    looked: list[LookedStretch] | None = Field(
        None, description="With `looked=true`: when somebody was looking. Of any other time nobody knows anything"
    )


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


class WhereFigures(BaseModel):
    """A person's day before the cameras of one participant."""

    day: date = Field(description="In UTC")
    room: str | None
    participant_identity: str
    seen: int = Field(description="Looks that named them")
    looks: int = Field(description="Looks at those cameras of which something could be known")
    seconds: float
    first_seen: datetime | None
    last_seen: datetime | None


class PersonStatistics(BaseModel):
    """What was seen of a person."""

    person_id: str
    seen: int = Field(description="Looks that named them")
    looks: int = Field(description="Looks, of which something could be known, at the cameras that they were seen by")
    seconds: float = Field(description="Between the first and the last look of each time that they were seen")
    first_seen: datetime | None
    last_seen: datetime | None
    days: list[WhereFigures] = Field(description="Days, rooms and participants of which there is something, in order")


class DaysQuery(BaseModel):
    """Which days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begins: date | None = Field(
        None, alias="from", description="First day, in UTC; without: the first of which is known"
    )
    ends: date | None = Field(None, alias="to", description="Last day")

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last, as they are kept."""
        return (self.begins or date.min).isoformat(), (self.ends or date.max).isoformat()


class StatisticsQuery(DaysQuery):
    """Whose statistics."""

    identity: Name = Field(description="Of the participant")


def looked_row(one: Looked) -> dict[str, Any]:
    where = {"room": one.room or None, "participant_identity": one.identity or None}
    return {**where, "from": _written(one.begins), "to": _written(one.ends)}


def interval_row(interval: Interval, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "cursor": interval.cursor,
        "room": interval.chain.room or None,
        "participant_identity": interval.chain.identity,
        "participant_name": interval.name,
        "participant_id": interval.sid,
        "track_sid": interval.chain.track,
        "source": interval.chain.source or None,
        "person_id": interval.person_id,
        "person_name": names.get(interval.person_id or ""),
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


def statistics_of(identity: str, found: dict[Key, Figures]) -> ParticipantStatistics:
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


def person_statistics_of(id_: str, named: dict[Key, Figures], looks: dict[Key, int]) -> PersonStatistics:
    total = Figures()
    for figures in named.values():
        total.add(figures)
    return PersonStatistics(
        person_id=id_,
        **_named(total, sum(looks.values())),
        days=[
            WhereFigures(
                day=date.fromisoformat(key.day),
                room=key.room or None,
                participant_identity=key.identity,
                **_named(figures, looks.get(key, figures.looks)),
            )
            for key, figures in sorted(named.items())
        ],
    )


def _named(figures: Figures, looks: int) -> dict[str, Any]:
    told = _told(figures)
    return {name: told[name] for name in ("seen", "seconds", "first_seen", "last_seen")} | {"looks": looks}


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
