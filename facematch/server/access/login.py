"""Signing in and out, and inviting somebody to the room."""

# Annotations are read at run time here: pydantic makes its models from them.
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final

import structlog
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from facematch.server.access.audit import Audit
from facematch.server.access.authentication import Keys
from facematch.server.access.caller import By, Caller, caller_of
from facematch.server.access.own_name import own_name
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind, Session, Sessions
from facematch.server.web.errors import ApiError, Code

log = structlog.get_logger(__name__)

SIGNED_OUT: Final = 4401
"""Close code of a listener whose login has ended: coming back makes no sense before signing in."""

WRONG_KEY: Final = "That key is not valid. Check it and try again."

MOST_INVITATIONS: Final = 10_000
"""That have not expired."""
KEPT_FOR_ADMINS: Final = 1_000
"""Of those: a viewer cannot use up what admins need."""
TOO_MANY_INVITATIONS: Final = (
    "There are {} invitations that have not expired, as many as there may be. Use one for several people, wait until "
    "some expire, or have an admin sign everybody out, which ends them all."
)

NO_NAME: Final = "name: say who you are: others see who did what by it."

_OVER = "This invitation has ended. Ask for a new one."

Dismiss = Callable[[Callable[[str | None], bool], int, str], None]
"""Sends listeners away: those whose owner (the id of a login or invitation; None: nobody's in particular) it is said
of, with a close code and a reason."""

Expel = Callable[[str | None], Awaitable[None]]
"""Has whoever joined a room with a login (its id; None: with any) leave it."""


async def nobody_is_in(_login: str | None) -> None:
    """An `Expel` where logins are for no room."""


_Secret = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class SignIn(BaseModel):
    """A key or an invitation."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: _Secret | None = Field(default=None, repr=False, description="ADMIN_KEY or VIEWER_KEY")
    invitation: _Secret | None = Field(default=None, repr=False, description="The token of an invitation's link")
    name: Annotated[str | None, AfterValidator(lambda name: name and own_name(name))] = Field(
        default=None,
        max_length=512,
        description="What whoever signs in calls themselves: others see who did what by it. With a key, it has to be "
        "there. At most 60 characters",
    )


class Logins:
    """Lets people in and out.

    Args:
        keys: of the roles.
        sessions: where logins are kept.
        dismiss: sends listeners away when their login ends.
        attempts: how many a client may try.
        expel: has whoever joined a room with this login leave it; None: with any.
        named: whether whoever signs in with a key has to say who they are.
    """

    def __init__(
        self,
        keys: Keys,
        sessions: Sessions,
        dismiss: Dismiss,
        attempts: RateLimit,
        expel: Expel = nobody_is_in,
        *,
        named: bool = False,
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._dismiss = dismiss
        self._attempts = attempts
        self._expel = expel
        self._named = named

    async def enter(self, request: Request, wanted: SignIn, audit: Audit) -> tuple[str, Session]:
        """A new login.

        Args:
            request: with which somebody signs in.
            wanted: what they say.
            audit: keeps it before they are in. Not of guests: that they joined is kept of them.

        Returns:
            Its token and itself.

        Raises:
            ApiError: 401, 422, 429 or 503; a former login is left as it was.
        """
        async with stored():
            return await self._enter(request, wanted, audit)

    async def _enter(self, request: Request, wanted: SignIn, audit: Audit) -> tuple[str, Session]:
        if (wanted.key is None) == (wanted.invitation is None):
            raise ApiError(422, Code.INVALID, "Send either a key or an invitation.")
        if wanted.key is not None:
            role = self._keys.role_of(wanted.key.strip())
            if role not in (Role.ADMIN, Role.VIEWER):
                await self._refused(request)
                detail = "This is the recognizer's key; people sign in with another." if role else WRONG_KEY
                raise ApiError(401, Code.WRONG_KEY, detail)
            if self._keys.is_guessable(role):
                await self._attempts.count(request.scope)
            if self._named and not wanted.name:
                raise ApiError(422, Code.INVALID, NO_NAME)
            invitation = None
            await audit("signed_in", Caller(frozenset({role}), By.LOGIN, own_name=wanted.name).signature)
        else:
            invitation = await self._sessions.find(wanted.invitation or "", Kind.INVITATION)
            if invitation is None:
                await self._refused(request)
                raise ApiError(401, Code.WRONG_KEY, _OVER)
            role = invitation.role
        token, session = await self._sessions.log_in(role, invitation, wanted.name)
        former = caller_of(request.scope).session
        if former is not None and former.kind is Kind.LOGIN:  # an invitation is not the caller's alone to end
            await self.leave(former)
        log.info("Signed in", role=str(role), name=session.name, client=_client(request))
        return token, session

    async def _refused(self, request: Request) -> None:
        log.warning("Login refused", client=_client(request))
        await self._attempts.count(request.scope)

    async def leave(self, session: Session) -> None:
        """End a login and send its listeners away."""
        async with stored():
            await self._sessions.end(session)
        await self._expel(session.id)
        self._dismiss(lambda owner: owner == session.id, SIGNED_OUT, "signed out")

    async def leave_all(self) -> int:
        """The same for every login and invitation. Returns how many."""
        async with stored():
            ended = await self._sessions.end_all()
        await self._expel(None)
        self._dismiss(lambda owner: owner is not None, SIGNED_OUT, "signed out")
        return ended

    async def invite(self, room: str, person_id: str | None, caller: Caller) -> tuple[str, Session]:
        """An invitation; the token and itself.

        Args:
            room: to which.
            person_id: who whoever follows it is supposed to be; None: anybody.
            caller: who asks for it.

        Raises:
            ApiError: 429, there are as many as there may be; 503.
        """
        most = MOST_INVITATIONS if Role.ADMIN in caller.roles else MOST_INVITATIONS - KEPT_FOR_ADMINS
        async with stored():
            if await self._sessions.invitations() >= most:
                log.warning("As many invitations as there may be", most=most)
                raise ApiError(429, Code.TOO_MANY_REQUESTS, TOO_MANY_INVITATIONS.format(most))
            return await self._sessions.invite(room, person_id)

    async def sweep(self) -> None:
        """Send the listeners of what has expired away, then forget it.

        Raises:
            OSError: logins cannot be read, or not be forgotten, now.
        """
        await self.dismiss_ended()
        await self._sessions.forget_expired()

    async def dismiss_ended(self) -> None:
        """Send listeners away whose login has ended, by whichever process.

        Raises:
            OSError: logins cannot be read now.
        """
        owners: set[str] = set()

        def is_asked_for(owner: str | None) -> bool:
            if owner is not None:
                owners.add(owner)
            return False

        self._dismiss(is_asked_for, SIGNED_OUT, "signed out")  # nobody goes yet
        good = await self._sessions.good(owners) if owners else frozenset()
        self._dismiss(lambda owner: owner in owners and owner not in good, SIGNED_OUT, "signed out")


@asynccontextmanager
async def stored() -> AsyncIterator[None]:
    """What the database refuses meanwhile is a refusal of ours."""
    try:
        yield
    except OSError as error:
        detail = "This could not be written down now. Try again."
        raise ApiError(503, Code.STORAGE_FAILED, detail, headers={"Retry-After": "2"}) from error


def _client(request: Request) -> str:
    return request.client.host if request.client else "?"
