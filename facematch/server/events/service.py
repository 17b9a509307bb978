"""From an event that is posted to whoever is told of it: in by one writer, into the log, out to the listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from facematch.server.events.audit import audit_in
from facematch.server.events.gaps import Arrivals, Gaps
from facematch.server.events.publisher import Publisher
from facematch.server.events.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.server.events.hub import Hub
    from facematch.server.events.log import Entry, EventLog


class GapStatus(BaseModel):
    """Numbers of one source that are missing, both ends included."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    source: str = Field(examples=["recognizer-5f0c"])
    first: int = Field(alias="from", examples=[18])
    last: int = Field(alias="to", examples=[19])


class GapsStatus(BaseModel):
    """Events that a recognizer numbered and that never came, since the API started."""

    count: int = Field(description="Events missing")
    last: list[GapStatus] = Field(description="The last few gaps, the newest last")


class EventsStatus(BaseModel):
    """The event log."""

    count: int = Field(description="Events kept")
    cursor: int = Field(description="Position of the last one; 0: none. Positions are not counts")
    error: str | None = Field(description="Why it cannot be used now, or could not when the last event came")
    gaps: GapsStatus


class Feed:
    """The parts that an event passes through, opened and closed together.

    Args:
        event_log: opened and closed with this.
        hub: the listeners.
        also_tell: told of each entry before the listeners are. Must not wait.
    """

    def __init__(self, event_log: EventLog, hub: Hub, also_tell: Callable[[Entry], None] = lambda _entry: None) -> None:
        self._log = event_log
        self._also_tell = also_tell
        self._gaps = Gaps()
        self._known = (0, 0)
        self._arrivals = Arrivals(event_log, self._gaps)
        self._publisher = Publisher(event_log, self._publish, self._arrivals.note_entry)
        self.hub = hub
        """Where events go out."""
        self.writer = Writer(event_log, self._publisher, self._arrivals)
        """Where events go in."""
        self.audit = audit_in(self.writer)

    async def open(self) -> None:
        """Ready to take events.

        Raises:
            SchemaTooNewError, LogUnavailableError: it cannot be.
        """
        await self._log.open()
        await self._publisher.open()
        await self._arrivals.open()

    async def follow(self) -> None:
        """Hand on what other processes have stored.

        Raises:
            LogUnavailableError: the log cannot be read.
        """
        await self._publisher.follow()

    async def review(self) -> None:
        """Something was removed by another process: what still waits for listeners is looked up again.

        Raises:
            LogUnavailableError: the log cannot be read.
        """
        self._publisher.removals += 1
        await self.hub.review()

    async def aclose(self) -> None:
        """Finish what has been taken, and let go of everything."""
        await self.writer.aclose()
        await self._log.aclose()

    async def check(self) -> None:
        """Return if events can be stored.

        Raises:
            OSError: they cannot; says why.
        """
        await self._log.check()
        if self.writer.recent_trouble:  # what was tried is not stored although a little could be written
            raise OSError(self.writer.recent_trouble)

    async def status(self) -> EventsStatus:
        """The log, as far as it can be read."""
        error = self.writer.trouble
        try:
            self._known = (await self._log.count(), await self._log.latest())
        except OSError as failure:
            error = str(failure)
        gaps = [GapStatus(source=gap.source, first=gap.first, last=gap.last) for gap in self._gaps.latest]
        count, cursor = self._known
        return EventsStatus(count=count, cursor=cursor, error=error, gaps=GapsStatus(count=self._gaps.count, last=gaps))

    def _publish(self, entry: Entry) -> int:
        self._also_tell(entry)
        return self.hub.publish(entry)
