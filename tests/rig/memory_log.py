"""An event log without a database, for tests of what stands around one. It keeps the same contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.faces.gallery import DEFAULT
from facematch.server.events.log import ALL, Entry, Filter, Page, body_text, with_cursor
from facematch.server.events.naming import named_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from facematch.protocol.events import Event


class MemoryEventLog:
    """See `EventLog`.

    Args:
        first: the first entry's position.
    """

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._entries: list[Entry] = []
        self._events: dict[UUID, Event] = {}

    async def open(self) -> None:
        pass

    async def append(self, events: Sequence[Event]) -> Sequence[Entry | None]:
        appended: list[Entry | None] = []
        for event in events:
            if event.event_id is None:
                raise ValueError("an event is given its id before it is stored")
            if event.event_id in self._events:
                appended.append(None)
                continue
            cursor = self._first + len(self._entries)
            entry = Entry(cursor, event.type, with_cursor(body_text(event), cursor))
            self._entries.append(entry)
            self._events[event.event_id] = event
            appended.append(entry)
        return appended

    async def after(self, cursor: int, limit: int) -> Sequence[Entry]:
        return await self.page(Page(after=cursor, limit=limit))

    async def page(self, page: Page, only: Filter = ALL) -> Sequence[Entry]:
        found = [
            entry
            for entry, event in zip(self._entries, self._events.values(), strict=True)
            if page.after < entry.cursor < (page.before or entry.cursor + 1)
            and (not only.types or event.type in only.types)
            and only.room in (None, event.room)
            and only.participant in (None, event.participant_identity, event.participant_id)
            and (only.begins is None or event.timestamp >= only.begins)
            and (only.ends is None or event.timestamp < only.ends)
            and only.person
            in (None, *named_in(event), *([DEFAULT] if event.type == "match" and not named_in(event) else []))
        ]
        return tuple((found[::-1] if page.newest_first else found)[: page.limit])

    async def at(self, cursors: Sequence[int]) -> Sequence[Entry]:
        return [entry for entry in self._entries if entry.cursor in cursors]

    async def latest(self) -> int:
        return self._entries[-1].cursor if self._entries else 0

    async def count(self) -> int:
        return len(self._entries)

    async def count_after(self, cursor: int, most: int, only: Filter = ALL) -> int:
        return len(await self.page(Page(after=cursor, limit=most), only))

    async def last_seq(self, source: str, before: int) -> int | None:
        return max(
            (
                event.seq or 0
                for entry, event in zip(self._entries, self._events.values(), strict=True)
                if event.source == source and entry.cursor < before
            ),
            default=None,
        )

    async def arrived(self, source: str, first: int, last: int) -> Sequence[int]:
        return ()

    async def is_whole(self) -> bool:
        return bool(self._entries)

    async def check(self) -> None:
        pass

    async def aclose(self) -> None:
        pass
