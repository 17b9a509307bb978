"""LiveKit tokens for people: short, one room, camera and microphone, never the recognizer's name."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import time
import unicodedata
import warnings
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from jwt.warnings import InsecureKeyLengthWarning
from livekit.api import AccessToken, VideoGrants
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.attributes import COMPARED, CONSENT, GIVEN, NO
from facematch.protocol.identities import RECOGNIZER_PREFIX
from facematch.protocol.values import Text
from facematch.server.access.caller import caller_of
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Session
from facematch.server.identity.refusing import BOUND_TO_ANOTHER, FULL
from facematch.server.people.saying import NO_PERSON
from facematch.server.rooms.expulsion import ISSUED, LOGIN
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented, invalid

LONGEST_IDENTITY = 256
"""Bytes in UTF-8: what LiveKit takes."""

_LIMIT = 16 * KB
_ADMINISTERING = timedelta(minutes=2)
_CONTROLS = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_DIRECTION_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make the text around them read as something else."""

_CONSENT = (
    "They have agreed that their face is compared. Where CONSENT=required, nobody is looked at without; they may "
    "change their mind by `PUT /api/consent`"
)
_COMPARED = "false: they join without being compared, and are not looked at for as long as they stay with this token"

_REFUSALS = documented(
    (403, Code.ROOM_NOT_ALLOWED, "Tokens are not given for this room. Add it to ALLOWED_ROOMS."),
    (403, Code.RESERVED_IDENTITY, "This name is the recognizer's. Choose another."),
    NO_PERSON,
    BOUND_TO_ANOTHER,
    FULL,
    (422, Code.INVALID, "identity: must be 1 to 256 bytes"),
    (429, Code.TOO_MANY_REQUESTS, "Too many tokens from your address. Try again in 42 s."),
)


class TokenRequest(BaseModel):
    """Who wants to join."""

    model_config = ConfigDict(extra="forbid")

    room: Text | None = Field(default=None, description="Default: the room that is watched")
    identity: Text | None = Field(default=None, description="1-256 bytes in UTF-8, unique in the room")
    name: Text | None = Field(default=None, description="The same, when `identity` is missing")
    consent: bool = Field(default=False, description=_CONSENT)
    compared: bool = Field(default=True, description=_COMPARED)


class Token(BaseModel):
    """What a page needs to join."""

    token: str = Field(description="For LiveKit's client; not to be shown or kept")
    url: str = Field(description="LiveKit server", examples=["ws://localhost:7880"])
    room: str = Field(examples=["face-recognition-room"])
    identity: str = Field(description="As validated: trimmed", examples=["Alice42"])


