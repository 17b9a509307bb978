"""Signing in and out, and inviting somebody to the room."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from facematch.protocol.values import Text
from facematch.server.access.authentication import Keys, cookie_name
from facematch.server.access.hosts import is_https
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import By, Caller, Role, caller_of
from facematch.server.access.sessions import Kind, Session, Sessions
from facematch.server.events.hub import Hub
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

SIGNED_OUT = 4401
"""Close code of a listener whose login has ended: coming back makes no sense before signing in."""

_LIMIT = 4 * KB
_Secret = Annotated[str, StringConstraints(min_length=1, max_length=512)]

_WRONG = "That key is not valid. Check it and try again."
_OVER = "This invitation has ended. Ask for a new one."
_LOCAL = "Face Match is in local mode: there is nothing to sign in to, and nobody else could follow an invitation."


class SignIn(BaseModel):
    """One of the two."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: _Secret | None = Field(default=None, repr=False, description="ADMIN_KEY or VIEWER_KEY")
    invitation: _Secret | None = Field(default=None, repr=False, description="The token of an invitation's link")


class Who(BaseModel):
    """Who makes the requests."""

    role: Literal["admin", "viewer", "participant", "recognizer"] = Field(examples=["admin"])
    by: By = Field(description="How that is known; only a login can be signed out")
    room: str | None = Field(description="The only room that this caller may join; null: any that tokens are given for")
    expires_at: datetime | None = Field(description="When the login or invitation ends at the latest; null: never")


class InviteRequest(BaseModel):
    """To which room."""

    model_config = ConfigDict(extra="forbid")

    room: Text | None = Field(default=None, description="Default: the room that is watched")


class Invite(BaseModel):
    """Whoever has this link may join the room, and nothing else."""

    path: str = Field(description="Of the link, after this server's address", examples=["/login#invite-…"])
    token: str = Field(description="The same for programs: Authorization: Bearer …", examples=["invite-…"])
    room: str = Field(examples=["face-recognition-room"])
    expires_at: datetime


class Ended(BaseModel):
    """How many logins and invitations have ended."""

    ended: int


class SignedOut(BaseModel):
    """The login has ended."""

    ok: Literal[True] = True


class Door:
    """Lets people in and out.

    Args:
        keys: of the roles.
        sessions: where logins are kept.
        hub: whose listeners are sent away when their login ends.
        attempts: how many a client may try.
    """

    def __init__(self, keys: Keys, sessions: Sessions, hub: Hub, attempts: RateLimit) -> None:
        self._keys = keys
        self.sessions = sessions
        self._hub = hub
        self._attempts = attempts

    async def enter(self, request: Request, wanted: SignIn) -> tuple[str, Session]:
        """A new login.

        Returns:
            Its token and itself.

        Raises:
            ApiError: 401, 422, 429 or 503; a former login is left as it was.
        """
        self._attempts.count(request.scope)
        async with _stored():
            return await self._enter(request, wanted)

    async def _enter(self, request: Request, wanted: SignIn) -> tuple[str, Session]:
        if (wanted.key is None) == (wanted.invitation is None):
            raise ApiError(422, Code.INVALID, "Send either a key or an invitation.")
        if wanted.key is not None:
            role = self._keys.role_of(wanted.key.strip())
            if role not in (Role.ADMIN, Role.VIEWER):
                log.warning("Login refused", client=_client(request))
                detail = "This is the recognizer's key; people sign in with another." if role else _WRONG
                raise ApiError(401, Code.WRONG_KEY, detail)
            room = until = None
        else:
            invitation = await self.sessions.find(wanted.invitation or "", Kind.INVITATION)
            if invitation is None:
                log.warning("Login refused", client=_client(request))
                raise ApiError(401, Code.WRONG_KEY, _OVER)
            role, room, until = invitation.role, invitation.room, invitation.expires_at
        token, session = await self.sessions.log_in(role, room, until)
        former = caller_of(request.scope).session
        if former is not None and former.kind is Kind.LOGIN:  # an invitation is not the caller's alone to end
            await self.leave(former)
        log.info("Signed in", role=str(role), client=_client(request))
        return token, session

    async def leave(self, session: Session) -> None:
        """End a login and send its listeners away."""
        async with _stored():
            await self.sessions.end(session)
        self._hub.dismiss(lambda owner: owner == session.id, SIGNED_OUT, "signed out")

    async def leave_all(self) -> int:
        """The same for every login and invitation. Returns how many."""
        async with _stored():
            ended = await self.sessions.end_all()
        self._hub.dismiss(lambda owner: owner is not None, SIGNED_OUT, "signed out")
        return ended

    async def invite(self, room: str) -> tuple[str, Session]:
        """An invitation; the token and itself."""
        async with _stored():
            return await self.sessions.invite(room)

    async def sweep(self) -> None:
        """Send the listeners of what has expired away, then forget it.

        Raises:
            OSError: logins cannot be read, or not be forgotten, now.
        """
        good, expired = await self.sessions.review()
        self._hub.dismiss(lambda owner: owner is not None and owner not in good, SIGNED_OUT, "signed out")
        await self.sessions.forget(expired)


