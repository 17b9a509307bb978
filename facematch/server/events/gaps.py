"""Events that a recognizer numbered and that never came: what is missing, and how that is found out."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.events.log import Page
from facematch.server.storage.errors import LogUnavailableError

if TYPE_CHECKING:
    from facematch.server.events.log import Entry, EventLog

log = structlog.get_logger(__name__)

MOST_SOURCES = 64
"""Followed at once; about an older one the log is asked again."""
MOST_GAPS = 100
"""Told apart at once; what is missing in older ones stays counted."""
SHOWN = 5
_PAGE: Final = 200
_LOOKED_BACK: Final = 10 * _PAGE
"""Events among which the last one of a source is looked for."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of one source that are missing, both ends included."""

    source: str
    first: int
    last: int

    @property
    def missing(self) -> int:
        """How many."""
        return self.last - self.first + 1


class Gaps:
    """Follows `seq` per `source`: each source is one boot of one recognizer and counts 1, 2, 3 …

    A number that comes late is no longer missing; one that comes again is nothing new.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()
        self._gaps: deque[Gap] = deque()
        self._count = 0

    @property
    def count(self) -> int:
        """Events missing, of those that this process should have seen."""
        return self._count

    @property
    def latest(self) -> tuple[Gap, ...]:
        """The last few gaps, the newest last."""
        return tuple(self._gaps)[-SHOWN:]

    def follows(self, source: str) -> bool:
        """Whether the last number of a source is known here."""
        return source in self._last

    def follow(self, source: str, last: int) -> None:
        """Begin with a source, or go on with one whose last number the log knows.

        Args:
            source: not followed yet.
            last: its highest number so far; 0 when it is new.
        """
        self._last[source] = last
        if len(self._last) > MOST_SOURCES:
            self._last.popitem(last=False)

    def between(self, source: str, seq: int) -> tuple[int, int] | None:
        """The numbers that would be missing with this one; None: none would."""
        first = self._last[source] + 1
        return (first, seq - 1) if seq > first else None

    def observe(self, source: str, seq: int) -> None:
        """Take note of an event that has arrived, and is stored or need not be; its source is followed."""
        before = self._last[source]
        if seq <= before:
            self._fill(source, seq)
            return
        self._last[source] = seq
        self._last.move_to_end(source)
        if seq > before + 1:
            self._miss(Gap(source, before + 1, seq - 1))

    def _miss(self, gap: Gap) -> None:
        self._count += gap.missing
        self._gaps.append(gap)
        if len(self._gaps) > MOST_GAPS:
            self._gaps.popleft()
        log.warning("Events are missing", source=gap.source, first=gap.first, last=gap.last, missing=self._count)

    def _fill(self, source: str, seq: int) -> None:
        for index, gap in enumerate(self._gaps):
            if gap.source == source and gap.first <= seq <= gap.last:
                self._count -= 1
                rest = (Gap(source, gap.first, seq - 1), Gap(source, seq + 1, gap.last))
                del self._gaps[index]
                for left in reversed(rest):
                    if left.missing > 0:
                        self._gaps.insert(index, left)
                return


class Arrivals:
    """Follows the events that arrive, and asks the log about sources of which this process sees the first event.

    Args:
        event_log: the log.
        gaps: told of each number.
    """

    def __init__(self, event_log: EventLog, gaps: Gaps) -> None:
        self._log = event_log
        self._gaps = gaps
        self._whole = False

    async def open(self) -> None:
        """Before any event arrives."""
        self._whole = await self._log.is_whole()

    async def note(self, source: str | None, seq: int | None, before: int) -> None:
        """An event has arrived, be it kept or not, and the log holds what came earlier before a position.

        Args:
            source: its source; None: it has none, and is not missed.
            seq: its number.
            before: that position.
        """
        if source is None or seq is None:
            return
        if not self._gaps.follows(source):
            try:
                last = await self._last_before(source, seq, before)
            except LogUnavailableError:
                last = seq - 1
            self._gaps.follow(source, last)
        if (missing := self._gaps.between(source, seq)) is not None:
            with suppress(LogUnavailableError):
                for arrived in sorted(await self._log.arrived(source, *missing)):
                    self._gaps.observe(source, arrived)
        self._gaps.observe(source, seq)

    async def note_entry(self, entry: Entry) -> None:
        """The same of an event that is in the log."""
        event = json.loads(entry.text)
        await self.note(event["source"], event["seq"], entry.cursor)

    async def _last_before(self, source: str, seq: int, before: int) -> int:
        """The last number of a source that came before this one, which is the first of it that this process sees.

        Where the log cannot say what it lacks, because it began in the middle or something was removed from it, that
        is taken to be the number before: a gap that is not told is better than one that is made up.
        """
        last = await self._log.last_seq(source, before)
        if last is None:
            return 0 if self._whole and await self._log.is_whole() else seq - 1
        if last < seq - 1 and not await self._is_whole_since(source, last, before):
            return seq - 1
        return last

    async def _is_whole_since(self, source: str, seq: int, before: int) -> bool:
        """Whether nothing was removed between an event and a position: positions are given out one by one."""
        if await self._log.is_whole():
            return True
        for _ in range(0, _LOOKED_BACK, _PAGE):
            page = await self._log.page(Page(before=before, limit=_PAGE, newest_first=True))
            for entry in page:
                if entry.cursor != before - 1:
                    return False
                event = json.loads(entry.text)
                if (event["source"], event["seq"]) == (source, seq):
                    return True
                before = entry.cursor
            if len(page) < _PAGE:
                return False
        return False
