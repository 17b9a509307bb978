"""Following the log by memory: the frame of what is derived from it by whoever remembers what it said last."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.storage.position import Position


class Following(ABC):
    """What is remembered is right for as long as nobody else has appended, erased or changed the gallery.

    One call at a time: the log has one writer.
    """

    def __init__(self) -> None:
        self._stands: tuple[int, int, int] | None = None
        """Position, erasures and gallery at the end of the last transaction, for which what is remembered is right."""

    async def fold(
        self, connection: AsyncConnection, before: Position, new: Sequence[tuple[int, Event]]
    ) -> Sequence[Event]:
        """Take events that this transaction appends.

        Args:
            connection: in the transaction, which holds the position's lock.
            before: the position before it.
            new: position and event, in order.

        Returns:
            What follows from them, to be appended behind them.
        """
        if self._stands != (before.latest, before.erased, before.gallery):
            self.doubt()
        made = await self._follow(connection, new)
        if new:
            self._stands = (new[-1][0] + len(made), before.erased, before.gallery)
        return made

    def doubt(self) -> None:
        """A transaction may have come to nothing: what is remembered may never have been."""
        self._forget()
        self._stands = None

    @abstractmethod
    async def _follow(self, connection: AsyncConnection, new: Sequence[tuple[int, Event]]) -> Sequence[Event]:
        """Take these, and write down what is so now."""

    @abstractmethod
    def _forget(self) -> None:
        """Remember nothing any more."""
