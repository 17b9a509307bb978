"""Tokens to join, over HTTP: who gets one, under which identity, and whom they are then supposed to be."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.attributes import COMPARED, CONSENT, GIVEN, NO
from facematch.protocol.values import Text
from facematch.server.access.caller import Caller, caller_of
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.room_meant import ROOM_HELP
from facematch.server.access.sessions import Session
from facematch.server.identity.refusing import BOUND_TO_ANOTHER, FULL
from facematch.server.people.saying import NO_PERSON
from facematch.server.rooms.own_identity import OwnIdentities
from facematch.server.rooms.tokens import Joining, Token, Tokens, checked_identity
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

_LIMIT = 16 * KB

_CONSENT = (
    "They have agreed that their face is compared. Where CONSENT=required, nobody is looked at without; they may "
    "change their mind by `PUT /api/consent`"
)
_COMPARED = "false: they join without being compared, and are not looked at for as long as they stay with this token"

_TAKEN = "Somebody of this identity is in the room. Send a name alone to be given one of your own."

_REFUSALS = documented(
    (403, Code.ROOM_NOT_ALLOWED, "Tokens are not given for this room. Add it to ALLOWED_ROOMS."),
    (403, Code.RESERVED_IDENTITY, "This name is the recognizer's. Choose another."),
    NO_PERSON,
    BOUND_TO_ANOTHER,
    FULL,
    (409, Code.IDENTITY_TAKEN, _TAKEN),
    (422, Code.INVALID, "identity: must be 1 to 256 bytes"),
    (429, Code.TOO_MANY_REQUESTS, "Too many tokens from your address. Try again in 42 s."),
)


class TokenRequest(BaseModel):
    """Who wants to join."""

    model_config = ConfigDict(extra="forbid")

    room: Text | None = Field(default=None, description=ROOM_HELP)
    identity: Text | None = Field(
        default=None,
        description="1-256 bytes in UTF-8, unique in the room: whoever is there under it leaves, and a guest cannot "
        "have that of another",
    )
    name: Text | None = Field(
        default=None,
        description="Without `identity`: what others read, and the identity; if that is taken, another is made of it",
    )
    former: Text | None = Field(
        default=None, description="Beside `name`: an identity that they had. Theirs again, unless another has it"
    )
    consent: bool = Field(default=False, description=_CONSENT)
    compared: bool = Field(default=True, description=_COMPARED)


@dataclass(frozen=True, slots=True)
class Company:
    """Who is with whom in a room."""

    observers: AbstractSet[str] = frozenset()
    """Identities that are told in the room what is found, and that only those get who may see it."""
    guests_see_others: bool = True
    """Whether guests see and hear the others."""


Bind = Callable[[str, str, Session], Awaitable[None]]
"""Binds an identity in a room to the person whom the caller's invitation names.

Raises:
    ApiError: 409, it is bound to another; 404, 503.
"""


class Door:
    """Who gets which token.

    Args:
        tokens: mints them.
        identities: for those who have a name only.
        bind: asked before a token goes to somebody whose invitation names a person.
        company: who is with whom.
    """

    def __init__(self, tokens: Tokens, identities: OwnIdentities, bind: Bind, company: Company = Company()) -> None:
        self._tokens = tokens
        self._identities = identities
        self._bind = bind
        self._company = company

    async def token(self, caller: Caller, wanted: TokenRequest) -> Token:
        """The token for whoever asks.

        Raises:
            ApiError: 403, 404, 409, 422 or 503.
        """
        session, only = caller.session, caller.room
        if only is not None and (wanted.room or "").strip() not in ("", only):
            raise ApiError(403, Code.ROOM_NOT_ALLOWED, "Your invitation is for another room.")
        room = self._tokens.room(only or wanted.room)
        identity = checked_identity(wanted.identity) if wanted.identity else None
        name = identity or checked_identity(wanted.name or "")
        former = checked_identity(wanted.former) if wanted.former else None
        login = session.id if session else None
        may_see = bool(caller.roles & {Role.VIEWER, Role.ADMIN})
        if not may_see and self._company.observers & {name, former, identity}:
            raise ApiError(403, Code.RESERVED_IDENTITY, "This name is an observer's. Choose another.")
        if identity is None:
            given = await self._identities.of(room, name, login, former)
        elif may_see or not await self._identities.is_another_s(room, identity, login):
            given = identity
        else:
            raise ApiError(409, Code.IDENTITY_TAKEN, _TAKEN)
        if session is not None and session.person_id is not None:
            given = await self._bound(given, room, session, None if identity else name)
        sees_others = may_see or self._company.guests_see_others
        return self._tokens.mint(room, Joining(given, name, login, _said(wanted), sees_others))

    async def _bound(self, identity: str, room: str, session: Session, name: str | None) -> str:
        """The identity that is bound to whom the invitation names: another one, where this one is bound to somebody
        else and there is a name to make it of.
        """
        try:
            await self._bind(identity, room, session)
        except ApiError as error:
            if name is None or error.code != Code.BOUND_TO_ANOTHER:
                raise
            identity = self._identities.another(room, name)
            await self._bind(identity, room, session)
        return identity


def routes(door: Door, limit: RateLimit) -> APIRouter:
    """`GET /token` and `POST /api/token`.

    Args:
        door: who gets which.
        limit: how many a client may have.
    """
    router = APIRouter(tags=["tokens"])

    async def mint(request: Request, wanted: TokenRequest) -> Token:
        await limit.count(request.scope)
        return await door.token(caller_of(request.scope), wanted)

    @router.get("/token", summary="A token to join the room", responses=_REFUSALS)
    async def get(
        request: Request,
        identity: Annotated[str, Query(description="Who joins, 1-256 bytes in UTF-8", examples=["Alice42"])],
        room: Annotated[str | None, Query(description=ROOM_HELP)] = None,
        consent: Annotated[bool, Query(description=_CONSENT)] = False,  # noqa: FBT002
        compared: Annotated[bool, Query(description=_COMPARED)] = True,  # noqa: FBT002
    ) -> Token:
        """Never kept by a cache."""
        wanted = TokenRequest.model_construct(identity=identity, room=room, consent=consent, compared=compared)
        return await mint(request, wanted)

    @router.post(
        "/api/token",
        summary="A token to join the room",
        responses={
            **_REFUSALS,
            **documented(*json_refusals(_LIMIT)),
            403: _REFUSALS[403],
        },
        openapi_extra=described(
            TokenRequest,
            named={"name": "Alice42"},
            whole={"room": "lobby", "identity": "Alice42", "consent": True, "compared": True},
            again={"name": "Alice42", "former": "Alice42-x7kd"},
        ),
    )
    async def post(request: Request) -> Token:
        """Like `GET /token`, without the name in the address; and who sends a `name` alone need not care whether it is
        taken.
        """
        return await mint(request, await read_json(request, TokenRequest, _LIMIT))

    return router


def _said(wanted: TokenRequest) -> dict[str, str]:
    return ({CONSENT: GIVEN} if wanted.consent else {}) | ({} if wanted.compared else {COMPARED: NO})
