"""What a recognizer says of a room after the next one has come into it is not believed.

It may have been cut off, or have stood still, and not know yet that the room is another's. What it saw before is taken,
however late it comes: nothing that waited meanwhile is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from facematch.server.assignment.store import arrivals_after
from facematch.server.storage.errors import OutdatedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.assignment.book import Book
    from facematch.server.storage.database import Database
    from facematch.server.storage.position import Position

_REMEMBERED: Final = 10_000


class Fence:
    """Stands in the transaction that appends events, as what is derived from them does.

    Args:
        book: when recognizers came into rooms, and how their clocks go.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._seen: OrderedDict[UUID | None, None] = OrderedDict()
        self.refused = 0
        """Events since this process began."""

    async def catch_up(self, database: Database) -> None:
        """Nothing is derived."""

    async def fold(
        self,
        connection: AsyncConnection,
        before: Position,  # noqa: ARG002
        new: Sequence[tuple[int, Event]],
    ) -> Sequence[Event]:
        """See `Derived`.

        Raises:
            OutdatedError: one of the events is not believed.
        """
        stays = {(event.room, event.epoch) for _, event in new if event.room is not None and event.epoch is not None}
        arrivals = await arrivals_after(connection, stays) if stays else ()
        if arrivals:
            ahead = await self._book.clocks(connection, {event.source for _, event in new if event.source is not None})
            for _, event in new:
                if _is_outdated(event, arrivals, ahead.get(event.source or "", 0.0)):
                    self._count(event)
                    raise OutdatedError
        return ()

    def doubt(self) -> None:
        """Nothing is derived."""

    def _count(self, event: Event) -> None:
        """Once, however often it is sent."""
        if event.event_id not in self._seen:
            self.refused += 1
            self._seen[event.event_id] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def _is_outdated(event: Event, arrivals: Iterable[tuple[str, int, datetime]], ahead: float) -> bool:
    """Whether another was there when it happened, its sender's clock being so many seconds ahead of ours."""
    return event.epoch is not None and any(
        room == event.room and epoch > event.epoch and (event.timestamp - at).total_seconds() >= ahead
        for room, epoch, at in arrivals
    )
