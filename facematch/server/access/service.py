"""The parts of access put together: local mode, or keys, logins and invitations."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.access.authentication import CallerOf, KeyedCallers, Keys, local_caller
from facematch.server.access.hosts import KnownHosts
from facematch.server.access.login import Door
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from datetime import timedelta

    from facematch.server.access.sessions import SessionStore
    from facematch.server.events.hub import Hub

log = structlog.get_logger(__name__)

SWEEP_SECONDS: Final = 10.0
"""How long a listener may outlive its login."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who gets in, and how."""

    caller_of: CallerOf
    door: Door | None
    """None in local mode: there is nothing to sign in to."""
    token_limit: RateLimit

    @property
    def keyed(self) -> bool:
        """Whether keys are in use; local mode otherwise."""
        return self.door is not None

    @contextlib.asynccontextmanager
    async def guarded(self) -> AsyncIterator[None]:
        """While this is open, logins end when they expire."""
        if self.door is None:
            yield
            return
        sweeping = asyncio.create_task(_sweep(self.door), name="sweep-sessions")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.wait([sweeping])


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


def make_entrance(rules: Rules, hub: Hub, store: SessionStore, monotonic: Callable[[], float]) -> Entrance:
    """The entrance of the web process.

    Args:
        rules: the operator's.
        hub: whose listeners are sent away when their login ends.
        store: of logins and invitations.
        monotonic: seconds.
    """
    token_limit = RateLimit("tokens", rules.tokens_per_minute, monotonic)
    if not rules.keys:
        return Entrance(local_caller, None, token_limit)
    keys = Keys(rules.keys)
    sessions = Sessions(
        store,
        keys=[key for role, key in rules.keys.items() if role is not Role.RECOGNIZER],
        idle=rules.idle,
        longest=rules.longest,
        invitation=rules.invitation,
    )
    wrong_keys = RateLimit("wrong keys", rules.attempts_per_minute, monotonic)
    logins = RateLimit("logins", rules.attempts_per_minute, monotonic)
    callers = KeyedCallers(keys, sessions, KnownHosts(rules.hosts), wrong_keys)
    return Entrance(callers, Door(keys, sessions, hub, logins), token_limit)


async def _sweep(door: Door) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await door.sweep()
        except OSError as error:
            log.warning("Logins cannot be swept now", reason=str(error))
        except Exception:
            log.exception("Sweeping logins failed")  # and goes on: nobody else ends what expires
