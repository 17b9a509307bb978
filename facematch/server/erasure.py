"""Erasing: everything of one participant, or the reference, here and at the recognizer.

What is to be erased is written down first. So it is erased whatever happens meanwhile, also when the recognizer comes
back only days later: it is told in the answer to each of its heartbeats until it has confirmed. Events of the time
before the erasure that arrive after it are taken and neither kept nor handed on.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog

from facematch.events import Order
from facematch.server.erasure_store import Pending
from facematch.server.standing import all_alive, delivered_until, standing
from facematch.server.status import ONLINE_SECONDS
from facematch.snapshot_names import may_show

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from facematch.events import Event, Heartbeat
    from facematch.server.erasure_store import ErasureStore, Kind
    from facematch.server.records import Records
    from facematch.server.retention import Retention
    from facematch.server.snapshot_folder import SnapshotFolder
    from facematch.server.standing import Heard

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 6.0
"""How long whoever asked waits for the recognizer; it says something every 2 s."""
RELOAD_SECONDS: Final = 1.5
"""How long the recognizer may take to notice that the reference's file has gone."""
STRAGGLERS_SECONDS: Final = 120.0
"""How long after the recognizer has confirmed an event may still be on its way through the network."""
RETRY_SECONDS: Final = 10.0
"""How soon what could not be removed is tried again, when no recognizer is heard."""
MOST_ORDERS: Final = 100
"""Of one answer to a heartbeat."""