class Tokens:
    """Mints tokens.

    Args:
        key: LiveKit API key.
        secret: LiveKit API secret.
        url: LiveKit server as browsers reach it.
        default_room: when none is asked for.
        rooms: the only rooms that tokens are minted for.
        seconds: how long a token lets somebody in.
    """

    def __init__(
        self, *, key: str, secret: str, url: str, default_room: str, rooms: AbstractSet[str], seconds: int
    ) -> None:
        self._key = key
        self._secret = secret
        self._url = url
        self._default_room = default_room
        self._rooms = rooms
        self._ttl = timedelta(seconds=seconds)

    def mint(
        self, room: str | None, identity: str, login: str | None = None, said: Mapping[str, str] | None = None
    ) -> Token:
        """A token for one person and one room.

        Args:
            room: None or empty: the default one.
            identity: as a stranger gave it.
            login: the id of the login that it is for; None: it is for a key, or a program of this machine.
            said: further attributes, which its owner cannot change.

        Raises:
            ApiError: 403 or 422.
        """
        room = (room or "").strip() or self._default_room
        if room not in self._rooms:
            raise ApiError(
                403, Code.ROOM_NOT_ALLOWED, "Tokens are not given for this room. Add it to ALLOWED_ROOMS to allow it."
            )
        identity = checked_identity(identity)
        grants = VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["camera", "microphone"],
            can_subscribe=True,
            can_publish_data=False,
        )
        attributes = dict(said or {})
        if login is not None:
            attributes |= {LOGIN: login, ISSUED: str(time.time_ns() // 1_000_000)}
        token = AccessToken(self._key, self._secret).with_identity(identity).with_name(identity)
        if attributes:
            token = token.with_attributes(attributes)
        jwt = _signed(token.with_ttl(self._ttl).with_grants(grants))
        return Token(token=jwt, url=self._url, room=room, identity=identity)

    def to_administer(self, room: str) -> str:
        """A token of our own, to see who is in a room and to send somebody out."""
        token = AccessToken(self._key, self._secret).with_ttl(_ADMINISTERING)
        return _signed(token.with_grants(VideoGrants(room_admin=True, room=room)))


def _signed(token: AccessToken) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
        return token.to_jwt()


def checked_identity(identity: str) -> str:
    """An identity, trimmed. Any other text is legal: `<img onerror=…>` is somebody's name until shown otherwise.

    Raises:
        ApiError: it is empty, too long, has characters that cannot be shown, or is the recognizer's.
    """
    identity = identity.strip()
    if not 1 <= len(identity.encode("utf-8", "surrogatepass")) <= LONGEST_IDENTITY:
        raise invalid([{"loc": ("identity",), "msg": f"must be 1 to {LONGEST_IDENTITY} bytes"}])
    if any(unicodedata.category(c) in _CONTROLS or c in _DIRECTION_CONTROLS for c in identity):
        raise invalid([{"loc": ("identity",), "msg": "must not hold control characters"}])
    if _plain(identity).startswith(RECOGNIZER_PREFIX):
        raise ApiError(403, Code.RESERVED_IDENTITY, "This name is the recognizer's. Choose another.")
    if not any(c.isprintable() and not c.isspace() for c in identity):
        raise invalid([{"loc": ("identity",), "msg": "must hold a character that can be seen"}])
    return identity


def _plain(identity: str) -> str:
    """What the eye takes an identity for: one form of each letter, no case, no invisible characters, one dash."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", identity).casefold())
    seen = [
        "-" if unicodedata.category(c) == "Pd" else c for c in folded if unicodedata.category(c) not in ("Cf", "Mn")
    ]
    return "".join(seen).strip()


Bind = Callable[[str, str, Session], Awaitable[None]]
"""Binds an identity in a room to the person whom the caller's invitation names.

Raises:
    ApiError: 409, it is bound to another; 404, 503.
"""


def routes(tokens: Tokens, limit: RateLimit, bind: Bind, observers: AbstractSet[str] = frozenset()) -> APIRouter:
    """`GET /token` and `POST /api/token`.

    Args:
        tokens: mints them.
        limit: how many a client may have.
        bind: asked before a token goes to somebody whose invitation names a person.
        observers: identities that are told in the room what is found, and that only those get who may see it.
    """
    router = APIRouter(tags=["tokens"])

    async def mint(request: Request, room: str | None, identity: str, said: Mapping[str, str]) -> Token:
        limit.count(request.scope)
        caller = caller_of(request.scope)
        only = caller.room
        if only is not None and (room or "").strip() not in ("", only):
            raise ApiError(403, Code.ROOM_NOT_ALLOWED, "Your invitation is for another room.")
        if identity.strip() in observers and not caller.roles & {Role.VIEWER, Role.ADMIN}:
            raise ApiError(403, Code.RESERVED_IDENTITY, "This name is an observer's. Choose another.")
        token = tokens.mint(only or room, identity, caller.session.id if caller.session else None, said)
        if caller.session is not None and caller.session.person_id is not None:
            await bind(token.identity, token.room, caller.session)
        return token

    @router.get("/token", summary="A token to join the room", responses=_REFUSALS)
    async def get(
        request: Request,
        identity: Annotated[str, Query(description="Who joins, 1-256 bytes in UTF-8", examples=["Alice42"])],
        room: Annotated[str | None, Query(description="Default: the room that is watched")] = None,
        consent: Annotated[bool, Query(description=_CONSENT)] = False,  # noqa: FBT002
        compared: Annotated[bool, Query(description=_COMPARED)] = True,  # noqa: FBT002
    ) -> Token:
        """Never kept by a cache."""
        return await mint(request, room, identity, _said(consent=consent, compared=compared))

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
        ),
    )
    async def post(request: Request) -> Token:
        """Like `GET /token`, without the name in the address."""
        wanted = await read_json(request, TokenRequest, _LIMIT)
        said = _said(consent=wanted.consent, compared=wanted.compared)
        return await mint(request, wanted.room, wanted.identity or wanted.name or "", said)

    return router


def _said(*, consent: bool, compared: bool) -> dict[str, str]:
    return ({CONSENT: GIVEN} if consent else {}) | ({} if compared else {COMPARED: NO})
