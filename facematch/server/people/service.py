"""People put together: what is kept of them, how they are changed, and the gallery that recognizers get."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter

from facematch.runtime.clock import wall_clock
from facematch.runtime.meanwhile import meanwhile
from facematch.server.people import gallery_routes, photo_routes, routes, transfer_routes
from facematch.server.people.changes import Change, PeopleChanges
from facematch.server.people.current import CurrentGallery
from facematch.server.people.enrolling import Enrolling
from facematch.server.people.importing import Importing
from facematch.server.people.publication import Publication
from facematch.server.people.store import UNSEEN, PeopleStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime, timedelta

    from facematch.faces.tolerance import MatchRules
    from facematch.server.gallery.enrollment import Enrollment
    from facematch.server.storage.database import Database


class People:
    """See the module.

    Args:
        database: of the event log, opened with it.
        enrollment: examines photos.
        upload_limit: bytes of a photo.
        unseen: how long a person without `delete_at` is kept who is not seen.
        monotonic: seconds; injected by tests.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        enrollment: Enrollment,
        upload_limit: int,
        *,
        unseen: timedelta = UNSEEN,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.store = PeopleStore(database, unseen)
        self.changes = PeopleChanges(database, self._changed, now)
        self.current = CurrentGallery(self.store)
        self.publication = Publication(self.current, monotonic=monotonic)
        self.enrollment = enrollment
        self.enrolling = Enrolling(enrollment, self.changes, self.store, self.current, now)
        self._upload_limit = upload_limit
        self._now = now

    def gallery_version(self) -> int:
        """That recognizers can have now."""
        return self.publication.latest.version

    def compared(self) -> int:
        """How many people recognizers can have now."""
        return len(self.publication.latest.gallery)

    def routes(self, rules: MatchRules) -> APIRouter:
        """All of this domain; `rules` are those that recognizers keep to."""
        router = APIRouter()
        importing = Importing(self.enrolling, self.store, self.changes)
        bounds = (self._upload_limit, self._now)
        for part in (
            transfer_routes.routes(self.enrollment, importing, self.store, self.publication, bounds),
            routes.routes(self.store, self.changes, routes.Compared(self.current, rules), self._now),
            photo_routes.routes(self.enrollment, self.enrolling, self.store, self.changes, self._upload_limit),
            gallery_routes.routes(self.publication),
        ):
            router.routes.extend(part.routes)
        return router

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish the gallery while the database is open."""
        await self.publication.open()
        async with meanwhile(("gallery", self.publication.run())):
            try:
                yield
            finally:
                self.publication.stop()

    def _changed(self, change: Change) -> None:
        self.current.note(change)
        self.publication.changed()
