"""Erasing: everything of one participant, or the reference and all that came of it, here and at the recognizer.

What is to be erased is written down first. So it is erased whatever happens meanwhile, also when the recognizer comes
back only days later: it is told in the answer to each of its heartbeats until it has confirmed. Events of the time
before the erasure that arrive after it are taken and neither kept nor handed on.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from facematch.protocol.events import Match
from facematch.protocol.heartbeat import EraseParticipant, EraseReference
from facematch.protocol.snapshot_names import may_show
from facematch.runtime.clock import wall_clock
from facematch.server.privacy.store import Pending, Subject
from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.recognizers.watermark import delivered_until, standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from uuid import UUID

    from facematch.protocol.events import Event
    from facematch.protocol.heartbeat import Heartbeat, Order
    from facematch.server.events.purge import Records
    from facematch.server.privacy.retention import Retention
    from facematch.server.privacy.store import ErasureStore
    from facematch.server.recognizers.registry import Heard
    from facematch.server.snapshots.folder import SnapshotFolder

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 6.0
"""How long whoever asked waits for the recognizer; it says something every 2 s."""
RELOAD_SECONDS: Final = 3.0
"""How long the recognizer may take to notice that the reference's file has gone. What comes of the same photo later
is of its next enrollment."""
STRAGGLERS_SECONDS: Final = 120.0
"""How long after the recognizer has confirmed an event may still be on its way through the network."""
RETRY_SECONDS: Final = 10.0
"""How soon what could not be removed is tried again, when no recognizer is heard."""
MOST_ORDERS: Final = 100
"""Of one answer to a heartbeat."""
MOST_TURNED_AWAY: Final = 10_000
"""Snapshots remembered for one erasure; retention finds those beyond."""


class NotErasedError(OSError):
    """Something is still there; it is tried again."""


class ReferenceStaysError(OSError):
    """The reference could not be removed. Nothing was erased, and nothing will be."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased."""

    id: UUID
    at: datetime
    events: int
    snapshots: int
    undelivered: int | None
    """Events in the recognizer's outbox; None: it has not confirmed yet."""


