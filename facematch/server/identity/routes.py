"""Identity over HTTP: who participants are supposed to be, and whether they are."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from facematch.protocol.events import IdentityState
from facematch.protocol.values import Name
from facematch.server.access.caller import caller_of
from facematch.server.identity.bindings import Bindings
from facematch.server.identity.refusing import BUSY, FULL, refused
from facematch.server.identity.store import Binding, IdentityStore, Participant, Wanted
from facematch.server.people.saying import NO_PERSON, UNAVAILABLE, said
from facematch.server.storage.schema import in_utc
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

AWAY = "recognizer_away"
"""Why nothing is known while nobody reports of a room."""

_LIMIT = 16 * KB
_RESTS_ON_LOOKS = frozenset(IdentityState) - {IdentityState.ABSENT, IdentityState.UNBOUND, IdentityState.SWAPPED}
_PAST = (422, Code.INVALID, "valid_until: must be in the future")


class BindingSent(BaseModel):
    """Who a participant is supposed to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Name = Field(description="The participant's, in LiveKit")
    person_id: Name = Field(description="`default`: the person of the reference photo")
    room: Name | None = Field(None, description="null: every room that has no binding of its own for this identity")
    valid_until: AwareDatetime | None = Field(None, description="null: until it is taken back")


class BindingShown(BaseModel):
    """A binding."""

    identity: str
    person_id: str = Field(description="Whoever was merged is who they were merged into")
    person_name: str | None = Field(description="null: the default person")
    room: str | None = Field(description="null: every room that has no binding of its own for this identity")
    valid_until: datetime | None
    by: str = Field(
        description="Who made it: a name if they gave one, a role; or by what",
        examples=["Dana, admin (login)", "invitation"],
    )
    since: datetime

    @classmethod
    def of(cls, binding: Binding) -> "BindingShown":
        """As it is shown."""
        return cls(
            identity=binding.identity,
            person_id=binding.person_id,
            person_name=binding.person_name,
            room=binding.room or None,
            valid_until=binding.valid_until,
            by=binding.by,
            since=binding.since,
        )


class BindingsShown(BaseModel):
    """Some of them."""

    bindings: list[BindingShown] = Field(description="By identity and room, at most 1,000")


class BindingsQuery(BaseModel):
    """Which bindings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Name | None = None
    room: Name | None = Field(None, description="Only those made for this room")
    person_id: Name | None = None


class BindingsEnded(BaseModel):
    """How many there were."""

    ended: int


class IdentityQuery(BaseModel):
    """Whose identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: Name | None = None
    identity: Name | None = None
    state: list[IdentityState] = Field([], max_length=len(IdentityState), description="One or several; without: any")


class IdentityShown(BaseModel):
    """Whether a participant is who they are supposed to be, now."""

    room: str | None
    participant_identity: str
    participant_id: str = Field(description="The participant's sid, as last known")
    participant_name: str
    state: IdentityState
    detail: str | None = Field(
        description="Of `unexpected`: `other_person`, `stranger`. Of `unknowable`: why", examples=["muted"]
    )
    was: IdentityState | None = Field(description="The state before; null: there was none")
    person_id: str | None = Field(description="Who they are supposed to be; null: nobody says")
    person_name: str | None
    seen_person_id: str | None = Field(description="Of `other_person`: who was recognised")
    seen_person_name: str | None
    looks: int | None = Field(description="On how many it rests")
    certainty: Literal["sure", "few_photos", "one_look"] | None = Field(description="See the `identity` event")
    since: datetime = Field(description="When it was seen, said or heard what it rests on")
    cursor: int = Field(description="Position of the event that it follows from")

    @classmethod
    def of(cls, shown: Participant, *, away: bool) -> "IdentityShown":
        """As it is shown; `away`: nobody reports of their room."""
        told = shown.told
        unknown = away and told.state in _RESTS_ON_LOOKS
        return cls.model_validate(
            {
                "room": told.who.room or None,
                "participant_identity": told.who.identity,
                "participant_id": told.sid,
                "participant_name": told.name,
                "state": IdentityState.UNKNOWABLE if unknown else told.state,
                "detail": AWAY if unknown else told.detail or None,
                "was": told.state if unknown else told.was or None,
                "person_id": told.person_id or None,
                "person_name": shown.person_name,
                "seen_person_id": None if unknown else told.seen_person_id or None,
                "seen_person_name": None if unknown else shown.seen_person_name,
                "looks": None if unknown else told.looks or None,
                "certainty": None if unknown else told.certainty or None,
                "since": told.since,
                "cursor": told.cursor,
            }
        )


class IdentitiesShown(BaseModel):
    """Everybody who is, or was lately, in a room."""

    participants: list[IdentityShown] = Field(description="By room and identity, at most 1,000")


