"""Events that a recognizer numbered and that never came."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

MOST_SOURCES = 64
"""Followed at once; about an older one the log is asked again."""
MOST_GAPS = 100
"""Told apart at once; what is missing in older ones stays counted."""
SHOWN = 5


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
