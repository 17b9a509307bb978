"""Erasing: everything of one participant, the reference and all that came of it, or a person with their photos and
all that names them, here and at the recognizer.

What is to be erased is written down first. So it is erased whatever happens meanwhile, also when the recognizer comes
back only days later: it is told in the answer to each of its heartbeats until it has confirmed. Events of the time
before the erasure that arrive after it are taken and neither kept nor handed on.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from facematch.protocol.events import Match
from facematch.protocol.heartbeat import EraseParticipant, ErasePerson, EraseReference
from facematch.runtime.clock import wall_clock
from facematch.server.events.purge import Subject
from facematch.server.privacy.erasing import is_late
from facematch.server.privacy.removal import Leftovers
from facematch.server.privacy.store import MOST_TURNED_AWAY, STRAGGLERS
from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.recognizers.watermark import delivered_until, standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from uuid import UUID

    from facematch.protocol.events import Event
    from facematch.protocol.heartbeat import Heartbeat, Order
    from facematch.server.privacy.removal import Removal
    from facematch.server.privacy.store import ErasureStore, Pending
    from facematch.server.recognizers.registry import Heard

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 6.0
"""How long whoever asked waits for the recognizer; it says something every 2 s."""
RELOAD_SECONDS: Final = 3.0
"""How long the recognizer may take to notice that the reference's file has gone. What comes of the same photo later
is of its next enrollment."""
RETRY_SECONDS: Final = 10.0
"""How soon what could not be removed is tried again, when no recognizer is heard."""
MOST_ORDERS: Final = 100
"""Of one answer to a heartbeat."""
OTHERS_SECONDS: Final = 15.0
"""How long an erasure is left to the process that has begun it, and that somebody waits for."""


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
    photos: int = 0
    """A person's."""
    bindings: int = 0
    """Of a participant, or to a person."""