class Acknowledging(BaseModel):
    """Whose face was seen to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Name
    room: Name | None = Field(None, description="null: in every room")


class Acknowledged(BaseModel):
    """Of how many participants."""

    acknowledged: int


def routes(
    store: IdentityStore,
    bindings: Bindings,
    watched: Callable[[], Collection[str]],
    now: Callable[[], datetime],
    forget: Callable[[str], None],
) -> APIRouter:
    """`/api/bindings`, `/api/identity` and `/api/identity/acknowledge`.

    Args:
        store: of both.
        bindings: where they are changed.
        watched: the rooms of which a recognizer reports now.
        now: aware time.
        forget: drops what a recognizer handed on of somebody: the next one begins with who is there.
    """
    router = APIRouter(tags=["identity"])

    @router.get(
        "/api/bindings",
        summary="Who participants are supposed to be",
        responses=documented((422, Code.INVALID, "ident: Extra inputs are not permitted"), UNAVAILABLE),
    )
    async def listed(query: Annotated[BindingsQuery, Query()]) -> BindingsShown:
        """All, or those of an identity, of a room or to a person."""
        with said():
            found = await store.bindings(Wanted(query.identity, query.room, query.person_id))
        return BindingsShown(bindings=[BindingShown.of(one) for one in found])

    @router.put(
        "/api/bindings",
        summary="Say who a participant is supposed to be",
        responses=documented(*json_refusals(_LIMIT), _PAST, NO_PERSON, FULL, UNAVAILABLE, BUSY),
        openapi_extra=described(
            BindingSent,
            least={"identity": "Alice42", "person_id": "default"},
            whole={
                "identity": "Alice42",
                "person_id": "default",
                "room": "exam-7",
                "valid_until": "2031-01-05T12:00:00+00:00",
            },
        ),
    )
    async def bind(request: Request) -> BindingShown:
        """In place of what was said of that identity, and that room, before. From the next looks on the participant is
        compared with that person, one to one; looks before count for nothing.
        """
        sent = await read_json(request, BindingSent, _LIMIT)
        until = None if sent.valid_until is None else in_utc(sent.valid_until)
        if until is not None and until <= now():
            raise ApiError(*_PAST)
        with refused():
            bound = await bindings.bind(
                sent.identity, sent.person_id, room=sent.room, valid_until=until, by=caller_of(request.scope).signature
            )
        return BindingShown.of(bound)

    @router.delete(
        "/api/bindings",
        summary="Take back who a participant is supposed to be",
        responses=documented((422, Code.INVALID, "identity: Field required"), UNAVAILABLE, BUSY),
    )
    async def unbind(
        request: Request,
        identity: Annotated[Name, Query(description="Any there may be, percent-encoded", examples=["Alice42"])],
        room: Annotated[Name | None, Query(description="Without: in every room")] = None,
    ) -> BindingsEnded:
        """Also when there is none."""
        with refused():
            return BindingsEnded(
                ended=await bindings.unbind(Wanted(identity, room), caller_of(request.scope).signature)
            )

    @router.get(
        "/api/identity",
        summary="Whether participants are who they are supposed to be",
        responses=documented((422, Code.INVALID, "state: Input should be 'unbound', 'pending', …"), UNAVAILABLE),
    )
    async def identities(query: Annotated[IdentityQuery, Query()]) -> IdentitiesShown:
        """Now; who has left is told as `absent` for a day. What each state means, and what it rests on, is in
        docs/identity.md. While no recognizer reports of a room, nothing is known of who is in it.
        """
        with said():
            found = await store.participants(Wanted(query.identity, query.room, states=_told_as(query.state)))
        rooms = watched()
        shown = [IdentityShown.of(one, away=one.told.who.room not in rooms) for one in found]
        return IdentitiesShown(participants=[one for one in shown if not query.state or one.state in query.state])

    @router.post(
        "/api/identity/acknowledge",
        summary="A swapped face was seen to",
        responses=documented(
            *json_refusals(_LIMIT), (422, Code.INVALID, "identity: Field required"), UNAVAILABLE, BUSY
        ),
        openapi_extra=described(Acknowledging, everywhere={"identity": "Alice42"}),
    )
    async def acknowledge(request: Request) -> Acknowledged:
        """Ends `swapped`, and `lost` of a Check's `continuity`: from now on the face that is there is the one that has
        to stay. Who said so, and when, is in the log (`binding`).
        """
        sent = await read_json(request, Acknowledging, _LIMIT)
        with refused():
            count = await bindings.acknowledge(Wanted(sent.identity, sent.room), caller_of(request.scope).signature)
        forget(sent.identity)
        return Acknowledged(acknowledged=count)

    return router


def _told_as(wanted: Collection[IdentityState]) -> frozenset[IdentityState]:
    """As which states those are kept that are shown as these; empty: any."""
    of_those_away = _RESTS_ON_LOOKS if IdentityState.UNKNOWABLE in wanted else frozenset[IdentityState]()
    return frozenset(wanted) | of_those_away