class NotErasedError(OSError):
    """Something is still there; it is tried again."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased."""

    id: UUID
    at: datetime
    events: int
    snapshots: int
    undelivered: int | None
    """Events in the recognizer's outbox; None: it has not confirmed yet."""


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Erasures:
    """See the module.

    Args:
        records: the log's events.
        folder: the snapshots.
        retention: owns the lock under which anything is removed.
        store: the record of erasures.
        heard: the recognizers' last heartbeats and their ages in seconds.
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
        *,
        now: Callable[[], datetime] = _wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._records = records
        self._folder = folder
        self._retention = retention
        self._store = store
        self._heard = heard
        self._now = now
        self._monotonic = monotonic
        self._wait_seconds = wait_seconds
        self._pending: dict[UUID, Pending] = {}
        self._confirmed: dict[UUID, dict[str, int]] = {}
        """By which source, with how many events."""
        self._references: dict[UUID, tuple[str, float]] = {}
        """Removed references that recognizers may still use: id, and when it was removed (monotonic)."""
        self._stragglers: dict[str, tuple[datetime, float]] = {}
        """Identities erased lately: when, and until when (monotonic) their events are looked for."""
        self._attended: set[UUID] = set()
        """Somebody waits for these."""
        self._unremoved: set[UUID] = set()
        """What could not be removed here."""
        self._beat = asyncio.Event()
        self._stopping = False
        self._well = True

    async def open(self) -> None:
        """Take up what was not finished before."""
        self._stopping = False
        self._pending = {pending.id: pending for pending in await self._store.pending()}

    def stop(self) -> None:
        """Nobody waits any more: what is not confirmed yet is taken up by the next start."""
        self._stopping = True
        self._wake()

    def orders(self) -> list[Order]:
        """What the recognizer is to erase."""
        return [
            Order(id=pending.id, kind="erase_participant", participant_identity=pending.identity)
            for pending in list(self._pending.values())[:MOST_ORDERS]
        ]

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take what a recognizer says it has erased. Call it when the heartbeat is among those of `heard`."""
        for done in heartbeat.orders_done:
            if done.id in self._pending:
                self._confirmed.setdefault(done.id, {})[heartbeat.source] = done.erased_events
        self._wake()

    def covers(self, event: Event) -> bool:
        """Whether this event is of somebody who was erased after it happened."""
        if not (self._pending or self._stragglers):
            return False
        now = self._monotonic()
        self._stragglers = {who: one for who, one in self._stragglers.items() if one[1] > now}
        erased = [(pending.identity, pending.requested_at) for pending in self._pending.values()]
        erased += [(who, at) for who, (at, _) in self._stragglers.items()]
        who = {event.participant_identity or event.participant_name, event.participant_identity or event.participant_id}
        return any(identity in who and event.timestamp <= at for identity, at in erased)

    async def participant(self, identity: str, by: str) -> Erased:
        """Erase everything of a participant.

        Args:
            identity: theirs.
            by: the role in which it is asked.

        Raises:
            OSError: not everything could be removed now; what was written down is tried again.
        """
        at = self._now()
        id_ = await self._store.begin("participant", identity, at, by)
        pending = self._pending[id_] = Pending(id_, identity, at)
        self._attended.add(id_)
        try:
            events, snapshots = await self._remove(pending, None)
            await self._until(lambda: self._outcome(id_) is not None)
            undelivered = self._outcome(id_)
            more = await self._remove(pending, at if undelivered is None else None)  # what came meanwhile
            events, snapshots = events + more[0], snapshots + more[1]
            if undelivered is not None:
                await self._finish(pending, undelivered)
        except OSError:
            self._unremoved.add(id_)
            raise
        finally:
            self._attended.discard(id_)
        erased = Erased(id_, at, events, snapshots, undelivered)
        _tell("participant", erased, by)
        return erased

    async def reference(self, reference_id: str, remove: Callable[[], Awaitable[bool]], by: str) -> Erased:
        """Erase the reference.

        Args:
            reference_id: its id.
            remove: its file, and returns whether there is none now.
            by: the role in which it is asked.

        Raises:
            OSError: it could not be removed.
        """
        at = self._now()
        id_ = await self._store.begin("reference", reference_id, at, by)
        if not await remove():
            raise NotErasedError("the reference is still there, or there is another one already")
        self._references[id_] = (reference_id, self._monotonic())
        self._attended.add(id_)
        try:
            await self._until(lambda: self._forgotten(id_))
            forgotten = self._forgotten(id_)
            if forgotten:
                await self._finish_reference(id_)
        finally:
            self._attended.discard(id_)
        erased = Erased(id_, at, 0, 0, 0 if forgotten else None)
        _tell("reference", erased, by)
        return erased

    async def run(self) -> None:
        """Finish what nobody waits for (any more) as soon as recognizers confirm it, for ever."""
        while True:
            beat = self._beat
            try:
                await self._finish_all()
                self._well = True
            except OSError as error:
                if self._well:
                    log.error("An erasure cannot be finished now; tried again", reason=_reason(error))  # noqa: TRY400
                self._well = False
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await beat.wait()

    async def _finish_all(self) -> None:
        for id_, pending in list(self._pending.items()):
            undelivered = self._outcome(id_)
            if id_ in self._attended or (undelivered is None and id_ not in self._unremoved):
                continue
            events, snapshots = await self._remove(pending, pending.requested_at)
            self._unremoved.discard(id_)
            if undelivered is None:
                continue
            await self._finish(pending, undelivered)
            _tell("participant", Erased(id_, pending.requested_at, events, snapshots, undelivered), "recognizer")
        for id_ in [one for one in self._references if one not in self._attended and self._forgotten(one)]:
            await self._finish_reference(id_)

    async def _remove(self, pending: Pending, before: datetime | None) -> tuple[int, int]:
        """Remove a participant's events and snapshots, and look whether they have gone.

        Returns:
            How many events and how many snapshots there were.

        Raises:
            OSError: they have not.
        """
        identity = pending.identity
        async with self._retention.lock:
            removed = await self._records.remove_participant(identity, before=before)
            self._retention.forget(removed.snapshots)
            latest = await self._records.latest()
            names = removed.snapshots | await self._without_event(pending)
            count = await self._folder.remove(names)
            await self._store.add(pending.id, removed.events, count)
            await self._records.wipe()
            if await self._folder.holds(names) or await self._records.holds_participant(identity, latest, before):
                raise NotErasedError("something is still there")
        return removed.events, count

    async def _without_event(self, pending: Pending) -> frozenset[str]:
        """Their snapshots whose event is not in the log, and will not be: it was removed before it was delivered.

        Names do not tell who it is beyond doubt, but an event in the log would.
        """
        until = delivered_until(self._heard())
        settled = max(pending.requested_at, until or pending.requested_at).timestamp()
        files = await self._retention.unnamed()
        return frozenset(
            name for name, file in files.items() if may_show(name, pending.identity) and file.written_at <= settled
        )

    def _outcome(self, id_: UUID) -> int | None:
        """How many undelivered events recognizers have removed; None: not all of them have confirmed."""
        confirmed = self._confirmed.get(id_, {})
        sources = [heartbeat.source for heartbeat, _ in standing(self._heard())]
        if not sources or not all(source in confirmed for source in sources):
            return None
        return sum(confirmed.values())

    async def _finish(self, pending: Pending, undelivered: int) -> None:
        await self._store.finish(pending.id, undelivered, self._now())
        await self._records.wipe()
        self._stragglers[pending.identity] = (pending.requested_at, self._monotonic() + STRAGGLERS_SECONDS)
        self._pending.pop(pending.id, None)
        self._confirmed.pop(pending.id, None)

    def _forgotten(self, id_: UUID) -> bool:
        """Whether no recognizer uses a removed reference."""
        reference_id, removed_at = self._references[id_]
        recognizers = standing(self._heard())
        since = self._monotonic() - removed_at - RELOAD_SECONDS
        return all_alive(recognizers) and all(
            heartbeat.reference_id != reference_id and age <= since for heartbeat, age in recognizers
        )

    async def _finish_reference(self, id_: UUID) -> None:
        await self._store.finish(id_, 0, self._now())
        self._references.pop(id_, None)

    async def _until(self, holds: Callable[[], bool]) -> None:
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


def _tell(kind: Kind, erased: Erased, by: str) -> None:
    log.info(
        "Erased",
        kind=kind,
        receipt=str(erased.id),
        events=erased.events,
        snapshots=erased.snapshots,
        undelivered_events=erased.undelivered,
        recognizer="pending" if erased.undelivered is None else "done",
        by=by,
    )
