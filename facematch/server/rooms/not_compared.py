"""Participants who are not to be looked at: said by an admin, kept until an admin says otherwise, in every room.

What somebody chose for themselves when they joined stands in their token (`tokens`), and ends with their stay.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from facematch.runtime.clock import wall_clock
from facematch.server.storage.schema import not_compared, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

MOST: Final = 10_000
"""Kept at once."""

KNOWN_SECONDS: Final = 1.0
"""How long what was read is taken for true: another process may have changed it."""


class TooManyError(Exception):
    """There are `MOST` already."""


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody who is not to be looked at."""

    identity: str
    by: str
    since: datetime


class NotCompared:
    """See the module. Every method raises `LogUnavailableError` when the database is away.

    Args:
        database: of the event log, opened with it.
        changed: called after every change.
        monotonic: seconds; injected by tests.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        changed: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._database = database
        self._changed = changed
        self._monotonic = monotonic
        self._now = now
        self._known: tuple[frozenset[str], float] | None = None
        """Everybody, and when that was read."""
        self._version = 0

    async def among(self, identities: Collection[str]) -> list[str]:
        """Those of these who are not to be looked at. Cheap: asked with every heartbeat."""
        everybody = await self._everybody()
        return [identity for identity in identities if _kept(identity) in everybody]

    async def nobody(self) -> bool:
        """Whether everybody may be looked at. As cheap."""
        return not await self._everybody()

    async def _everybody(self) -> frozenset[str]:
        known = self._known
        if known is None or self._monotonic() - known[1] >= KNOWN_SECONDS:
            version, at = self._version, self._monotonic()
            known = frozenset([line.identity for line in await self.all()]), at
            if version == self._version:  # nothing was changed while it was read
                self._known = known
        return known[0]

    async def all(self) -> list[Line]:
        """Everybody, the latest first."""
        found = sa.select(not_compared.c.identity, not_compared.c.by, not_compared.c.since)
        latest_first = found.order_by(not_compared.c.since.desc(), not_compared.c.identity)
        return [Line(*row) for row in await self._database.rows(latest_first)]

    async def put(self, identity: str, by: str) -> None:
        """They are not to be looked at any more. Who is there already stays as they are.

        Raises:
            TooManyError: too many are kept.
        """
        line = {"identity": _kept(identity), "by": by, "since": self._now()}

        async def work(connection: AsyncConnection) -> None:
            there = sa.select(not_compared.c.identity).where(not_compared.c.identity == line["identity"])
            if (await connection.execute(there)).first() is not None:
                return
            count = await connection.scalar(sa.select(sa.func.count()).select_from(not_compared))
            if (count or 0) >= MOST:
                raise TooManyError
            await connection.execute(sa.insert(not_compared).values(line))

        await self._database.write(work)
        self._forget()

    async def remove(self, identity: str) -> bool:
        """They may be looked at again. Returns whether that is a change."""
        found = sa.delete(not_compared).where(not_compared.c.identity == _kept(identity))
        removed = await self._database.execute(found)
        self._forget()
        return removed > 0

    def _forget(self) -> None:
        self._known = None
        self._version += 1
        self._changed()


def _kept(identity: str) -> str:
    return text_of(identity) or ""
