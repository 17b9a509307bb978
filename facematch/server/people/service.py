"""People put together: what is kept of them, how they are changed, and the gallery that recognizers get."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import APIRouter

from facematch.faces.tolerance import MatchRules
from facematch.runtime.clock import wall_clock
from facematch.runtime.meanwhile import meanwhile
from facematch.server.people import gallery_routes, photo_routes, routes, transfer_routes
from facematch.server.people.changes import Change, PeopleChanges
from facematch.server.people.current import CurrentGallery
from facematch.server.people.enrolling import Enrolling
from facematch.server.people.importing import Importing
from facematch.server.people.publication import Publication
from facematch.server.people.resemblance import Resembling
from facematch.server.people.store import UNSEEN, PeopleStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime, timedelta

    from facematch.server.access.audit import Audit
    from facematch.server.gallery.enrollment import Enrollment
    from facematch.server.storage.database import Database


@dataclass(frozen=True, slots=True)
class PeopleRules:
    """The settings that people are kept by."""

    upload_limit: int
    """Bytes of a photo."""
    unseen: timedelta = UNSEEN
    """How long a person without `delete_at` is kept who is not seen."""
    match: MatchRules = field(default_factory=MatchRules)
    """Those that recognizers keep to."""


class People:
    """See the module.

    Args:
        database: of the event log, opened with it.
        enrollment: examines photos.
        rules: the settings.
        monotonic: seconds; injected by tests.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        enrollment: Enrollment,
        rules: PeopleRules,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.store = PeopleStore(database, rules.unseen)
        self.changes = PeopleChanges(database, self._changed, now)
        self.current = CurrentGallery(self.store)
        self.publication = Publication(self.current, monotonic=monotonic)
        self.resembling = Resembling(self.current, self.publication, rules.match)
        self.enrollment = enrollment
        self.enrolling = Enrolling(enrollment, self.changes, self.store, self.current, now)
        self._upload_limit = rules.upload_limit
        self._now = now

    def gallery_version(self) -> int:
        """That recognizers can have now."""
        return self.publication.latest.version

    def compared(self) -> int:
        """How many people recognizers can have now."""
        return len(self.publication.latest.gallery)

    def routes(self, audit: Audit) -> APIRouter:
        """All of this domain; `audit` keeps who changes photos and whose they are."""
        router = APIRouter()
        importing = Importing(self.enrolling, self.store, self.changes)
        bounds = (self._upload_limit, self._now)
        for part in (
            transfer_routes.routes(self.enrollment, importing, self.store, self.publication, bounds, audit),
            routes.routes(self.store, self.changes, self.resembling, self._now, audit),
            photo_routes.routes(self.enrollment, self.enrolling, self.store, self.changes, self._upload_limit, audit),
            gallery_routes.routes(self.publication),
        ):
            router.routes.extend(part.routes)
        return router

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish the gallery while the database is open."""
        await self.publication.open()
        async with meanwhile(("gallery", self.publication.run()), ("resemblance", self.resembling.run())):
            try:
                yield
            finally:
                self.publication.stop()

    def _changed(self, change: Change) -> None:
        self.current.note(change)
        self.publication.changed()
