"""Following the log by memory: the frame of what is derived from it by whoever remembers what it said last."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from facematch.server.events.parsed import events_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.storage.position import Position

MOST_OF_OTHERS: Final = 200
"""Events of other processes that are looked through; after more of them nothing is remembered."""


class Following(ABC):
    """What is remembered is right for as long as nobody else has erased or changed the gallery; what other processes
    have appended is looked through.

    One call at a time: the log has one writer.
    """

    def __init__(self) -> None:
        self._stands: tuple[int, int, int] | None = None
        """Position, erasures and gallery at the end of the last transaction, for which what is remembered is right."""

    async def fold(
        self, connection: AsyncConnection, before: Position, new: Sequence[tuple[int, Event]]
    ) -> Sequence[Event]:
        """See `Derived`."""
        now = (before.latest, before.erased, before.gallery)
        if self._stands != now and not await self._heard_others(connection, now):
            self.doubt()
        made = await self._follow(connection, new)
        if new:
            self._stands = (new[-1][0] + len(made), before.erased, before.gallery)
        return made

    async def _heard_others(self, connection: AsyncConnection, now: tuple[int, int, int]) -> bool:
        """Look through what others have appended. False: that does not do."""
        stands = self._stands
        if stands is None or stands[1:] != now[1:] or not 0 < now[0] - stands[0] <= MOST_OF_OTHERS:
            return False
        for cursor, event in await events_after(connection, stands[0], now[0], MOST_OF_OTHERS):
            self._heed(cursor, event)
        return True

    def doubt(self) -> None:
        """A transaction may have come to nothing: what is remembered may never have been."""
        self._forget()
        self._stands = None

    @abstractmethod
    async def _follow(self, connection: AsyncConnection, new: Sequence[tuple[int, Event]]) -> Sequence[Event]:
        """Take these, and write down what is so now."""

    @abstractmethod
    def _heed(self, cursor: int, event: Event) -> None:
        """Forget what another process may have written down because of an event."""

    @abstractmethod
    def _forget(self) -> None:
        """Remember nothing any more."""
