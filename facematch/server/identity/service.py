"""Identity put together: bindings, what follows from them, and what recognizers are told of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from facematch.runtime.clock import wall_clock
from facematch.runtime.meanwhile import meanwhile
from facematch.server.identity import routes
from facematch.server.identity.bindings import Bindings
from facematch.server.identity.claims import Claims
from facematch.server.identity.refusing import refused
from facematch.server.identity.store import IdentityStore
from facematch.server.recognizers.registry import ONLINE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from fastapi import APIRouter

    from facematch.server.access.sessions import Session
    from facematch.server.events.writer import Writer
    from facematch.server.people.store import PeopleStore
    from facematch.server.recognizers.registry import Recognizers
    from facematch.server.storage.database import Database
    from facematch.server.storage.leases import Leases

_LEASE: Final = "bindings"


class Identity:
    """See the module.

    Args:
        database: of the event log, opened with it.
        writer: of the event log.
        people: who there is.
        recognizers: who reports.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        people: PeopleStore,
        recognizers: Recognizers,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._recognizers = recognizers
        self._now = now
        self.store = IdentityStore(database)
        self.bindings = Bindings(self.store, writer, people, now)
        self.claims = Claims(self.store, self.bindings)

    def routes(self) -> APIRouter:
        """See `identity.routes`."""
        return routes.routes(self.store, self.bindings, self._watched, self._now, self._recognizers.anchors.forget)

    @asynccontextmanager
    async def running(self, leases: Leases) -> AsyncIterator[None]:
        """While this is open, bindings end when their time is over.

        Args:
            leases: one process at a time ends them.
        """
        async with meanwhile(("bindings", leases.while_held(_LEASE, self._end_bindings))):
            yield

    async def _end_bindings(self, _epoch: int) -> None:
        await self.bindings.run()

    async def bind_invited(self, identity: str, room: str, invited: Session) -> None:
        """See `rooms.tokens.Bind`."""
        if invited.person_id is not None:
            with refused():
                await self.bindings.invited(identity, room, invited.person_id, invited.expires_at)

    def _watched(self) -> frozenset[str]:
        return frozenset(heartbeat.room for heartbeat, age in self._recognizers.all() if age <= ONLINE_SECONDS)
