"""The parts of access put together: local mode, or keys, logins and invitations."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.access import routes
from facematch.server.access.authentication import CallerOf, KeyedCallers, Keys, local_caller
from facematch.server.access.hosts import KnownHosts
from facematch.server.access.login import Logins
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from datetime import timedelta

    from fastapi import APIRouter

    from facematch.server.access.login import Dismiss
    from facematch.server.access.sessions import SessionStore

log = structlog.get_logger(__name__)

SWEEP_SECONDS: Final = 10.0
"""How long a listener may outlive its login."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator decides about access."""

    keys: Mapping[Role, str]
    """Of each role that has one; empty: local mode."""
    hosts: Collection[str]
    """Names that we answer to, besides those of `KnownHosts`."""
    idle: timedelta
    longest: timedelta
    invitation: timedelta
    attempts_per_minute: int
    tokens_per_minute: int


class Access:
    """Who gets in, and how.

    Args:
        rules: the operator's.
        store: of logins and invitations.
        dismiss: sends listeners away when their login ends.
        monotonic: seconds.
    """

    def __init__(self, rules: Rules, store: SessionStore, dismiss: Dismiss, monotonic: Callable[[], float]) -> None:
        self.token_limit = RateLimit("tokens", rules.tokens_per_minute, monotonic)
        self.caller_of: CallerOf = local_caller
        self.logins: Logins | None = None
        """None in local mode: there is nothing to sign in to."""
        if rules.keys:
            keys = Keys(rules.keys)
            sessions = Sessions(
                store,
                keys=[key for role, key in rules.keys.items() if role is not Role.RECOGNIZER],
                idle=rules.idle,
                longest=rules.longest,
                invitation=rules.invitation,
            )
            wrong_keys = RateLimit("wrong keys", rules.attempts_per_minute, monotonic)
            attempts = RateLimit("logins", rules.attempts_per_minute, monotonic)
            self.caller_of = KeyedCallers(keys, sessions, KnownHosts(rules.hosts), wrong_keys)
            self.logins = Logins(keys, sessions, dismiss, attempts)

    @property
    def keyed(self) -> bool:
        """Whether keys are in use; local mode otherwise."""
        return self.logins is not None

    def routes(self, default_room: str, rooms: frozenset[str]) -> APIRouter:
        """See `access.routes`."""
        return routes.routes(self.logins, default_room, rooms)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, logins end when they expire."""
        if self.logins is None:
            yield
            return
        sweeping = asyncio.create_task(sweep(self.logins), name="sweep-sessions")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.wait([sweeping])


async def sweep(logins: Logins) -> None:
    """End what expires, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await logins.sweep()
        except OSError as error:
            log.warning("Logins cannot be swept now", reason=str(error))
        except Exception:
            log.exception("Sweeping logins failed")  # and goes on: nobody else ends what expires
