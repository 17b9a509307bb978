"""The one way into the event log: what arrives at the same time is committed together, then handed on in order."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.events.log import Page
from facematch.server.storage.errors import LogUnavailableError, UnstorableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.protocol.events import Event
    from facematch.server.events.gaps import Gaps
    from facematch.server.events.log import Entry, EventLog

log = structlog.get_logger(__name__)

AT_ONCE: Final = 256
"""Events of one commit."""
MOST_WAITING: Final = 1_000
"""Events that may wait for their commit; more are turned away until the disk has caught up."""
_PAGE: Final = 200
_LOOKED_BACK: Final = 10 * _PAGE
"""Events among which the last one of a source is looked for."""
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
    """Stores events and publishes them.

    Args:
        event_log: nobody else appends to it in this process.
        publish: hands an entry on, in the log's order and each once; returns how many listeners get it. Must not
            wait.
        gaps: told of each event that arrives.
    """

    def __init__(self, event_log: EventLog, publish: Callable[[Entry], int], gaps: Gaps) -> None:
        self._log = event_log
        self._publish = publish
        self._gaps = gaps
        self._waiting: list[_Waiting] = []
        self._at_work: list[_Waiting] = []
        """Those of the commit that runs."""
        self._committing: asyncio.Task[None] | None = None
        self._published = 0
        """Position of the last entry that was handed on."""
        self._unsure = False
        """A commit has failed; what it held may have been stored all the same."""
        self._trouble: str | None = None
        self._trouble_at = 0.0
        self._whole = False

    async def open(self) -> None:
        """Begin after what the log holds."""
        self._published = await self._log.latest()
        self._whole = await self._log.is_whole()

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
        try:
            try:
                entries = await self._append(batch)
            except UnstorableError:
                if len(batch) == 1:
                    raise
                for waiting in batch:  # its neighbours are not to suffer for it
                    await self._commit([waiting])
                return
            await self._hand_on(batch, entries)
        except Exception as error:  # noqa: BLE001  (each of them hears of it)
            if isinstance(error, OSError):
                self._unsure = True
                self._note(error)
            for waiting in batch:
                if not waiting.settled.done():
                    waiting.settled.set_exception(error)
                    waiting.settled.exception()  # who sent it may have gone

    async def _append(self, batch: list[_Waiting]) -> list[Entry | None]:
        """For each its entry; None when it was there already, or is not to be kept."""
        kept = [waiting.event for waiting in batch if waiting.keep]
        if not kept:
            return [None] * len(batch)
        entries = iter(await self._log.append(kept))
        self._note()
        return [next(entries) if waiting.keep else None for waiting in batch]

    async def _hand_on(self, batch: Sequence[_Waiting], entries: Sequence[Entry | None]) -> None:
        first = next((entry.cursor for entry in entries if entry is not None), None)
        if self._unsure or (first is not None and first != self._published + 1):
            await self._catch_up(first)
        position = self._published
        for waiting, entry in zip(batch, entries, strict=True):
            delivered = 0
            if entry is not None:
                self._published = entry.cursor
                delivered = self._publish(entry)
            if not waiting.settled.done():
                waiting.settled.set_result(delivered)
        for waiting, entry in zip(batch, entries, strict=True):
            before = position + 1 if entry is None else entry.cursor
            await self._look_for_gaps(waiting.event.source, waiting.event.seq, before)
            position = position if entry is None else entry.cursor

    async def _catch_up(self, before: int | None) -> None:
        """Hand on what is in the log and was not handed on: of a commit that failed half-way, or another process's."""
        while True:
            page = await self._log.after(self._published, _PAGE)
            for entry in page:
                if before is not None and entry.cursor >= before:
                    break
                self._published = entry.cursor
                self._publish(entry)
                event = json.loads(entry.text)
                await self._look_for_gaps(event["source"], event["seq"], entry.cursor)
            else:
                if len(page) == _PAGE:
                    continue
            self._unsure = False
            return

    async def _look_for_gaps(self, source: str | None, seq: int | None, before: int) -> None:
        """An event has arrived, and the log held what came earlier `before` a position."""
        if source is None or seq is None:
            return
        if not self._gaps.follows(source):
            try:
                last = await self._last_before(source, seq, before)
            except LogUnavailableError:
                last = seq - 1
            self._gaps.follow(source, last)
        self._gaps.observe(source, seq)

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

    def _note(self, error: OSError | None = None) -> None:
        """One line when the log goes away and one when it is back, not one per event."""
        if error and self._trouble is None:
            log.error("Event log takes no events; senders are asked to try again", reason=str(error))
        elif not error and self._trouble is not None:
            log.info("Event log takes events again")
        self._trouble = str(error) if error else None
        self._trouble_at = time.monotonic()
