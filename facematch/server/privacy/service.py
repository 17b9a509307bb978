"""What is kept and for how long, put together: retention, erasure, and the record of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from facematch.runtime.clock import wall_clock
from facematch.runtime.meanwhile import meanwhile
from facematch.server.alarms.store import AlarmStore
from facematch.server.events.purge import Records
from facematch.server.identity.bindings import Bindings
from facematch.server.identity.store import IdentityStore
from facematch.server.presence.expiry import StatisticsExpiry
from facematch.server.presence.store import PresenceStore
from facematch.server.privacy import export_routes, person_routes
from facematch.server.privacy import routes as erasure_routes
from facematch.server.privacy.erasure import Erasures
from facematch.server.privacy.expiry import Expiry
from facematch.server.privacy.participant_export import ParticipantExport
from facematch.server.privacy.removal import Removal, Stored
from facematch.server.privacy.retention import Limits, Retention
from facematch.server.privacy.store import ErasureStore
from facematch.server.recognizers.watermark import delivered_until
from facematch.server.unknowns.store import UnknownFaces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import APIRouter

    from facematch.server.access.audit import Audit
    from facematch.server.events.service import Feed
    from facematch.server.gallery.photo_file import ReferenceFile
    from facematch.server.people.service import People
    from facematch.server.recognizers.registry import Recognizers
    from facematch.server.snapshots.storage import SnapshotStorage
    from facematch.server.storage.database import Database
    from facematch.server.storage.leases import Leases

SWEEPING: Final = "retention"
"""The lease of what one process at a time removes."""


class Keeping:
    """Retention and erasure of one event log and its snapshots.

    Args:
        database: of the event log.
        snapshots: where those are kept.
        limits: what may be kept.
        recognizers: who is asked to erase, and says what is on its way.
        feed: of the log.
        people: who is looked for.
    """

    def __init__(
        self,
        database: Database,
        snapshots: SnapshotStorage,
        limits: Limits,
        recognizers: Recognizers,
        feed: Feed,
        people: People,
    ) -> None:
        self._people = people
        self._records = records = Records(database)
        self.retention = Retention(records, snapshots, limits, lambda: delivered_until(recognizers.all()))
        self._store = ErasureStore(database)
        presence, identity = PresenceStore(database), IdentityStore(database)
        self.unknown = UnknownFaces(database)
        bound = Bindings(identity, feed.writer, people.store)
        stored = Stored(records, presence, identity, bound, recognizers.anchors, self.unknown, AlarmStore(database))
        removal = Removal(stored, snapshots, self.retention, feed, people.enrollment, people.changes)
        self._statistics = StatisticsExpiry(presence, limits.statistics_days)
        self.erasures = Erasures(removal, self._store, recognizers.all)
        self._export = ParticipantExport(database, records, snapshots)
        self.expiry = Expiry(self._people.store, self.erasures)

    async def speaks_of(self, snapshot: str) -> bool:
        """Whether an event of the log speaks of a snapshot.

        Raises:
            LogUnavailableError: the log cannot be read.
        """
        return bool(await self._records.named([snapshot]))

    def routes(self, file: ReferenceFile, audit: Audit) -> APIRouter:
        """See `erasure_routes`."""
        router = erasure_routes.routes(self.erasures, self._store, file, audit)
        router.routes.extend(person_routes.routes(self.erasures, self._people.store).routes)
        router.routes.extend(export_routes.routes(self._export, self._people.store, wall_clock).routes)
        return router

    @asynccontextmanager
    async def running(self, leases: Leases) -> AsyncIterator[None]:
        """Keep to the limits, and finish erasures, while the database is open.

        Args:
            leases: one process at a time removes what has become too old.
        """
        await self.erasures.open()
        async with meanwhile(
            ("erasures", self.erasures.run(lambda: leases.holds(SWEEPING))),
            ("retention", leases.while_held(SWEEPING, self._expire)),
        ):
            try:
                yield
            finally:
                self.erasures.stop()

    async def _expire(self, _epoch: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.retention.run(), name="retention of events")
            group.create_task(self.expiry.run(), name="expiry of people")
            group.create_task(self._statistics.run(), name="statistics")
