"""The parts of access put together from the settings: local mode, or keys, logins and invitations."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.callers import CallerOf, KeyedCallers, Keys, local_caller
from facematch.server.hosts import KnownHosts
from facematch.server.ratelimit import RateLimit
from facematch.server.roles import Role
from facematch.server.sessions import Sessions
from facematch.server.signin import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from facematch.server.hub import Hub
    from facematch.server.sessions import SessionStore
    from facematch.settings import Settings

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


def make_entrance(settings: Settings, hub: Hub, store: SessionStore, monotonic: Callable[[], float]) -> Entrance:
    """The entrance of the web process."""
    token_limit = RateLimit("tokens", settings.tokens_per_minute, monotonic)
    if not settings.keys_in_use:
        return Entrance(local_caller, None, token_limit)
    configured = {
        Role.ADMIN: settings.admin_key,
        Role.VIEWER: settings.viewer_key,
        Role.RECOGNIZER: settings.recognizer_key,
    }
    values = {role: key.get_secret_value() for role, key in configured.items() if key is not None}
    keys = Keys(values)
    sessions = Sessions(
        store,
        keys=[value for role, value in values.items() if role is not Role.RECOGNIZER],
        idle=timedelta(seconds=settings.session_idle_seconds),
        longest=timedelta(seconds=settings.session_max_seconds),
        invitation=timedelta(seconds=settings.invite_ttl_seconds),
    )
    hosts = KnownHosts({settings.host, *settings.allowed_hosts})
    wrong_keys = RateLimit("wrong keys", settings.login_attempts_per_minute, monotonic)
    logins = RateLimit("logins", settings.login_attempts_per_minute, monotonic)
    return Entrance(KeyedCallers(keys, sessions, hosts, wrong_keys), Door(keys, sessions, hub, logins), token_limit)


async def _sweep(door: Door) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await door.sweep()
        except OSError as error:
            log.warning("Logins cannot be swept now", reason=str(error))