@asynccontextmanager
async def _stored() -> AsyncIterator[None]:
    try:
        yield
    except OSError as error:
        detail = "This could not be written down now. Try again."
        raise ApiError(503, Code.STORAGE_FAILED, detail, headers={"Retry-After": "2"}) from error


def _client(request: Request) -> str:
    return request.client.host if request.client else "?"


def who(caller: Caller) -> Who:
    """A caller in words; in local mode the highest of all roles."""
    role = next(role for role in (Role.ADMIN, Role.VIEWER, Role.PARTICIPANT, Role.RECOGNIZER) if role in caller.roles)
    ends = caller.session.expires_at if caller.session else None
    return Who.model_validate({"role": str(role), "by": caller.by, "room": caller.room, "expires_at": ends})


def routes(door: Door | None, default_room: str, rooms: frozenset[str]) -> APIRouter:
    """`/api/session`, `/api/sessions` and `/api/invites`.

    Args:
        door: None in local mode.
        default_room: when none is asked for.
        rooms: those that somebody may be invited to.
    """
    router = APIRouter(tags=["access"])

    def the_door() -> Door:
        if door is None:
            raise ApiError(409, Code.LOCAL_MODE, _LOCAL)
        return door

    @router.post(
        "/api/session",
        summary="Sign in",
        responses=documented(
            *json_refusals(_LIMIT),
            (401, Code.WRONG_KEY, _WRONG),
            (409, Code.LOCAL_MODE, _LOCAL),
            (422, Code.INVALID, "Send either a key or an invitation."),
            (429, Code.TOO_MANY_REQUESTS, "Too many logins from your address. Try again in 42 s."),
        ),
        openapi_extra=described(SignIn, key={"key": "…"}, invitation={"invitation": "invite-…"}),
    )
    async def sign_in(request: Request, response: Response) -> Who:
        """Sets the cookie of the login. Programs need no login: they send a key with each request."""
        token, session = await the_door().enter(request, await read_json(request, SignIn, _LIMIT))
        _set_cookie(response, request, token, int((session.expires_at - session.created_at).total_seconds()))
        return Who.model_validate(
            {"role": str(session.role), "by": By.LOGIN, "room": session.room, "expires_at": session.expires_at}
        )

    @router.get("/api/session", summary="Who am I?", responses=documented())
    async def get(request: Request) -> Who:
        """For whoever has a role."""
        return who(caller_of(request.scope))

    @router.delete("/api/session", summary="Sign out", responses=documented())
    async def sign_out(request: Request, response: Response) -> SignedOut:
        """Ends the login and closes its listeners. Without a login nothing happens."""
        session = caller_of(request.scope).session
        if session is not None and session.kind is Kind.LOGIN:
            await the_door().leave(session)
            log.info("Signed out", role=str(session.role))
        _set_cookie(response, request, "", 0)
        return SignedOut()

    @router.delete("/api/sessions", summary="Sign everybody out", responses=documented((409, Code.LOCAL_MODE, _LOCAL)))
    async def sign_all_out() -> Ended:
        """Ends every login, the caller's too, and every invitation."""
        ended = await the_door().leave_all()
        log.warning("Everybody signed out", ended=ended)
        return Ended(ended=ended)

    @router.post(
        "/api/invites",
        summary="Invite somebody to a room",
        responses=documented(
            *json_refusals(_LIMIT),
            (403, Code.ROOM_NOT_ALLOWED, "Tokens are not given for this room. Add it to ALLOWED_ROOMS to allow it."),
            (409, Code.LOCAL_MODE, _LOCAL),
            (422, Code.INVALID, "room: Input should be a valid string"),
        ),
        openapi_extra=described(InviteRequest, default={}, room={"room": "lobby"}),
    )
    async def invite(request: Request) -> Invite:
        """The link works for anybody who has it, until it expires; it shows nothing but how to join."""
        wanted = await read_json(request, InviteRequest, _LIMIT)
        room = (wanted.room or "").strip() or default_room
        if room not in rooms:
            sentence = "Tokens are not given for this room. Add it to ALLOWED_ROOMS to allow it."
            raise ApiError(403, Code.ROOM_NOT_ALLOWED, sentence)
        token, invitation = await the_door().invite(room)
        log.info("Invitation made", role=str(who(caller_of(request.scope)).role), room=room)
        return Invite(path=f"/login#{token}", token=token, room=room, expires_at=invitation.expires_at)

    return router


def _set_cookie(response: Response, request: Request, token: str, seconds: int) -> None:
    response.set_cookie(
        cookie_name(request.scope),
        token,
        max_age=seconds,
        path="/",
        secure=is_https(request.scope),
        httponly=True,
        samesite="strict",
    )
