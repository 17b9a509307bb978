"""The parts of access put together: local mode, or keys, logins and invitations."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from facematch.runtime.meanwhile import meanwhile
from facematch.server.access import routes
from facematch.server.access.authentication import CallerOf, KeyedCallers, Keys
from facematch.server.access.hosts import KnownHosts
from facematch.server.access.local import LocalCallers, LocalSecret
from facematch.server.access.login import Logins
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Sessions
from facematch.server.web.shutdown import running_uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
    from datetime import timedelta
    from pathlib import Path

    from fastapi import APIRouter

    from facematch.server.access.audit import Audit
    from facematch.server.access.links import Links
    from facematch.server.access.login import Dismiss, Expel
    from facematch.server.access.neighbours import Neighbours
    from facematch.server.access.room_meant import RoomsOffered
    from facematch.server.access.sessions import SessionStore
    from facematch.server.access.tries import SharedTries

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
    data_dir: Path
    """Where local mode leaves its secret, on systems on which it needs one."""
    port: int
    links: Links


@dataclass(frozen=True, slots=True)
class Stores:
    """What outlives a process, or is known to several."""

    sessions: SessionStore
    """Logins and invitations."""
    tries: SharedTries


class Access:
    """Who gets in, and how.

    Args:
        rules: the operator's.
        stores: what outlives a process, or is known to several.
        dismiss: sends listeners away when their login ends.
        neighbours: tell whose program makes a request, in local mode.
        expel: has whoever joined a room with a login leave it; None: with any.
        monotonic: seconds.
    """

    def __init__(
        self,
        rules: Rules,
        stores: Stores,
        dismiss: Dismiss,
        neighbours: Neighbours,
        expel: Expel,
        monotonic: Callable[[], float],
    ) -> None:
        self.keyed = bool(rules.keys)
        """Whether keys are in use; local mode otherwise."""
        self.token_limit = RateLimit("tokens", rules.tokens_per_minute, monotonic, elsewhere=stores.tries)
        self._tries = stores.tries
        self._port = rules.port
        self._links = rules.links
        self._neighbours = neighbours
        self._secret = LocalSecret(rules.data_dir)
        given = rules.keys or {Role.ADMIN: self._secret.value}
        keys = Keys(given)
        sessions = Sessions(
            stores.sessions,
            keys=[key for role, key in given.items() if role is not Role.RECOGNIZER],
            idle=rules.idle,
            longest=rules.longest,
            invitation=rules.invitation,
        )
        wrong_keys = RateLimit("wrong keys", rules.attempts_per_minute, monotonic, elsewhere=stores.tries)
        attempts = RateLimit("logins", rules.attempts_per_minute, monotonic, elsewhere=stores.tries)
        callers: CallerOf = KeyedCallers(keys, sessions, KnownHosts(rules.hosts), wrong_keys)
        self.caller_of = callers if self.keyed else LocalCallers(neighbours, self._secret, callers)
        self._logins = Logins(keys, sessions, dismiss, attempts, expel, named=self.keyed)

    async def dismiss_ended(self) -> None:
        """See `Logins.dismiss_ended`."""
        await self._logins.dismiss_ended()

    @property
    def how_to_sign_in(self) -> str:
        """What somebody is told who is nobody yet."""
        return "Sign in first, or send a key." if self.keyed else self._secret.how_to_use

    def routes(
        self,
        rooms: RoomsOffered,
        is_person: Callable[[str], Awaitable[bool]],
        audit: Audit,
        *,
        consent_required: bool,
    ) -> APIRouter:
        """See `access.routes`."""
        return routes.routes(
            self._logins,
            rooms,
            is_person,
            self._links,
            audit,
            keyed=self.keyed,
            consent_required=consent_required,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, logins end when they expire."""
        if not self.keyed and not self._neighbours.can_tell():
            server = running_uvicorn()
            await asyncio.to_thread(self._secret.tell, server.config.port if server is not None else self._port)
        else:
            await asyncio.to_thread(self._secret.forget)  # one of a process that was killed
        try:
            async with meanwhile(("sweep-sessions", sweep(self._logins.sweep, self._tries.forget_over))):
                yield
        finally:
            self._secret.forget()


async def sweep(*over: Callable[[], Awaitable[None]]) -> None:
    """End what expires, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        for end in over:
            try:
                await end()
            except OSError as error:
                log.warning("Logins cannot be swept now", reason=str(error))
            except Exception:
                log.exception("Sweeping logins failed")  # and goes on: nobody else ends what expires
