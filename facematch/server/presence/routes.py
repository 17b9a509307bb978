"""Presence and statistics over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Query, Response

from facematch.runtime.clock import wall_clock
from facematch.server.people.routes import Id
from facematch.server.people.saying import NO_PERSON
from facematch.server.people.store import PeopleStore
from facematch.server.presence.answers import (
    DaysQuery,
    ParticipantStatistics,
    PersonStatistics,
    PresenceInterval,
    PresencePage,
    PresenceQuery,
    StatisticsQuery,
    interval_row,
    looked_row,
    person_statistics_of,
    statistics_of,
)
from facematch.server.presence.evidence import DEFAULT_PERSON
from facematch.server.presence.figures import Figures, Key
from facematch.server.presence.intervals import Interval, intervals
from facematch.server.presence.looked import looked
from facematch.server.presence.runs import Run
from facematch.server.presence.store import PresenceStore, Stretch, TooManyRunsError
from facematch.server.web.csv_table import MEDIA_TYPE, as_csv, attachment
from facematch.server.web.errors import ApiError, Code, documented

_UNREADABLE = "What is known of presence cannot be read now ({}). Ask again."
_TOO_MUCH = "There is more in this time than one answer can hold: ask for less time, or for one room or identity."


def routes(store: PresenceStore, people: PeopleStore) -> APIRouter:
    """`GET /api/presence`, `GET /api/participants/statistics` and `GET /api/people/{id}/statistics`.

    Args:
        store: what is kept of presence.
        people: who is called how, and who is who now.
    """
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
            called = await people.called({person for run in runs for person in run.people})
        except TooManyRunsError as error:
            raise ApiError(422, Code.INVALID, _TOO_MUCH) from error
        except OSError as error:
            _unreadable(error)
        found, looks = await asyncio.to_thread(_found, runs, called, query, stretch)
        names = dict(called.values())
        rows = [interval_row(interval, names) for interval in found[: query.limit]]
        if query.format == "csv":
            table = as_csv([*PresenceInterval.model_fields], rows)
            return Response(table, 200, attachment(f"presence-{begins:%Y-%m-%d}.csv"), MEDIA_TYPE)
        whole = {
            "from": begins.isoformat(),
            "to": ends.isoformat(),
            "intervals": rows,
            "more": len(found) > query.limit,
            **({"looked": looks} if query.looked else {}),
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
        try:
            found = await store.figures(query.identity, *query.days)
            called = await people.called({key.person_id for key in found})
        except OSError as error:
            _unreadable(error)
        return statistics_of(query.identity, _of_whom_they_are_now(found, called))

    _add_person_statistics(router, store, people)
    return router


def _add_person_statistics(router: APIRouter, store: PresenceStore, people: PeopleStore) -> None:
    @router.get(
        "/api/people/{id}/statistics",
        summary="A person's statistics",
        responses=documented(
            NO_PERSON,
            (422, Code.INVALID, "from: Input should be a valid date"),
            (503, Code.STORAGE_FAILED, _UNREADABLE.format("SQLite: disk I/O error")),
        ),
    )
    async def statistics_of_person(id: Id, query: Annotated[DaysQuery, Query()]) -> PersonStatistics:  # noqa: A002
        """In how many of the looks at the cameras that saw them they were named, day by day. `default` is the person of
        the reference photo.
        """
        try:
            ids = {id}
            if id != DEFAULT_PERSON:
                if await people.person(id) is None:
                    raise ApiError(*NO_PERSON)
                ids |= {merged.id for merged in await people.merged_into(id)}
            named, looks = await store.figures_of_person(ids, *query.days)
        except OSError as error:
            _unreadable(error)
        return person_statistics_of(id, named, looks)


def _unreadable(error: OSError) -> NoReturn:
    raise ApiError(503, Code.STORAGE_FAILED, _UNREADABLE.format(error), headers={"Retry-After": "1"}) from error


def _of_whom_they_are_now(found: dict[Key, Figures], called: Mapping[str, tuple[str, str]]) -> dict[Key, Figures]:
    """What names somebody who was merged is whose they are now. It is kept as it was: a split brings it back."""
    together: dict[Key, Figures] = {}
    for key, figures in found.items():
        now = called[key.person_id][0] if key.person_id in called else key.person_id
        together.setdefault(key._replace(person_id=now), Figures()).add(figures)
    return together


def _found(
    runs: Sequence[Run], called: Mapping[str, tuple[str, str]], query: PresenceQuery, stretch: Stretch
) -> tuple[list[Interval], list[dict[str, Any]]]:
    by_person = query.by == "person" or query.person is not None
    for run in runs:
        run.people = tuple(sorted({called[one][0] if one in called else one for one in run.people}))
    found = [
        interval
        for interval in intervals(runs, by_person=by_person)
        if interval.seen_until >= stretch.begins
        and interval.arrived_by < stretch.ends
        and query.person in (None, interval.person_id)
    ]
    looks = looked(runs, by_room=by_person) if query.looked else []
    return found, [looked_row(one) for one in looks if one.ends >= stretch.begins and one.begins < stretch.ends]
