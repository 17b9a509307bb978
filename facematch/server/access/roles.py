"""What a request may be made as, and by whom it was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Scope

    from facematch.server.access.sessions import Session


class Role(StrEnum):
    """What a request may be made as."""

    VIEWER = "viewer"
    """Sees events, snapshots, status; may join, and invite others to join."""
    ADMIN = "admin"
    """Sees and changes everything."""
    RECOGNIZER = "recognizer"
    """Reports events, and nothing else."""
    PARTICIPANT = "participant"
    """Joins one room, and sees nothing of what is found there."""
    GUEST = "guest"
    """Nobody yet: may sign in."""


Roles = frozenset[Role]


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


NOBODY: Final = Caller(frozenset({Role.GUEST}), By.NOTHING)

_KEY: Final = "facematch.caller"


def remember_caller(scope: Scope, caller: Caller) -> None:
    """Keep for `caller_of`."""
    scope[_KEY] = caller


def caller_of(scope: Scope) -> Caller:
    """Who makes this request."""
    caller: Caller = scope.get(_KEY, NOBODY)
    return caller
