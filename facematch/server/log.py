"""The event log: what came in, once and in order, with a position that listeners resume from."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from facematch.events import to_wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from facematch.events import Event

KEPT_EVENTS = 5_000
REMEMBERED_IDS = 50_000
"""A sender repeats what was not acknowledged, so what it repeats is recent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the log."""

    cursor: int
    """Position: larger than every earlier one, not necessarily by 1."""
    text: str
    """The event as it is sent to listeners: JSON, every field, with the cursor."""


class EventLog(Protocol):
    """Where events are kept. Whoever appends has to wait for one append before the next, so that order is kept."""

    async def append(self, event: Event) -> Entry | None:
        """Store an event that has an `event_id`.

        Returns:
            Its entry once it is stored, or None when this `event_id` is there already.
        """
        ...

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        """The first `limit` entries after a position, in order; fewer only when there are no more."""
        ...

    async def latest(self) -> int:
        """The position of the last entry; 0 when there has never been one."""
        ...

    async def count(self) -> int:
        """How many entries are kept."""
        ...

    async def check(self) -> None:
        """Return if an event could be stored now.

        Raises:
            OSError: it could not; says why.
        """
        ...

    async def aclose(self) -> None:
        """Release what is held."""
        ...


def entry_text(event: Event, cursor: int) -> str:
    """An event as listeners receive it: JSON of every field and the cursor, in characters that UTF-8 can carry."""
    wire = {**to_wire(event), "cursor": cursor}
    return json.dumps(wire, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class MemoryEventLog:
    """The last events, in memory.

    Args:
        first: the first entry's position. A log that starts anew has to start beyond the positions that listeners
            of the one before may still ask for.
        kept: entries.
        remembered: event ids that are recognised as repeats.
    """

    def __init__(self, first: int = 1, *, kept: int = KEPT_EVENTS, remembered: int = REMEMBERED_IDS) -> None:
        self._next = first
        self._latest = 0
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._ids: OrderedDict[UUID, None] = OrderedDict()
        self._remembered = remembered

    async def append(self, event: Event) -> Entry | None:
        """See `EventLog.append`."""
        if event.event_id is None:
            raise ValueError("an event is given its id before it is stored")
        if event.event_id in self._ids:
            return None
        entry = Entry(self._next, entry_text(event, self._next))
        self._entries.append(entry)
        self._latest = self._next
        self._next += 1
        self._ids[event.event_id] = None
        if len(self._ids) > self._remembered:
            self._ids.popitem(last=False)
        return entry

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        """See `EventLog.after`."""
        newer = self._latest - cursor if self._entries else 0
        start = max(0, len(self._entries) - max(0, newer))  # positions follow each other without a hole
        return tuple(islice(self._entries, start, start + limit))

    async def latest(self) -> int:
        """See `EventLog.latest`."""
        return self._latest

    async def count(self) -> int:
        """See `EventLog.count`."""
        return len(self._entries)

    async def check(self) -> None:
        """See `EventLog.check`: memory always takes one more."""

    async def aclose(self) -> None:
        """See `EventLog.aclose`."""