class Erasures:
    """See the module.

    Args:
        records: the log's events.
        folder: the snapshots.
        retention: owns the lock under which anything is removed.
        store: the record of erasures.
        heard: the recognizers' last heartbeats and their ages in seconds.
        stored: returns when what has arrived so far is in the log.
        forget: told of the positions that were removed; drops what still waits to be sent of them.
        remove_reference: removes the reference of this id, if it was there at that time already (None: whenever), and
            returns whether there is none now.
        now: aware time; injected by tests.
        monotonic: seconds; injected by tests.
        wait_seconds: see `WAIT_SECONDS`.
    """

    def __init__(
        self,
        records: Records,
        folder: SnapshotFolder,
        retention: Retention,
        store: ErasureStore,
        heard: Callable[[], Sequence[Heard]],
        stored: Callable[[], Awaitable[None]],
        forget: Callable[[Collection[int]], None],
        remove_reference: Callable[[str, datetime | None], Awaitable[bool]],
        *,
        now: Callable[[], datetime] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._records = records
        self._folder = folder
        self._retention = retention
        self._store = store
        self._heard = heard
        self._stored = stored
        self._forget = forget
        self._remove_reference = remove_reference
        self._now = now
        self._monotonic = monotonic
        self._wait_seconds = wait_seconds
        self._pending: dict[UUID, Pending] = {}
        self._confirmed: dict[UUID, dict[str, int]] = {}
        """By which source, with how many events."""
        self._stragglers: list[tuple[Pending, float]] = []
        """What was erased lately, and until when (monotonic) events of it are looked for."""
        self._turned_away: dict[UUID, set[str]] = {}
        """Snapshots of events that came too late, until their erasure is finished."""
        self._attended: set[UUID] = set()
        """Somebody waits for these."""
        self._unremoved: set[UUID] = set()
        """What is not known to have been removed here: somebody is at it, or could not, or it was before a start."""
        self._unwiped = True
        """Files may still hold text of what was removed."""
        self._beat = asyncio.Event()
        self._stopping = False
        self._well = True
        self.version = 0
        """Changes when something is erased, and not with a restart: whoever remembers events reads the log again."""

    async def open(self) -> None:
        """Take up what was not finished before."""
        self._stopping = False
        self._pending = {pending.id: pending for pending in await self._store.pending()}
        self._unremoved = set(self._pending)
        self.version = await self._store.total()

    def stop(self) -> None:
        """Nobody waits any more: what is not confirmed yet is taken up by the next start."""
        self._stopping = True
        self._wake()

    def orders(self) -> list[Order]:
        """What the recognizer is to erase."""
        return [_order(pending) for pending in list(self._pending.values())[:MOST_ORDERS]]

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take what a recognizer says it has erased. Call it when the heartbeat is among those of `heard`."""
        for done in heartbeat.orders_done:
            if done.id in self._pending:
                self._confirmed.setdefault(done.id, {})[heartbeat.source] = done.erased_events
        self._wake()

    def covers(self, event: Event) -> bool:
        """Whether this event is of something that was erased after it happened. Its snapshot is remembered, then."""
        if not (self._pending or self._stragglers):
            return False
        now = self._monotonic()
        self._stragglers = [one for one in self._stragglers if one[1] > now]
        for pending in (*self._pending.values(), *(pending for pending, _ in self._stragglers)):
            if event.timestamp <= _until(pending) and _is_of(event, pending.subject):
                if isinstance(event, Match) and event.snapshot and pending.id in self._pending:
                    self._remember(pending.id, event.snapshot)
                return True
        return False

    def _remember(self, id_: UUID, snapshot: str) -> None:
        names = self._turned_away.setdefault(id_, set())
        if len(names) < MOST_TURNED_AWAY:
            names.add(snapshot)

    async def participant(self, identity: str, by: str) -> Erased:
        """Erase everything of a participant.

        Args:
            identity: theirs.
            by: the role in which it is asked.

        Raises:
            OSError: not everything could be removed now; what was written down is tried again.
        """
        return await self._erase(await self._store.begin(Subject("participant", identity), self._now(), by), by)

    async def reference(self, reference_id: str, by: str) -> Erased:
        """Erase the reference, and what came of it.

        Args:
            reference_id: its id.
            by: the role in which it is asked.

        Raises:
            ReferenceStaysError: it could not be removed, and nothing was erased.
            OSError: not everything that came of it could be removed now, and is tried again.
        """
        pending = await self._store.begin(Subject("reference", reference_id), self._now(), by)
        try:
            if not await self._remove_reference(reference_id, None):
                raise ReferenceStaysError("there is another one already")
        except OSError as error:
            await self._store.withdraw(pending.id)
            raise ReferenceStaysError(_reason(error)) from error
        return await self._erase(pending, by)

    async def _erase(self, pending: Pending, by: str) -> Erased:
        id_ = pending.id
        self._pending[id_] = pending
        self._unremoved.add(id_)
        self.version += 1
        self._attended.add(id_)
        try:
            events, snapshots = await self._remove(pending, None)
            await self._wait_for(lambda: self._outcome(pending) is not None)
            undelivered = self._outcome(pending)
            whole = undelivered is not None and pending.subject.kind == "participant"
            more = await self._remove(pending, None if whole else _until(pending))  # what came meanwhile
            events, snapshots = events + more[0], snapshots + more[1]
            if undelivered is not None:
                await self._finish(pending, undelivered)
        finally:
            self._attended.discard(id_)
        erased = Erased(id_, pending.requested_at, events, snapshots, undelivered)
        _tell(pending, erased, by)
        return erased

    async def run(self) -> None:
        """Finish what nobody waits for (any more) as soon as recognizers confirm it, for ever."""
        while True:
            beat = self._beat
            try:
                await self._finish_all()
                if self._unwiped:
                    self._unwiped = not await self._records.wipe()
                self._well = True
            except OSError as error:
                if self._well:
                    log.error("An erasure cannot be finished now; tried again", reason=_reason(error))  # noqa: TRY400
                self._well = False
            except Exception:
                log.exception("An erasure cannot be finished")
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await beat.wait()

    async def _finish_all(self) -> None:
        for id_, pending in list(self._pending.items()):
            undelivered = self._outcome(pending)
            if id_ in self._attended or (undelivered is None and id_ not in self._unremoved):
                continue
            if id_ in self._unremoved and pending.subject.kind == "reference":
                await self._remove_reference(pending.subject.id, pending.requested_at)
            events, snapshots = await self._remove(pending, _until(pending))
            if undelivered is None:
                continue
            await self._finish(pending, undelivered)
            _tell(pending, Erased(id_, pending.requested_at, events, snapshots, undelivered), "recognizer")

    async def _remove(self, pending: Pending, until: datetime | None) -> tuple[int, int]:
        """Remove the events and snapshots, and look whether they have gone.

        Since the erasure is pending, no event of its time is taken any more; those that were taken before are in the
        log first. What comes into it meanwhile is of a later time, or is removed by the next call.

        Returns:
            How many events and how many snapshots there were.

        Raises:
            OSError: they have not.
        """
        await self._stored()
        async with self._retention.lock:
            latest = await self._records.latest()
            removed = await self._records.remove_of(pending.subject, until=until)
            self._retention.forget(removed.snapshots)
            self._forget(removed.cursors)
            names = removed.snapshots | await self._without_event(pending)
            count = await self._folder.remove(names)
            await self._store.add(pending.id, removed.events, count)
            self.version += removed.events
            self._unwiped = not await self._records.wipe()
            if await self._folder.holds(names) or await self._records.holds(pending.subject, latest, until):
                raise NotErasedError("something is still there")
            self._unremoved.discard(pending.id)
        return removed.events, count

    async def _without_event(self, pending: Pending) -> frozenset[str]:
        """Snapshots whose event is not in the log, and will not be: it was removed before it was delivered.

        Names do not tell who it is beyond doubt, but an event in the log would. Of which reference it came, they do
        not tell at all: if its event was turned away, that is known; else retention removes it as soon as it is
        certain that no event will speak of it.
        """
        files = await self._retention.unnamed()
        if pending.subject.kind == "reference":
            return frozenset(self._turned_away.get(pending.id, ())) & files.keys()
        until = delivered_until(self._heard())
        settled = max(pending.requested_at, until or pending.requested_at).timestamp()
        return frozenset(
            name for name, file in files.items() if may_show(name, pending.subject.id) and file.written_at <= settled
        )

    def _outcome(self, pending: Pending) -> int | None:
        """How many undelivered events recognizers have removed; None: not all of them have confirmed."""
        confirmed = self._confirmed.get(pending.id, {})
        recognizers = [heartbeat for heartbeat, _ in standing(self._heard())]
        if not recognizers or not all(heartbeat.source in confirmed for heartbeat in recognizers):
            return None
        if pending.subject.kind == "reference" and any(
            heartbeat.reference_id == pending.subject.id for heartbeat in recognizers
        ):
            return None  # it has a file of its own, or the photo was enrolled again
        return sum(confirmed.values())

    async def _finish(self, pending: Pending, undelivered: int) -> None:
        await self._store.finish(pending.id, undelivered, self._now())
        self._unwiped = not await self._records.wipe()
        self._stragglers.append((pending, self._monotonic() + STRAGGLERS_SECONDS))
        self._pending.pop(pending.id, None)
        self._confirmed.pop(pending.id, None)
        self._turned_away.pop(pending.id, None)

    async def _wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait for heartbeats until something holds, for a bounded time; not when no recognizer would send any."""
        if not any(age <= ONLINE_SECONDS for _, age in self._heard()):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_seconds):
                while not holds() and not self._stopping:
                    await self._beat.wait()

    def _wake(self) -> None:
        self._beat.set()
        self._beat = asyncio.Event()


def _reason(error: OSError) -> str:
    """In words that name no file: its name tells whose it is."""
    return error.strerror or str(error)


def _until(pending: Pending) -> datetime:
    """The last moment of what is erased."""
    return pending.requested_at + timedelta(seconds=RELOAD_SECONDS if pending.subject.kind == "reference" else 0.0)


def _order(pending: Pending) -> Order:
    if pending.subject.kind == "reference":
        return EraseReference(id=pending.id, reference_id=pending.subject.id, until=_until(pending))
    return EraseParticipant(id=pending.id, participant_identity=pending.subject.id)


def _is_of(event: Event, subject: Subject) -> bool:
    if subject.kind == "reference":
        return event.reference_id == subject.id
    return subject.id in (
        event.participant_identity or event.participant_name,
        event.participant_identity or event.participant_id,
    )


def _tell(pending: Pending, erased: Erased, by: str) -> None:
    log.info(
        "Erased",
        kind=pending.subject.kind,
        receipt=str(erased.id),
        events=erased.events,
        snapshots=erased.snapshots,
        undelivered_events=erased.undelivered,
        recognizer="pending" if erased.undelivered is None else "done",
        by=by,
    )
