"""The one way into the event log: what arrives at the same time is committed together, then handed on in order."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.storage.errors import OutdatedError, UnstorableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.protocol.events import Event
    from facematch.server.events.gaps import Arrivals
    from facematch.server.events.log import Entry, EventLog
    from facematch.server.events.publisher import Publisher

log = structlog.get_logger(__name__)

AT_ONCE: Final = 256
"""Events of one commit."""
MOST_WAITING: Final = 1_000
"""Events that may wait for their commit; more are turned away until the disk has caught up."""
_RECENT_SECONDS: Final = 60.0


class TooBusyError(Exception):
    """More events wait for their commit than may."""


@dataclass(eq=False, slots=True)
class _Waiting:
    event: Event
    keep: bool
    """False: it has arrived, and that is all that is to be known of it."""
    settled: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Stores events; what is stored is handed on, and what did not come is noticed.

    Args:
        event_log: nobody else appends to it in this process.
        publisher: hands on what is stored. Nobody else uses it.
        arrivals: told of each event that arrives.
    """

    def __init__(self, event_log: EventLog, publisher: Publisher, arrivals: Arrivals) -> None:
        self._log = event_log
        self._publisher = publisher
        self._arrivals = arrivals
        self._waiting: list[_Waiting] = []
        self._at_work: list[_Waiting] = []
        """Those of the commit that runs."""
        self._committing: asyncio.Task[None] | None = None
        self._trouble: str | None = None
        self._trouble_at = 0.0

    @property
    def trouble(self) -> str | None:
        """Why the last commit failed; None: it did not."""
        return self._trouble

    @property
    def recent_trouble(self) -> str | None:
        """The same, of the last minute: senders try again sooner, unless there are none."""
        return self._trouble if time.monotonic() - self._trouble_at < _RECENT_SECONDS else None

    async def store(self, *events: Event, keep: Callable[[Event], bool] = lambda _event: True) -> int:
        """Store events that have an `event_id`, in order, and hand them on.

        Args:
            events: as they came.
            keep: asked once of each; those of which it says no go nowhere, and are not missed either.

        Returns:
            To how many listeners, of all events together; those that were there already go to nobody.

        Raises:
            LogUnavailableError: they are not known to be stored; they may be sent again.
            UnstorableError: one of them will never be stored; the others may be.
            TooBusyError: it was not even tried.
        """
        if len(self._waiting) + len(events) > MOST_WAITING:
            raise TooBusyError
        waiting = [_Waiting(event, keep(event)) for event in events]
        self._waiting += waiting
        if self._committing is None:
            # Of its own, so that a caller that goes away takes nobody's commit with it.
            self._committing = asyncio.create_task(self._commit_all(), name="event log commit")
        await asyncio.wait([one.settled for one in waiting])
        return sum(one.settled.result() for one in waiting)

    async def settled(self) -> None:
        """Return when what has been taken so far is in the log, or was refused."""
        taken = [waiting.settled for waiting in (*self._at_work, *self._waiting)]
        if taken:
            await asyncio.wait(taken)

    async def aclose(self) -> None:
        """Finish what has been taken."""
        if self._committing is not None:
            await asyncio.wait([self._committing])

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                self._at_work, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._commit(self._at_work)
        finally:
            self._at_work = []
            self._committing = None

    async def _commit(self, batch: list[_Waiting]) -> None:
        removals = self._publisher.removals
        try:
            try:
                entries, following = await self._append(batch)
            except UnstorableError:
                if len(batch) == 1:
                    raise
                for waiting in batch:  # its neighbours are not to suffer for it
                    await self._commit([waiting])
                return
            delivered = await self._publisher.hand_on([*entries, *following], removals)
            for waiting, count in zip(batch, delivered, strict=False):
                if not waiting.settled.done():
                    waiting.settled.set_result(count)
            await self._look_for_gaps(batch, entries)
        except Exception as error:  # noqa: BLE001  (each of them hears of it)
            if isinstance(error, OSError):
                self._publisher.doubt()
                self._note(error)
            if isinstance(error, OutdatedError):  # it has come, and is not missed
                await self._look_for_gaps(batch, [None] * len(batch))
            _fail(batch, error)

    async def _append(self, batch: list[_Waiting]) -> tuple[list[Entry | None], Sequence[Entry | None]]:
        """For each its entry; None when it was there already, or is not to be kept. And what follows from them."""
        kept = [waiting.event for waiting in batch if waiting.keep]
        if not kept:
            return [None] * len(batch), ()
        appended = await self._log.append(kept)
        entries = iter(appended)
        self._note()
        return [next(entries) if waiting.keep else None for waiting in batch], appended[len(kept) :]

    async def _look_for_gaps(self, batch: Sequence[_Waiting], entries: Sequence[Entry | None]) -> None:
        first = next((entry.cursor for entry in entries if entry is not None), self._publisher.position + 1)
        position = first - 1
        for waiting, entry in zip(batch, entries, strict=True):
            before = position + 1 if entry is None else entry.cursor
            await self._arrivals.note(waiting.event.source, waiting.event.seq, before)
            position = position if entry is None else entry.cursor

    def _note(self, error: OSError | None = None) -> None:
        """One line when the log goes away and one when it is back, not one per event."""
        if error and self._trouble is None:
            log.error("Event log takes no events; senders are asked to try again", reason=str(error))
        elif not error and self._trouble is not None:
            log.info("Event log takes events again")
        self._trouble = str(error) if error else None
        self._trouble_at = time.monotonic()


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.settled.done():
            waiting.settled.set_exception(error)
            waiting.settled.exception()  # who sent it may have gone
