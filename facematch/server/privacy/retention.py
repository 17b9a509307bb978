"""Keeping no more than is meant to be kept, and the log and the snapshot folder in agreement.

A pass runs every `PASS_SECONDS`, oldest first:

1. Events that came more than `event_days` ago are removed, and their snapshots; Checks after `check_days`, if that is
   less.
2. Snapshots that were written more than `snapshot_days` ago are removed; then the oldest, until the rest takes no
   more than `total_bytes`. Their events say `snapshot: null` from then on.
3. Events whose snapshot is not there (any more) say `snapshot: null`. Not before `GRACE_SECONDS` after they came; where
   recognizers send snapshots, not before it is certain that none is on its way.
4. Snapshots without an event are removed: whoever asks the log does not learn of them. But a snapshot has its name
   from the moment in which its event is safe in the recognizer's outbox, and while the API, the network or the disk is
   away that event may arrive hours later. So a snapshot is taken for one without an event only if it was written more
   than `GRACE_SECONDS` before `delivered_until`, the time up to which all recognizers have delivered everything (see
   `standing.delivered_until`), and if no event has spoken of it for `GRACE_SECONDS` of this machine's own time: the
   recognizer's clock may have been set back since its last heartbeat. While `delivered_until` is not known, because a
   recognizer is away, such a snapshot stays until it is too old, or too much, by rule 2. A draft that a killed
   recognizer has left is one of them.

Where a look at everything costs something (`SnapshotStorage.look_seconds`), passes are as far apart.

A pass without anything to do costs one look at the folder and two small questions to the database. One with much to
do stops after `MOST_FILES` and `MOST_EVENTS`; the next follows at once. A pass that fails, because the disk or the
database is away or for whatever other reason, is repeated.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import structlog

from facematch.runtime.clock import wall_clock
from facematch.server.events.purge import AT_ONCE
from facematch.server.storage.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from facematch.server.events.purge import Records
    from facematch.server.snapshots.storage import SnapshotFile, SnapshotStorage

log = structlog.get_logger(__name__)

PASS_SECONDS: Final = 15.0
GRACE_SECONDS: Final = 30.0
"""How long the log and the folder may disagree because something is on its way."""
MOST_FILES: Final = 1_000
MOST_EVENTS: Final = 10 * AT_ONCE
"""Of one pass."""
RESYNC_SECONDS: Final = 3600.0
"""How often the log is read from its beginning: another process may have removed from it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be kept."""

    snapshot_days: float
    total_bytes: float
    event_days: float
    check_days: float | None = None
    """Of Checks alone; None: as of all events."""
    statistics_days: float = 365.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass did."""

    events: int = 0
    """Removed."""
    snapshots: int = 0
    """Files removed."""
    cleared: int = 0
    """Events that say `snapshot: null` now."""
    more: bool = False
    """There is more to do."""


