"""Who is asking, with keys: somebody with a key, a login or an invitation."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from facematch.server.access.caller import NOBODY, By, Caller
from facematch.server.access.hosts import (
    foreign_origin,
    host_name,
    is_https,
    only,
    origin_of,
    same_origin,
)
from facematch.server.access.sessions import INVITATION_PREFIX, Kind
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from starlette.types import Scope

    from facematch.server.access.rate_limit import RateLimit
    from facematch.server.access.roles import Role
    from facematch.server.access.sessions import Session, Sessions

CallerOf = Callable[["Scope"], Awaitable[Caller]]
"""Tells who makes a request, or raises an `ApiError` that says why that one gets no answer at all."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class Keys:
    """The configured keys, held so that none can be read back or guessed from how long a comparison takes.

    Args:
        keys: of each role that has one.
    """

    def __init__(self, keys: Mapping[Role, str]) -> None:
        self._hashes = {role: _hash(key) for role, key in keys.items()}
        self._guessable = frozenset(role for role, key in keys.items() if bits_of(key) < ENOUGH_BITS)

    def role_of(self, key: str) -> Role | None:
        """Whose key this is; None: nobody's. Takes the same time whatever it is."""
        given = _hash(key)
        roles = [role for role, known in self._hashes.items() if hmac.compare_digest(known, given)]
        return roles[0] if roles else None

    def is_guessable(self, role: Role) -> bool:
        """Whether a role's key could be found by trying, so that whoever tries must not see which one is right."""
        return role in self._guessable


ENOUGH_BITS: Final = 80
"""What cannot be found by trying, even if the key has far fewer than `bits_of` says because it is made of words."""


def bits_of(key: str) -> float:
    """How many bits a key has at the most, from how its characters are spread: none for `aaaaaaaaaaaaaaaa`."""
    shares = [count / len(key) for count in Counter(key).values()]
    return -len(key) * sum(share * math.log2(share) for share in shares)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class KeyedCallers:
    """With keys: a bearer for programs, a cookie for people.

    Args:
        keys: of the roles.
        sessions: logins and invitations.
        hosts: names that we answer to.
        attempts: how many wrong keys a client may try.
    """

    def __init__(self, keys: Keys, sessions: Sessions, hosts: Container[str | None], attempts: RateLimit) -> None:
        self._keys = keys
        self._sessions = sessions
        self._hosts = hosts
        self._attempts = attempts

    async def __call__(self, scope: Scope) -> Caller:
        """See `CallerOf`."""
        headers = Headers(scope=scope)
        if host_name(headers) not in self._hosts:
            raise ApiError(
                403,
                Code.UNKNOWN_HOST,
                "Face Match does not answer to this host name. Add it to ALLOWED_HOSTS, or use the IP address.",
            )
        if not same_origin(scope):
            raise foreign_origin()
        try:
            bearer = bearer_of(headers)
            if bearer is not None:
                return await self._by_bearer(scope, bearer)
            return await self._by_cookie(scope, headers)
        except OSError as error:
            raise ApiError(
                503, Code.STORAGE_FAILED, "Logins cannot be looked up now. Try again.", headers={"Retry-After": "2"}
            ) from error

    async def _by_bearer(self, scope: Scope, bearer: str) -> Caller:
        if (role := self._keys.role_of(bearer)) is not None:
            if self._keys.is_guessable(role):
                self._attempts.check(scope)
            return Caller(frozenset({role}), By.KEY)
        if bearer.startswith(INVITATION_PREFIX) and (found := await self._sessions.find(bearer, Kind.INVITATION)):
            return caller_with(found)
        await self._attempts.count(scope)
        raise ApiError(401, Code.WRONG_KEY, "This key is not valid (any more).", headers=CHALLENGE)

    async def _by_cookie(self, scope: Scope, headers: Headers) -> Caller:
        token = session_token_of(scope)
        found = await self._sessions.find(token, Kind.LOGIN) if token else None
        if found is None:
            return NOBODY
        acts = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if acts and not origin_of(headers):  # browsers name the page behind each of these
            raise foreign_origin()
        return caller_with(found)


CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="Face Match"'}


def caller_with(session: Session) -> Caller:
    """Who has this login or invitation."""
    return Caller(frozenset({session.role}), By(session.kind), session.room, session, session.name)


def bearer_of(headers: Headers) -> str | None:
    """The token of `Authorization: Bearer …`; None without such a header. Other schemes are a proxy's business."""
    scheme, _, token = only(headers.getlist("authorization")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_name(scope: Scope) -> str:
    """What the cookie of a login is called: under TLS by a name that no other host or plain page can set."""
    return "__Host-face_match_session" if is_https(scope) else "face_match_session"


def session_token_of(scope: Scope) -> str | None:
    """The token in the request's cookie."""
    cookies = cookie_parser("; ".join(Headers(scope=scope).getlist("cookie")))
    return cookies.get(cookie_name(scope))
