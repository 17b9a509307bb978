"""Delivery of events to the web process: at least once, in order, whatever happens to either process.

An event is on the disk before `put` returns, and is forgotten only when the web process has accepted it (which
stores an `event_id` once). What passes by itself is retried with full-jitter back-off (`posting` says what does). An
event that would be refused for ever goes to the rejected pile, visible in the heartbeat and the log, and never blocks
the ones behind it.

Events go one by one, each as it comes. What has piled up while the web process was away goes many at a time; when
such a post is refused, its events are posted one by one, which tells which of them it is.

While the disk takes nothing, events are kept in memory, bounded, and delivered from there. What is on the disk comes
first, in order, unless it cannot be read. A damaged file ends the process: the next start replaces it.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from facematch.protocol.events import FIRST_TYPES, kind_of, to_wire
from facematch.recognizer.delivery.outbox_disk import OutboxDamagedError, OutboxDisk
from facematch.recognizer.delivery.posting import ACCEPTED, OUTDATED, Posting
from facematch.recognizer.delivery.spool import WITHOUT_SNAPSHOT, Spool
from facematch.recognizer.delivery.understanding import Understanding
from facematch.recognizer.wakeup import Wakeup
from facematch.runtime.backoff import full_jitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from facematch.protocol.events import Event
    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.delivery.outbox_store import OutboxStore, Stored

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.25
LAST_RETRY_SECONDS = 10.0
STORE_RETRY_SECONDS = 1.0
"""How often a full disk is tried again."""

AT_ONCE = 64
"""Events read from the disk, and forgotten there, together."""
BACKLOG = 8
"""So many that wait have piled up, and are posted together."""


def retry_delay(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt, given its number. See `full_jitter`."""
    return full_jitter(attempt, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, draw)


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Counts since start; `queued` is now."""

    queued: int
    posted: int
    dropped: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased before it was delivered."""

    events: int
    snapshots: frozenset[str]
    """Of which some may have been delivered before their events would have been."""


@dataclass(slots=True)
class _Pending:
    """Events that one `put` waits for."""

    events: list[dict[str, Any]]
    committed: Callable[[], None]
    stored: asyncio.Future[bool]