class Erasures:
    """See the module.

    Args:
        removal: removes what is kept here.
        store: the record of erasures.
        heard: the recognizers' last heartbeats and their ages in seconds.
        now: aware time; injected by tests.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        removal: Removal,
        store: ErasureStore,
        heard: Callable[[], Sequence[Heard]],
        *,
        now: Callable[[], datetime] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._removal = removal
        self._store = store
        self._heard = heard
        self._now = now
        self._monotonic = monotonic
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
        self._begun: set[UUID] = set()
        """By this process."""
        self._stamp: tuple[int, int] | None = None
        """Of what has been erased, when it was last looked at."""
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

    async def refresh(self) -> None:
        """Take up what other processes have begun, removed, heard confirmed and finished.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        stamp, found = await self._store.stamp(), await self._store.pending()
        confirmed = await self._store.confirmations()
        known = {pending.id: pending for pending in found}
        for id_ in known.keys() - self._pending.keys():
            self._unremoved.add(id_)
            self._removal.forget(known[id_].subject)
        for id_ in [id_ for id_ in self._pending if id_ not in known and id_ not in self._attended]:
            self._stragglers.append((self._pending[id_], self._monotonic() + STRAGGLERS.total_seconds()))
            self._forget(id_)
        self._pending |= known
        for id_, sources in confirmed.items():
            self._confirmed[id_] = self._confirmed.get(id_, {}) | sources
        self.version = max(self.version, stamp[0])
        if stamp != self._stamp:
            await self._removal.review()
            self._stamp = stamp
        self._wake()

    def stop(self) -> None:
        """Nobody waits any more: what is not confirmed yet is taken up by the next start."""
        self._stopping = True
        self._wake()

    def orders(self, heartbeat: Heartbeat) -> list[Order]:
        """What a recognizer is to erase. One that has no gallery is told nothing of people: it knows none."""
        told = [one for one in self._pending.values() if one.subject.kind != "person" or _has_gallery(heartbeat)]
        return [_order(pending) for pending in told[:MOST_ORDERS]]

    async def hear(self, heartbeat: Heartbeat) -> None:
        """Take what a recognizer says it has erased. Call it when the heartbeat is among those of `heard`."""
        for done in heartbeat.orders_done:
            if done.id not in self._pending:
                continue
            known = self._confirmed.setdefault(done.id, {})
            if self._store.shared and heartbeat.source not in known:
                try:
                    await self._store.confirm(done.id, heartbeat.source, done.erased_events, done.snapshots)
                except OSError:  # it says so again
                    continue
            for name in done.snapshots:
                self._remember(done.id, name)
            known[heartbeat.source] = done.erased_events
        self._wake()

    def turns_away(self, event: Event) -> bool:
        """The same of the one process that there is on SQLite; of several, the database is asked (see `erasing`)."""
        return not self._store.shared and self.covers(event)

    def covers(self, event: Event) -> bool:
        """Whether this event is of something that was erased after it happened. Its snapshot is remembered, then."""
        if not (self._pending or self._stragglers):
            return False
        now = self._monotonic()
        self._stragglers = [one for one in self._stragglers if one[1] > now]
        for pending in (*self._pending.values(), *(pending for pending, _ in self._stragglers)):
            if is_late(event, pending.subject, until_of(pending.subject, pending.requested_at)):
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
        async with self._begun_by(by, Subject("participant", identity)) as pending:
            return await self._erase(pending, by)

    async def reference(self, reference_id: str, by: str) -> Erased:
        """Erase the reference, and what came of it.

        Args:
            reference_id: its id.
            by: the role in which it is asked.

        Raises:
            ReferenceStaysError: it could not be removed, and nothing was erased.
            OSError: not everything that came of it could be removed now, and is tried again.
        """
        async with self._begun_by(by, Subject("reference", reference_id)) as pending:
            try:
                if not await self._removal.photo(reference_id):
                    raise ReferenceStaysError("there is another one already")
            except OSError as error:
                await self._store.withdraw(pending.id)
                raise ReferenceStaysError(_reason(error)) from error
            return await self._erase(pending, by)

    async def person(self, ids: Sequence[str], by: str) -> Erased:
        """Erase a person: photos, embeddings, and what names them.

        Args:
            ids: theirs, and those of whoever was merged into them.
            by: the role in which it is asked.

        Raises:
            OSError: not everything could be removed now; what was written down is tried again.
        """
        async with self._begun_by(by, Subject("person", " ".join(ids))) as pending:
            self._pending[pending.id] = pending
            self._unremoved.add(pending.id)
            photos, bound = await self._removal.person(pending.subject)
            erased = await self._erase(pending, by)
        return replace(erased, photos=photos, bindings=erased.bindings + bound)

    @asynccontextmanager
    async def _begun_by(self, by: str, subject: Subject) -> AsyncIterator[Pending]:
        """It is written down, and somebody waits to be told how much there was: `run` leaves it alone meanwhile."""
        at = self._now()
        pending = await self._store.begin(subject, at, by, until_of(subject, at))
        self._begun.add(pending.id)
        self._attended.add(pending.id)
        try:
            yield pending
        finally:
            self._attended.discard(pending.id)

    async def _erase(self, pending: Pending, by: str) -> Erased:
        self._pending[pending.id] = pending
        self._unremoved.add(pending.id)
        self.version += 1
        events, snapshots, bound = await self._remove(pending, None)
        await self._wait_for(lambda: self._outcome(pending) is not None)
        undelivered = self._outcome(pending)
        whole = undelivered is not None and pending.subject.kind != "reference"
        until = None if whole else until_of(pending.subject, pending.requested_at)
        more = await self._remove(pending, until)  # what came meanwhile
        events, snapshots = events + more[0], snapshots + more[1]
        if undelivered is not None:
            await self._finish(pending, undelivered)
        erased = Erased(pending.id, pending.requested_at, events, snapshots, undelivered, bindings=bound + more[2])
        _tell(pending, erased, by)
        return erased

    async def run(self, leads: Callable[[], bool] = lambda: True) -> None:
        """Finish what nobody waits for (any more) as soon as recognizers confirm it, for ever.

        Args:
            leads: whether this process finishes what others have begun.
        """
        while True:
            beat = self._beat
            try:
                await self._finish_all(others=leads())
                if leads():
                    await self._store.forget_stragglers()
                if self._unwiped:
                    self._unwiped = not await self._removal.wipe()
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

    async def _finish_all(self, *, others: bool) -> None:
        for id_, pending in list(self._pending.items()):
            if self._store.shared and id_ not in self._begun:
                age = self._now() - pending.requested_at
                if not others or age < timedelta(seconds=OTHERS_SECONDS):
                    continue
            undelivered = self._outcome(pending)
            if id_ in self._attended or (undelivered is None and id_ not in self._unremoved):
                continue
            if id_ in self._unremoved and pending.subject.kind == "reference":
                await self._removal.photo(pending.subject.id, pending.requested_at)
            if id_ in self._unremoved and pending.subject.kind == "person":
                await self._removal.person(pending.subject)
            events, snapshots, _ = await self._remove(pending, until_of(pending.subject, pending.requested_at))
            if undelivered is None:
                continue
            await self._finish(pending, undelivered)
            _tell(pending, Erased(id_, pending.requested_at, events, snapshots, undelivered), "recognizer")

    async def _remove(self, pending: Pending, until: datetime | None) -> tuple[int, int, int]:
        """Remove what is here of it; since it is pending, no event of its time is taken any more.

        A person is named by none of any time: their ids are never given again.

        Returns:
            How many events, snapshots and bindings there were.

        Raises:
            OSError: something is still there.
        """
        until = None if pending.subject.kind == "person" else until
        delivered = delivered_until(self._heard())
        settled = max(pending.requested_at, delivered or pending.requested_at)
        turned_away = self._turned_away.setdefault(pending.id, set())
        if self._store.shared:
            turned_away |= await self._store.turned_away(pending.id)
        leftovers = Leftovers(settled.timestamp(), turned_away)
        found = await self._removal.traces(pending.subject, until, leftovers)
        await self._store.add(pending.id, found.events, found.snapshots)
        self.version += found.events
        self._unwiped = not await self._removal.wipe()
        if found.trouble is not None:
            raise NotErasedError(found.trouble)
        self._unremoved.discard(pending.id)
        return found.events, found.snapshots, found.bindings

    def _outcome(self, pending: Pending) -> int | None:
        """How many undelivered events recognizers have removed; None: not all of them have confirmed."""
        confirmed = self._confirmed.get(pending.id, {})
        recognizers = [heartbeat for heartbeat, _ in standing(self._heard())]
        if pending.subject.kind == "person":
            recognizers = [heartbeat for heartbeat in recognizers if _has_gallery(heartbeat)]
        if not recognizers or not all(heartbeat.source in confirmed for heartbeat in recognizers):
            return None
        if pending.subject.kind == "reference" and any(
            heartbeat.reference_id == pending.subject.id for heartbeat in recognizers
        ):
            return None  # it has a file of its own, or the photo was enrolled again
        return sum(confirmed.values())

    async def _finish(self, pending: Pending, undelivered: int) -> None:
        await self._store.finish(pending.id, undelivered, self._now())
        self._unwiped = not await self._removal.wipe()
        self._stragglers.append((pending, self._monotonic() + STRAGGLERS.total_seconds()))
        self._forget(pending.id)

    def _forget(self, id_: UUID) -> None:
        self._pending.pop(id_, None)
        self._confirmed.pop(id_, None)
        self._turned_away.pop(id_, None)
        self._unremoved.discard(id_)
        self._begun.discard(id_)

    async def _wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait for heartbeats until something holds, for a bounded time; not when no recognizer would send any."""
        if not any(age <= ONLINE_SECONDS for _, age in self._heard()):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                while not holds() and not self._stopping:
                    await self._beat.wait()

    def _wake(self) -> None:
        self._beat.set()
        self._beat = asyncio.Event()


def _reason(error: OSError) -> str:
    """In words that name no file: its name tells whose it is."""
    return error.strerror or str(error)


def until_of(subject: Subject, requested_at: datetime) -> datetime:
    """The last moment of what is erased."""
    return requested_at + timedelta(seconds=RELOAD_SECONDS if subject.kind == "reference" else 0.0)


def _has_gallery(heartbeat: Heartbeat) -> bool:
    return heartbeat.gallery_version is not None


def _order(pending: Pending) -> Order:
    if pending.subject.kind == "person":
        return ErasePerson(id=pending.id, person_ids=list(pending.subject.people))
    if pending.subject.kind == "reference":
        until = until_of(pending.subject, pending.requested_at)
        return EraseReference(id=pending.id, reference_id=pending.subject.id, until=until)
    return EraseParticipant(id=pending.id, participant_identity=pending.subject.id)


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
