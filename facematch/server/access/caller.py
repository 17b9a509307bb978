"""By whom a request was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from facematch.server.access.roles import Role

if TYPE_CHECKING:
    from starlette.types import Scope

    from facematch.server.access.roles import Roles
    from facematch.server.access.sessions import Session


class By(StrEnum):
    """How it is known who makes a request."""

    LOCAL = "local"
    """It was made on this machine, in local mode."""
    KEY = "key"
    LOGIN = "login"
    INVITATION = "invitation"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as far as could be told."""

    roles: Roles
    by: By
    room: str | None = None
    """The only room that this caller may join; None: any that tokens are given for."""
    session: Session | None = None
    own_name: str | None = None
    """What they call themselves; nobody has checked it."""

    @property
    def role(self) -> Role:
        """Theirs; the highest of several, as in local mode."""
        return next(role for role in RANKED if role in self.roles)

    @property
    def signature(self) -> str:
        """Who did something, for the record: their own name if they gave one, a role, and how that is known."""
        known = f"{self.role} ({self.by})"
        return f"{self.own_name}, {known}" if self.own_name else known


RANKED: Final = (Role.ADMIN, Role.VIEWER, Role.PARTICIPANT, Role.RECOGNIZER, Role.GUEST)


NOBODY: Final = Caller(frozenset({Role.GUEST}), By.NOTHING)

_KEY: Final = "facematch.caller"


def remember_caller(scope: Scope, caller: Caller) -> None:
    """Keep for `caller_of`."""
    scope[_KEY] = caller


def caller_of(scope: Scope) -> Caller:
    """Who makes this request."""
    caller: Caller = scope.get(_KEY, NOBODY)
    return caller
