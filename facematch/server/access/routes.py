"""Signing in and out, and inviting, over HTTP."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from facematch.protocol.values import Name, Text
from facematch.server.access.audit import Audit
from facematch.server.access.authentication import caller_with, cookie_name
from facematch.server.access.caller import By, Caller, caller_of
from facematch.server.access.hosts import is_https
from facematch.server.access.links import Links
from facematch.server.access.login import (
    MOST_INVITATIONS,
    NO_NAME,
    TOO_MANY_INVITATIONS,
    WRONG_KEY,
    Logins,
    SignIn,
    stored,
)
from facematch.server.access.roles import Role
from facematch.server.access.room_meant import NOT_ALLOWED, ROOM_HELP, RoomsOffered
from facematch.server.access.sessions import Kind
from facematch.server.web.bodies import KB, described, json_refusals, read_json
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

_LIMIT = 4 * KB
_NAMES_SOMEBODY = "An invitation that names a person takes the role admin: it says who somebody is supposed to be."
_NO_PERSON = "There is no person of this id (any more)."
_LOCAL = "Face Match is in local mode: there is nothing to sign in to, and nobody else could follow an invitation."


class Who(BaseModel):
    """Who makes the requests."""

    role: Literal["admin", "viewer", "participant", "recognizer"] = Field(examples=["admin"])
    by: By = Field(description="How that is known; only a login can be signed out")
    room: str | None = Field(description="The only room that this caller may join; null: any that tokens are given for")
    expires_at: datetime | None = Field(description="When the login or invitation ends at the latest; null: never")
    name: str | None = Field(default=None, description="What they call themselves; null: they gave no name")
    consent_required: bool = Field(
        default=False, description="Nobody is looked at before they have agreed: whoever joins has to be asked"
    )
    many_rooms: bool = Field(
        default=False, description="Rooms are watched by pattern (ROOMS): whoever joins or invites says which"
    )


class InviteRequest(BaseModel):
    """To which room, and whom."""

    model_config = ConfigDict(extra="forbid")

    room: Text | None = Field(default=None, description=ROOM_HELP)
    person_id: Name | None = Field(
        default=None,
        description="Who whoever follows it is supposed to be, under whatever name they join: they are bound to that "
        "person. Takes an admin",
    )


class Invite(BaseModel):
    """Whoever has this link may join the room, and nothing else."""

    url: str = Field(
        description="The link: at PUBLIC_URL, else at the address that this was asked of",
        examples=["https://faces.example.com/login#invite-…"],
    )
    warnings: list[str] = Field(
        description="What keeps guests who follow it from joining, as far as is known, in sentences"
    )
    path: str = Field(description="Of the link, after this server's address", examples=["/login#invite-…"])
    token: str = Field(description="The same for programs: Authorization: Bearer …", examples=["invite-…"])
    room: str = Field(examples=["face-recognition-room"])
    person_id: str | None = Field(description="Who whoever follows it is supposed to be")
    expires_at: datetime


class Ended(BaseModel):
    """How many logins and invitations have ended."""

    ended: int


class SignedOut(BaseModel):
    """The login has ended."""

    ok: Literal[True] = True


def who(caller: Caller) -> Who:
    """A caller in words; in local mode the highest of all roles."""
    ends = caller.session.expires_at if caller.session else None
    return Who.model_validate(
        {"role": str(caller.role), "by": caller.by, "room": caller.room, "expires_at": ends, "name": caller.own_name}
    )


def routes(
    logins: Logins,
    rooms: RoomsOffered,
    is_person: Callable[[str], Awaitable[bool]],
    links: Links,
    audit: Audit,
    *,
    keyed: bool,
    consent_required: bool = False,
) -> APIRouter:
    """`/api/session`, `/api/sessions` and `/api/invites`.

    Args:
        logins: what they do.
        rooms: those that somebody may be invited to.
        is_person: whether there is a person of an id; raises `OSError` when that cannot be read now.
        links: where invitations lead.
        audit: keeps who signs in and out.
        keyed: whether there are keys; in local mode nobody else could follow an invitation.
        consent_required: told to whoever asks who they are.
    """
    router = APIRouter(tags=["access"])

    @router.post(
        "/api/session",
        summary="Sign in",
        responses=documented(
            *json_refusals(_LIMIT),
            (401, Code.WRONG_KEY, WRONG_KEY),
            (409, Code.LOCAL_MODE, _LOCAL),
            (422, Code.INVALID, "Send either a key or an invitation."),
            (422, Code.INVALID, NO_NAME),
            (429, Code.TOO_MANY_REQUESTS, "Too many logins from your address. Try again in 42 s."),
        ),
        openapi_extra=described(SignIn, key={"key": "…", "name": "Dana"}, invitation={"invitation": "invite-…"}),
    )
    async def sign_in(request: Request, response: Response) -> Who:
        """Sets the cookie of the login. Programs need no login: they send a key with each request."""
        _refuse_when(caller_of(request.scope).by is By.LOCAL)
        token, session = await logins.enter(request, await read_json(request, SignIn, _LIMIT), audit)
        _set_cookie(response, request, token, int((session.expires_at - session.created_at).total_seconds()))
        return who(caller_with(session))

    @router.get("/api/session", summary="Who am I?", responses=documented())
    async def get(request: Request) -> Who:
        """For whoever has a role."""
        own = {"consent_required": consent_required, "many_rooms": bool(rooms.fitting)}
        return who(caller_of(request.scope)).model_copy(update=own)

    @router.delete("/api/session", summary="Sign out", responses=documented())
    async def sign_out(request: Request, response: Response) -> SignedOut:
        """Ends the login and closes its listeners. Without a login nothing happens."""
        caller = caller_of(request.scope)
        session = caller.session
        if session is not None and session.kind is Kind.LOGIN:
            if session.role is not Role.PARTICIPANT:
                async with stored():
                    await audit("signed_out", caller.signature)
            await logins.leave(session)
            log.info("Signed out", role=str(session.role), name=session.name)
        _set_cookie(response, request, "", 0)
        return SignedOut()

    @router.delete("/api/sessions", summary="Sign everybody out", responses=documented((409, Code.LOCAL_MODE, _LOCAL)))
    async def sign_all_out(request: Request) -> Ended:
        """Ends every login, the caller's too, and every invitation."""
        _refuse_when(caller_of(request.scope).by is By.LOCAL)
        by = caller_of(request.scope).signature
        async with stored():
            await audit("all_signed_out", by)
        ended = await logins.leave_all()
        log.warning("Everybody signed out", ended=ended, by=by)
        return Ended(ended=ended)

    @router.post(
        "/api/invites",
        summary="Invite somebody to a room",
        responses=documented(
            *json_refusals(_LIMIT),
            (403, Code.ROOM_NOT_ALLOWED, NOT_ALLOWED),
            (403, Code.ROLE_REQUIRED, _NAMES_SOMEBODY),
            (404, Code.NO_PERSON, _NO_PERSON),
            (409, Code.LOCAL_MODE, _LOCAL),
            (422, Code.INVALID, "room: Input should be a valid string"),
            (429, Code.TOO_MANY_REQUESTS, TOO_MANY_INVITATIONS.format(MOST_INVITATIONS)),
        ),
        openapi_extra=described(InviteRequest, default={}, room={"room": "lobby"}, person={"person_id": "default"}),
    )
    async def invite(request: Request) -> Invite:
        """The link works for anybody who has it, until it expires; it shows nothing but how to join."""
        _refuse_when(not keyed)
        wanted = await read_json(request, InviteRequest, _LIMIT)
        room = rooms.meant(wanted.room)
        caller, person_id = caller_of(request.scope), wanted.person_id
        if person_id is not None:
            await _check_person(person_id, caller, is_person)
        token, invitation = await logins.invite(room, person_id, caller)
        log.info("Invitation made", role=str(caller.role), by=caller.signature, room=room)
        base, path = links.base(request.scope), f"/login#{token}"
        return Invite(
            url=base + path,
            warnings=links.obstacles(base),
            path=path,
            token=token,
            room=room,
            person_id=person_id,
            expires_at=invitation.expires_at,
        )

    return router


async def _check_person(person_id: str, caller: Caller, is_person: Callable[[str], Awaitable[bool]]) -> None:
    """Return if this caller may invite somebody as that person."""
    if Role.ADMIN not in caller.roles:
        raise ApiError(403, Code.ROLE_REQUIRED, _NAMES_SOMEBODY)
    async with stored():
        if not await is_person(person_id):
            raise ApiError(404, Code.NO_PERSON, _NO_PERSON)


def _refuse_when(local: bool) -> None:  # noqa: FBT001  (reads as a sentence)
    if local:
        raise ApiError(409, Code.LOCAL_MODE, _LOCAL)


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
