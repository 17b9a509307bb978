"""The event log: what came in, once and in order, with a position that listeners resume from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from facematch.protocol.events import to_wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from facematch.protocol.events import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the log."""

    cursor: int
    """Position: larger than every earlier one, not necessarily by 1."""
    type: str
    """Of the event."""
    text: str
    """The event as it is sent to listeners: JSON, every field, with the cursor."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are meant; the default: all."""

    types: tuple[str, ...] = ()
    """Empty: all."""
    participant: str | None = None
    """An identity or a participant's sid."""
    room: str | None = None
    person: str | None = None
    """Whom they are about: who was named, looked like, or expected. `default`: the Matches of nobody else."""
    begins: datetime | None = None
    """Aware; when they happened, says the sender: from then on …"""
    ends: datetime | None = None
    """… and before that."""


ALL = Filter()


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the log: what lies between two positions (both exclusive), from one end of it."""

    after: int = 0
    before: int | None = None
    limit: int = 100
    newest_first: bool = False


class EventLog(Protocol):
    """Where events are kept. One caller appends, one call at a time; anybody reads.

    Every method raises `LogUnavailableError` when it cannot do its work now.
    """

    async def open(self) -> None:
        """Make it ready. Called once, before anything else."""
        ...

    async def append(self, events: Sequence[Event]) -> Sequence[Entry | None]:
        """Store events that have an `event_id`, in this order, all of them or none, and on the disk on return.

        Returns:
            For each its entry, or None when this `event_id` was there already; behind them, the entries of events that
            follow from them.

        Raises:
            UnstorableError: at least one of them will never be stored; none is.
        """
        ...

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        """The first `limit` entries after a position, in order; fewer only when there are no more."""
        ...

    async def page(self, page: Page, only: Filter = ALL) -> Sequence[Entry]:
        """At most `page.limit` entries, in the page's order; fewer only when there are no more."""
        ...

    async def at(self, cursors: Sequence[int]) -> Sequence[Entry]:
        """The entries of these positions that are there, in no order."""
        ...

    async def latest(self) -> int:
        """The position of the last entry, also when that has been removed; 0 when there has never been one."""
        ...

    async def count(self) -> int:
        """How many entries are kept."""
        ...

    async def count_after(self, cursor: int, most: int, only: Filter = ALL) -> int:
        """How many entries there are after a position, counted up to `most`."""
        ...

    async def last_seq(self, source: str, before: int) -> int | None:
        """The highest `seq` of a `source` among the entries before a position; None when there is none."""
        ...

    async def arrived(self, source: str, first: int, last: int) -> Sequence[int]:
        """Which numbers of a source came to another process and were not kept, from the first to the last of these."""
        ...

    async def is_whole(self) -> bool:
        """Whether it holds every event there has ever been, and at least one."""
        ...

    async def check(self) -> None:
        """Return if an event could be stored now."""
        ...

    async def aclose(self) -> None:
        """Release what is held."""
        ...


def body_text(event: Event) -> str:
    """An event as it is kept: JSON of every field, in characters that UTF-8 can carry."""
    return json.dumps(to_wire(event), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def with_cursor(body: str, cursor: int) -> str:
    """What listeners receive: the event as it is kept, and its position.

    Args:
        body: what `body_text` returned.
        cursor: its position.
    """
    return f'{body[:-1]},"cursor":{cursor}}}'
