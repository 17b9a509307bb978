"""People over HTTP: listed, added, changed, merged and split."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar

import structlog
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.people.answers import (
    MergeSent,
    PeopleShown,
    PersonChanged,
    PersonSent,
    PersonShown,
    PersonWhole,
    RecognitionShown,
    ResemblesShown,
    SplitSent,
)
from facematch.server.people.changes import PeopleChanges
from facematch.server.people.models import MOST_PEOPLE
from facematch.server.people.recognition import Recognition, recognition_of
from facematch.server.people.refusals import NoSuchPersonError
from facematch.server.people.resemblance import Resembled, Resembling
from facematch.server.people.saying import FULL, NO_PERSON, NO_PHOTO, UNAVAILABLE, said
from facematch.server.people.store import Attention, PeopleStore
from facematch.server.people.store import Query as Wanted
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import Code, documented

log = structlog.get_logger(__name__)

LIMIT = 64 * KB
MOST_LISTED = 200
Id = Annotated[str, Path(description="A person's id", examples=["p_0123456789abcdef"])]

_A_PERSON = {"name": "Alice Example", "rooms": ["reception"], "basis": "Consent of 2026-01-05"}
_CONSENT = {"at": "2026-01-05T12:00:00+00:00", "by": "reception", "text_version": "2"}


class PeopleQuery(BaseModel):
    """Which part of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    search: Annotated[str, StringConstraints(max_length=200)] = Field("", description="A part of the name")
    attention: bool = Field(default=False, description="Only those who need attention")
    offset: Annotated[int, Field(ge=0, le=10 * MOST_PEOPLE)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 100


S = TypeVar("S", bound=PersonShown)


def routes(
    store: PeopleStore, changes: PeopleChanges, resembling: Resembling, now: Callable[[], datetime], audit: Audit
) -> APIRouter:
    """`/api/people` and `/api/people/{id}` with their merging and splitting.

    Args:
        store: where people are read.
        changes: where they are changed.
        resembling: who resembles whom, and what recognizers compare by.
        now: aware time.
        audit: keeps who merges and splits.
    """
    router = APIRouter(tags=["people"])

    async def whole(id_: str) -> PersonWhole:
        with said():
            if (person := await store.person(id_)) is None:
                raise NoSuchPersonError
            photos, merged = await store.photos(id_), await store.merged_into(id_)
            shown = PersonWhole.whole(person, photos, merged, now=now(), unseen=store.unseen)
            gallery, resembled = await resembling.read()
            recognised = await asyncio.to_thread(recognition_of, gallery, resembling.rules, id_)
            told = {} if recognised is None else {"recognition": await _shown(recognised, resembled.get(id_), store)}
            return _noted(shown, resembled).model_copy(update=told)

    @router.get(
        "/api/people",
        summary="People who are looked for",
        responses=documented((422, Code.INVALID, "limit: Input should be less than or equal to 200"), UNAVAILABLE),
    )
    async def listed(query: Annotated[PeopleQuery, Query()]) -> PeopleShown:
        """A page of them, without their photos. The default person, of `/reference/current.jpg`, is none of them."""
        with said():
            gallery, resembled = await resembling.read()
            wanted = Wanted(query.search, query.attention, tuple(resembled), query.offset, query.limit)
            found = await store.listed(wanted, now())
            portraits = await store.portraits([person.id for person in found.people])
        shown = [
            _noted(PersonShown.of(one, portraits.get(one.id), now(), store.unseen), resembled) for one in found.people
        ]
        part = {"total": found.total, "attention": found.needy, "offset": query.offset}
        return PeopleShown(people=shown, **part, gallery_version=gallery.version)

    @router.post(
        "/api/people",
        summary="Add a person",
        responses=documented(*json_refusals(LIMIT), (422, Code.INVALID, "name: Field required"), FULL, UNAVAILABLE),
        openapi_extra=described(PersonSent, least={"name": "Alice"}, whole={**_A_PERSON, "consent": _CONSENT}),
    )
    async def add(request: Request) -> PersonWhole:
        """They are looked for as soon as they have a photo."""
        sent = await read_json(request, PersonSent, LIMIT)
        with said():
            person = await changes.create(sent.details())
        log.info("Person added", person_id=person.id)
        return await whole(person.id)

    @router.get("/api/people/{id}", summary="A person", responses=documented(NO_PERSON, UNAVAILABLE))
    async def get(id: Id) -> PersonWhole:  # noqa: A002  (the path's name for it)
        """With their photos."""
        return await whole(id)

    @router.patch(
        "/api/people/{id}",
        summary="Change a person",
        responses=documented(
            *json_refusals(LIMIT),
            NO_PERSON,
            (422, Code.INVALID, "tolerance: Input should be greater than 0"),
            UNAVAILABLE,
        ),
        openapi_extra=described(PersonChanged, rooms={"rooms": ["reception", "door"]}, name={"name": "Alice B."}),
    )
    async def change(request: Request, id: Id) -> PersonWhole:  # noqa: A002
        """What is not sent stays; `null` empties it (a name stays)."""
        sent = await read_json(request, PersonChanged, LIMIT)
        with said():
            await changes.update(id, sent.details)
        return await whole(id)

    @router.post(
        "/api/people/{id}/merge",
        summary="Two people are one",
        responses=documented(
            *json_refusals(LIMIT), NO_PERSON, (422, Code.INVALID, "from: Field required"), UNAVAILABLE
        ),
        openapi_extra=described(MergeSent, one={"from": "p_fedcba9876543210"}),
    )
    async def merge(request: Request, id: Id) -> PersonWhole:  # noqa: A002
        """The photos of `from` are this person's from now on. They remember whose they were: `split` undoes it at any
        time, and brings back the name and all else of `from`.
        """
        sent = await read_json(request, MergeSent, LIMIT)
        with said():
            await changes.merge(id, sent.other)
            by = caller_of(request.scope).signature
            log.info("People merged", person_id=id, merged=sent.other[:64], by=by)
            await audit("people_merged", by, person_id=id)
        return await whole(id)

    @router.post(
        "/api/people/{id}/split",
        summary="Some photos are somebody else's",
        responses=documented(
            *json_refusals(LIMIT), NO_PERSON, NO_PHOTO, (422, Code.INVALID, "photos: Field required"), FULL, UNAVAILABLE
        ),
        openapi_extra=described(SplitSent, some={"photos": ["9f86d081884c7d65"]}),
    )
    async def split(request: Request, id: Id) -> PersonWhole:  # noqa: A002
        """Answers with the other person: the one who was merged into this one, if all the photos were theirs; else a
        new one.
        """
        sent = await read_json(request, SplitSent, LIMIT)
        with said():
            other = await changes.split(id, sent.photos, sent.name)
            by = caller_of(request.scope).signature
            log.info("Person split", person_id=id, other=other.id, by=by)
            await audit("person_split", by, person_id=id)
        return await whole(other.id)

    return router


async def _shown(found: Recognition, near: Resembled | None, store: PeopleStore) -> RecognitionShown:
    """How surely somebody is recognised, who is nearest to `near`."""
    other = near and await store.person(near.id)
    resembles = (
        near and other and ResemblesShown(person_id=other.id, name=other.details.name, distance=round(near.distance, 4))
    )
    return RecognitionShown(
        tolerance=None if found.tolerance.value is None else round(found.tolerance.value, 4),
        reason=found.tolerance.reason,
        candidates=found.tolerance.candidates,
        tolerance_bound=round(found.bound, 4),
        resembles=resembles,
    )


def _noted(shown: S, resembled: Mapping[str, object]) -> S:
    """With what takes everybody to say."""
    more: list[Attention] = ["CONFUSABLE"] if shown.id in resembled else []
    return shown.model_copy(update={"attention": [*shown.attention, *more]})