class Retention:
    """See the module.

    Args:
        records: the log's events.
        folder: the snapshots.
        limits: what may be kept.
        delivered_until: the time up to which recognizers have delivered everything; None: nobody knows.
        now: aware time; injected by tests.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        records: Records,
        folder: SnapshotStorage,
        limits: Limits,
        delivered_until: Callable[[], datetime | None],
        *,
        now: Callable[[], datetime] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = asyncio.Lock()
        """Held while anything is removed."""
        self._records = records
        self._folder = folder
        self._limits = limits
        self._delivered_until = delivered_until
        self._now = now
        self._monotonic = monotonic
        self._named: dict[str, float] = {}
        """Every snapshot that the log speaks of, and when we learned of it."""
        self._unnamed: dict[str, float] = {}
        """Every snapshot that it did not speak of at the last look, and since when."""
        self._read_to = 0
        """Position up to which the log has been read for `_named`."""
        self._synced_at = 0.0
        self._well = True

    async def run(self) -> None:
        """Pass after pass, for ever."""
        self._synced_at = -RESYNC_SECONDS  # another process may have done it until now
        while True:
            swept = Swept()
            try:
                swept = await self.sweep()
                self._note()
            except OSError as error:
                self._note(error.strerror or str(error))
            except Exception:  # a fault of ours must not end it: nobody would notice before the disk is full
                log.exception("Retention failed; tried again")
            await asyncio.sleep(0.2 if swept.more else max(PASS_SECONDS, self._folder.look_seconds))

    async def sweep(self) -> Swept:
        """One pass.

        Raises:
            OSError: the disk or the database is away; what was begun is taken up by the next pass.
        """
        async with self.lock:
            delivered_until = self._delivered_until()
            events = await self._expire_events()
            files = await self._folder.files()  # after what recognizers have delivered was asked for …
            await self._learn()  # … and before the log: what came in between is in the log
            expired = self._expired(files)
            orphans = self._orphans(files, delivered_until)
            doomed = list(islice(dict.fromkeys([*expired, *orphans]), MOST_FILES))
            missing = self._missing(files, delivered_until)
            cleared = await self._remove(doomed, [*missing, *doomed])
        swept = Swept(events, len(doomed), cleared, len(doomed) == MOST_FILES or events >= MOST_EVENTS)
        if swept.events or swept.snapshots or swept.cleared:
            log.info("Retention", events=events, snapshots=len(doomed), cleared=cleared)
        return swept

    def forget(self, names: Iterable[str]) -> None:
        """The log speaks of these snapshots no more. Call it with the lock held."""
        for name in names:
            self._named.pop(name, None)

    async def _expire_events(self) -> int:
        before = self._now() - timedelta(days=self._limits.event_days)
        count = 0
        while count < MOST_EVENTS and await self._records.any_older(before):
            removed = await self._records.remove_older(before)
            self.forget(removed.snapshots)
            await self._folder.remove(removed.snapshots)
            count += removed.events
        return count + await self._expire_checks(MOST_EVENTS - count)

    async def _expire_checks(self, most: int) -> int:
        days, count = self._limits.check_days, 0
        if days is None or days >= self._limits.event_days:
            return 0
        before = self._now() - timedelta(days=days)
        while count < most and await self._records.any_check_older(before):
            count += (await self._records.remove_checks_older(before)).events
        return count

    async def _learn(self) -> None:
        """Read what the log speaks of since the last look."""
        now = self._monotonic()
        known: Mapping[str, float] = {}
        if now - self._synced_at >= RESYNC_SECONDS:
            known, self._named, self._read_to, self._synced_at = self._named, {}, 0, now
        while True:
            page = await self._records.snapshots(self._read_to, AT_ONCE)
            for cursor, name in page:
                self._named.setdefault(name, known.get(name, now))
                self._read_to = cursor
            if len(page) < AT_ONCE:
                return

    def _expired(self, files: Mapping[str, SnapshotFile]) -> list[str]:
        """Too old, or too much; the oldest first."""
        oldest = self._now().timestamp() - timedelta(days=self._limits.snapshot_days).total_seconds()
        total = sum(file.size for file in files.values())
        if total <= self._limits.total_bytes and all(file.written_at >= oldest for file in files.values()):
            return []
        expired = []
        for name, file in sorted(files.items(), key=lambda item: item[1].written_at):
            if file.written_at >= oldest and total <= self._limits.total_bytes:
                break
            expired.append(name)
            total -= file.size
        return expired

    def _orphans(self, files: Mapping[str, SnapshotFile], delivered_until: datetime | None) -> list[str]:
        """Without an event, and none is on its way."""
        now = self._monotonic()
        self._unnamed = {name: self._unnamed.get(name, now) for name in files.keys() - self._named.keys()}
        if delivered_until is None:
            return []
        before = delivered_until.timestamp() - GRACE_SECONDS
        unnamed = [name for name, since in self._unnamed.items() if since <= now - GRACE_SECONDS]
        return [name for name in unnamed if files[name].written_at < before]

    def _missing(self, files: Mapping[str, SnapshotFile], delivered_until: datetime | None) -> list[str]:
        """Spoken of, and neither there nor on its way."""
        before = self._monotonic() - GRACE_SECONDS
        if self._folder.takes_uploads:
            if delivered_until is None:
                return []
            before = min(before, self._monotonic() - (self._now() - delivered_until).total_seconds())
        return [name for name in self._named.keys() - files.keys() if self._named[name] <= before]

    async def _remove(self, doomed: list[str], cleared: list[str]) -> int:
        """Returns how many events were changed."""
        count, failure = 0, None
        try:
            known = [name for name in cleared if name in self._named]
            for start in range(0, len(known), AT_ONCE):
                names = known[start : start + AT_ONCE]
                count += await self._records.clear_snapshots(names)
                self.forget(names)
        except LogUnavailableError as error:
            failure = error  # a full disk, perhaps: that is when the files have to go
        if doomed:
            await self._folder.remove(doomed)
        if failure is not None:
            raise failure
        return count

    def _note(self, reason: str | None = None) -> None:
        """One line when it cannot work and one when it can again, not one per pass."""
        if reason and self._well:
            log.error("What is too old cannot be removed now; tried again", reason=reason)
        elif not reason and not self._well:
            log.info("What is too old is removed again")
        self._well = reason is None