class Outbox:
    """The outbox of one recognizer: `put` from anywhere on the loop, `run` as one task.

    Args:
        api: where events go.
        store: where they wait; owned and closed by this object.
        source: names this boot of this recognizer; with `seq` it shows a listener what is missing.
        size: most events kept while the web process is away. Over it the oldest Checks go first, then the oldest
            Matches, and a counter says how many.
        delay: seconds before the next attempt, given its number; injected by tests.
        spool: the folder of snapshots that are sent to the web process; None: it shares the folder they are in.
    """

    def __init__(
        self,
        api: ApiClient,
        store: OutboxStore,
        *,
        source: str,
        size: int,
        delay: Callable[[int], float] = retry_delay,
        spool: Path | None = None,
    ) -> None:
        self._posting = Posting(api, lambda: self.status.queued)
        self.understanding = Understanding()
        """Which types of events are delivered at all."""
        self._store = store
        self._source = source
        self._size = size
        self._delay = delay
        self._disk = OutboxDisk(store)
        self._spool = None if spool is None else Spool(api, store, self._disk, spool)
        self._pending: list[_Pending] = []
        self._moving: list[_Pending] = []
        """On their way to the disk. What it does not take comes back to memory."""
        self._unstored: deque[dict[str, Any]] = deque()
        self._settled_to = 0
        """Position of the last event on the disk that is accepted or refused. It may still be there: what a failing
        disk cannot forget is not posted again."""
        self._erasures = 0
        self._on_disk = store.count()
        self._oldest = store.oldest()
        self._changed = Wakeup()
        self._seq = 0
        self._posted = self._dropped = self._rejected = 0

    @property
    def status(self) -> OutboxStatus:
        """The counts now."""
        return OutboxStatus(self._on_disk + len(self._unstored), self._posted, self._dropped, self._rejected)

    @property
    def age_seconds(self) -> float:
        """How long the oldest undelivered event has waited; 0 when there is none."""
        return 0.0 if self._oldest is None else max(0.0, time.time() - self._oldest)

    @property
    def durable(self) -> bool:
        """False while the disk takes nothing and events are kept in memory."""
        return self._disk.well

    async def put(self, *events: Event, committed: Callable[[], None] = lambda: None) -> bool:
        """Take events over for delivery, together. Never waits for the network.

        Args:
            events: in order.
            committed: called, on the disk's thread, when they are on the disk and before any of them can be
                delivered. Must not raise.

        Returns:
            True when they are on the disk; False when they could only be kept in memory, without their snapshot
            since `committed` was not called, or were erased before.
        """
        return await self._take(events, committed)

    def tell(self, *events: Event) -> None:
        """The same, together, for who cannot wait for the disk: at the end of a stay, in the middle of a callback."""
        if len(self._pending) < self._size:
            self._take(events, lambda: None)
        else:  # the disk hangs
            self._count_dropped(len(events))

    async def adopt(self, bodies: Sequence[dict[str, Any]]) -> bool:
        """Take over events of a process that is gone, as they were to be posted. Returns as `put` does."""
        waiting = _Pending(list(bodies), lambda: None, asyncio.get_running_loop().create_future())
        self._pending.append(waiting)
        self._changed.notify()
        return await waiting.stored

    async def adopt_late(self, rows: Sequence[tuple[str, str, float]]) -> None:
        """The same of its delivered events whose snapshots are late, as its store has them.

        Raises:
            OutboxDamagedError, sqlite3.Error: the disk takes nothing.
        """
        await self._disk.call(self._store.add_late, rows)

    def still(self) -> AbstractAsyncContextManager[None]:
        """While this is open, no snapshot is sent, nor removed because nobody speaks of it."""
        return self._spool.still if self._spool is not None else nullcontext()

    def _take(self, events: Sequence[Event], committed: Callable[[], None]) -> asyncio.Future[bool]:
        bodies = []
        for event in events:
            body = to_wire(event) | {"source": self._source}
            if self.understanding.includes(kind_of(body)):
                if event.type in FIRST_TYPES:  # who hears only those misses none
                    self._seq += 1
                    body["seq"] = self._seq
                bodies.append(body)
        waiting = _Pending(bodies, committed, asyncio.get_running_loop().create_future())
        self._pending.append(waiting)
        self._changed.notify()
        return waiting.stored

    async def run(self) -> None:
        """Store and deliver, for ever. Cancel it, then call `flush` and `aclose`.

        Raises:
            ExceptionGroup: of `OutboxDamagedError`.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_storing(), name="outbox store")
            tasks.create_task(self._keep_delivering(), name="outbox relay")
            if self._spool is not None:
                tasks.create_task(self._spool.run(), name="snapshots on their way")

    async def flush(self, seconds: float) -> None:
        """Deliver what waits, for at most `seconds`. Call it when `run` has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._commit()
                await self._recount()  # the end of `run` may have left a commit to the disk's thread
                while await self._deliver_some():
                    pass
        except (TimeoutError, OutboxDamagedError):
            pass
        waiting = self.status.queued
        if waiting:
            log.warning("Events wait in the outbox for the next start", count=waiting)

    async def aclose(self) -> None:
        """Close the store."""
        await self._disk.aclose()

    async def erase(self, whose: Callable[[dict[str, Any]], bool]) -> Erased:
        """Forget undelivered and refused events, and their snapshots where those are on their way as well.

        Args:
            whose: says of an event, as it is posted, whether it is meant. Called on two threads.

        Returns:
            How many there were.

        Raises:
            OSError, sqlite3.Error: the disk has not erased them; memory has.
            OutboxDamagedError: nor will it.
        """
        self._erasures += 1
        erased = len(self._unstored) + _count(self._pending)
        moving, in_move = self._moving, _count(self._moving)
        for waiting in moving:
            waiting.events = [body for body in waiting.events if not whose(body)]
        for waiting in self._pending:
            gone = [body for body in waiting.events if whose(body)]
            waiting.events = [body for body in waiting.events if body not in gone]
            if not waiting.events or any(body.get("snapshot") for body in gone):  # the picture is not to be published
                waiting.events = [body | _WITHOUT_SNAPSHOT.get(body["type"], {}) for body in waiting.events]
                waiting.committed = lambda: None
                _settle(waiting.stored, stored=False)
        self._pending = [waiting for waiting in self._pending if waiting.events]
        self._unstored = deque(body for body in self._unstored if not whose(body))
        erased -= len(self._unstored) + _count(self._pending)
        in_move -= _count(moving)
        async with self.still():
            on_disk, snapshots = await self._disk.call(self._store.erase, whose)  # behind the move, when there is one
            if self._spool is not None:
                await self._disk.call(self._spool.remove, snapshots)
        erased += on_disk
        if any(_is_refused(waiting.stored) for waiting in moving):  # else the disk has counted them
            erased += in_move
        await self._recount()
        return Erased(erased, snapshots)

    async def _keep_storing(self) -> None:
        while True:
            await self._changed_pending()
            if not await self._commit():
                await asyncio.sleep(STORE_RETRY_SECONDS)

    async def _changed_pending(self) -> None:
        while not (self._pending or self._unstored):
            await self._wait()

    async def _wait(self) -> None:
        seen = self._changed.count
        await self._changed.until(lambda: self._changed.count != seen, None)

    async def _commit(self) -> bool:
        """Bring everything that waits to the disk in one transaction. Returns whether that worked."""
        pending, self._pending = self._pending, []
        self._moving = pending
        kept = list(self._unstored)
        bodies = kept + [body for waiting in pending for body in waiting.events]
        try:
            dropped, on_disk, oldest = await self._disk.call(
                self._store_all, bodies, [waiting.committed for waiting in pending], self._settled_to
            )
        except (sqlite3.Error, OSError) as error:
            self._disk.note(error)
            for waiting in pending:
                self._unstored.extend(body | _WITHOUT_SNAPSHOT.get(body["type"], {}) for body in waiting.events)
                _settle(waiting.stored, stored=False)
            while len(self._unstored) > self._size:
                self._drop_from_memory()
            self._changed.notify()
            return False
        finally:
            self._moving = []
        self._disk.note()
        for _ in kept:  # erase or delivery may have taken some meanwhile; a repeat is stored once
            if self._unstored:
                self._unstored.popleft()
        self._count_dropped(dropped)
        self._on_disk, self._oldest = on_disk, oldest
        for waiting in pending:
            _settle(waiting.stored, stored=True)
        self._changed.notify()
        return True

    def _store_all(
        self, bodies: list[dict[str, Any]], committed: list[Callable[[], None]], after: int
    ) -> tuple[int, int, float | None]:
        """Returns how many events were dropped for it, how many there are now, and when the oldest was queued."""
        self._store.add(bodies)
        for call in committed:
            call()
        return self._store.trim(self._size), self._store.count(after), self._store.oldest(after)

    async def _keep_delivering(self) -> None:
        attempt = 0
        while True:
            if self._on_disk == 0 and not self._unstored:
                attempt = 0
                await self._wait()
            elif await self._deliver_some():
                attempt = 0
            else:
                attempt += 1
                await asyncio.sleep(self._delay(attempt))

    async def _deliver_some(self) -> bool:
        """Deliver the oldest events, at most `AT_ONCE`. Returns False when it is to be tried again later."""
        if self._on_disk == 0:
            return await self._deliver_from_memory()
        try:
            erasures = self._erasures
            head = await self._disk.call(self._store.head, self._settled_to, AT_ONCE)
        except sqlite3.Error as error:
            self._disk.note(error)
            return await self._deliver_from_memory()
        if not head:  # erased meanwhile
            await self._recount()
            return True
        if not (head := await self._with_snapshots(head)):
            return False
        before = self._settled_to
        try:
            each = len(head) < BACKLOG or not all(self.understanding.includes(kind_of(event.body)) for event in head)
            if each or erasures != self._erasures or not await self._deliver_together(head):
                await self._deliver_each(head, erasures)
        finally:
            if self._settled_to != before:
                await self._forget_settled()
        return self._settled_to != before or erasures != self._erasures

    async def _with_snapshots(self, head: list[Stored]) -> list[Stored]:
        """As many of the first of these as can be posted now, as they are to be."""
        if self._spool is None:
            return head
        ready: list[Stored] = []
        for event in head:
            body = await self._spool.ready(event.body)
            if body is None:
                break
            ready.append(replace(event, body=body))
        return ready

    async def _deliver_together(self, events: list[Stored]) -> bool:
        """Returns False when they are refused, for whatever reason: then each has to be heard by itself."""
        status = await self._posting.many([event.body for event in events])
        if status == ACCEPTED:
            self._posted += len(events)
            self._settled_to = events[-1].position
        return status in (ACCEPTED, None)

    async def _deliver_each(self, events: list[Stored], erasures: int) -> None:
        for event in events:
            if erasures != self._erasures:
                return  # what was read may speak of somebody who has been erased meanwhile
            if not self.understanding.includes(kind_of(event.body)):
                self._settled_to = event.position
                continue
            status = await self._posting.one(event.body)
            if status is None:
                return
            self._settled_to = event.position
            if status == ACCEPTED:
                self._posted += 1
            elif _is_outdated(event.body, status):
                self._note_outdated(event.body)
            elif not self.understanding.excuses(kind_of(event.body)):
                await self._reject(event, status)

    async def _deliver_from_memory(self) -> bool:
        if not self._unstored:
            return False
        body = self._unstored[0]
        status = await self._posting.one(body)
        if status is None:
            return False
        if self._unstored and self._unstored[0] is body:
            self._unstored.popleft()
        if status == ACCEPTED:
            self._posted += 1
        elif _is_outdated(body, status):
            self._note_outdated(body)
        elif not self.understanding.excuses(kind_of(body)):
            self._note_rejected(body, status)
        return True

    async def _forget_settled(self) -> None:
        after, late = self._settled_to, frozenset(self._spool.late) if self._spool else ()

        def forget() -> tuple[int, float | None]:
            self._store.settle(after, late)
            return self._store.count(after), self._store.oldest(after)

        try:
            self._on_disk, self._oldest = await self._disk.call(forget)
            if self._spool is not None:
                self._spool.settled()
        except sqlite3.Error as error:  # the next time, or posted again after a restart: the receiver stores it once
            self._disk.note(error)
            await self._recount()

    async def _reject(self, event: Stored, status: int) -> None:
        self._note_rejected(event.body, status)
        try:
            await self._disk.call(self._store.reject, event, status)
        except sqlite3.Error as error:
            self._disk.note(error)

    async def _recount(self) -> None:
        after = self._settled_to
        try:
            self._on_disk, self._oldest = await self._disk.call(
                lambda: (self._store.count(after), self._store.oldest(after))
            )
        except sqlite3.Error as error:
            self._disk.note(error)

    def _note_outdated(self, body: dict[str, Any]) -> None:
        log.info("Event not taken: another recognizer was there", room=body.get("room"), epoch=body.get("epoch"))

    def _note_rejected(self, body: dict[str, Any], status: int) -> None:
        self._rejected += 1
        log.error("Event refused by the API", status=status, type=body["type"], event_id=body["event_id"])

    def _drop_from_memory(self) -> None:
        oldest_check = next((i for i, body in enumerate(self._unstored) if body["type"] == "check"), 0)
        del self._unstored[oldest_check]
        self._count_dropped(1)

    def _count_dropped(self, count: int) -> None:
        if (count and self._dropped // 1000 != (self._dropped + count) // 1000) or (count and not self._dropped):
            log.error("Outbox full: oldest Checks are dropped", dropped=self._dropped + count, size=self._size)
        self._dropped += count


_WITHOUT_SNAPSHOT: dict[str, dict[str, None]] = {"match": WITHOUT_SNAPSHOT}


def _is_outdated(body: dict[str, Any], status: int) -> bool:
    """Whether nothing is lost by a refusal: the room was another recognizer's when it happened."""
    return status == OUTDATED and body.get("epoch") is not None


def _settle(future: asyncio.Future[bool], *, stored: bool) -> None:
    if not future.done():  # who waited may have been cancelled
        future.set_result(stored)


def _is_refused(stored: asyncio.Future[bool]) -> bool:
    return stored.done() and not stored.cancelled() and not stored.result()


def _count(waiting: list[_Pending]) -> int:
    return sum(len(one.events) for one in waiting)
