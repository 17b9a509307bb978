"""Removing what is kept here of a participant, of a reference or of a person, and looking whether it has gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facematch.protocol.snapshot_names import may_show

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from facematch.server.alarms.store import AlarmStore
    from facematch.server.events.purge import Records, Subject
    from facematch.server.events.service import Feed
    from facematch.server.gallery.enrollment import Enrollment
    from facematch.server.identity.bindings import Bindings
    from facematch.server.identity.store import IdentityStore
    from facematch.server.people.changes import PeopleChanges
    from facematch.server.presence.store import PresenceStore
    from facematch.server.privacy.retention import Retention
    from facematch.server.recognizers.anchors import Anchors
    from facematch.server.snapshots.storage import SnapshotStorage
    from facematch.server.unknowns.store import UnknownFaces


@dataclass(frozen=True, slots=True)
class Found:
    """What there was."""

    events: int
    snapshots: int
    bindings: int
    trouble: str | None
    """Why it is not known to be gone; None: it was looked through again, and nothing is left."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Which snapshots without an event in the log are of the subject as well."""

    written_until: float
    """Wall-clock seconds: a participant's that were written until then, judged by their name."""
    turned_away: Collection[str]
    """Those whose events came too late to be kept, or never."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is held of what happened."""

    records: Records
    presence: PresenceStore
    identity: IdentityStore
    """Derived from them."""
    bindings: Bindings
    """Of participants to people."""
    anchors: Anchors
    """What recognizers hand on of participants."""
    unknown: UnknownFaces
    alarms: AlarmStore


class Removal:
    """Removes from where this process keeps things.

    Args:
        stored: events, and what was derived from them.
        folder: the snapshots.
        retention: owns the lock under which anything is removed.
        feed: where events are on their way in, and out to listeners.
        enrollment: of the reference.
        people: where people are changed.
    """

    def __init__(
        self,
        stored: Stored,
        folder: SnapshotStorage,
        retention: Retention,
        feed: Feed,
        enrollment: Enrollment,
        people: PeopleChanges,
    ) -> None:
        self._records = stored.records
        self._presence = stored.presence
        self._identity = stored.identity
        self._bindings = stored.bindings
        self._anchors = stored.anchors
        self._unknown = stored.unknown
        self._alarms = stored.alarms
        self._folder = folder
        self._retention = retention
        self._feed = feed
        self._enrollment = enrollment
        self._people = people

    async def photo(self, reference_id: str, enrolled_until: datetime | None = None) -> bool:
        """Remove the reference of this id, if it was there at that time already (None: whenever).

        Returns:
            Whether there is none now.

        Raises:
            OSError: it could not be removed.
        """
        return await self._enrollment.remove(reference_id, enrolled_until)

    async def person(self, subject: Subject) -> tuple[int, int]:
        """Remove people who are one, with their photos and embeddings. Those who are not there are no matter.

        Returns:
            How many photos there were, and how many participants were bound to them: they are told to be unbound.

        Raises:
            LogUnavailableError: they are not known to be removed.
        """
        bound = await self._bindings.release(subject.people)
        await self._unknown.forget_people(subject.people)
        return await self._people.erase(subject.people), bound

    def forget(self, subject: Subject) -> None:
        """Drop what only the memory of this process has."""
        if subject.kind == "participant":
            self._anchors.erase(subject.id)

    async def traces(self, subject: Subject, until: datetime | None, leftovers: Leftovers) -> Found:
        """Remove events and snapshots, and look whether they have gone.

        Events of the subject that come from now on have to be turned away; those that were taken before are in the
        log first. What comes into it meanwhile is of a later time, or is removed by the next call.

        Args:
            subject: whose.
            until: only what happened until then, says its sender; None: everything.
            leftovers: snapshots that the log does not speak of.

        Raises:
            OSError: they could not be removed.
        """
        await self._feed.writer.settled()
        self.forget(subject)
        if subject.kind == "participant":
            await self._unknown.forget(subject.id)
        async with self._retention.lock:
            latest = await self._records.latest()
            removed = await self._records.remove_of(subject, until=until)
            await self._presence.erase(subject, until)
            await self._alarms.erase(subject, until)
            bound = await self._identity.erase(subject, until)
            self._retention.forget(removed.snapshots)
            self._feed.hub.forget(removed.cursors)
            names = removed.snapshots | await self._without_event(subject, leftovers)
            count = await self._folder.remove(names)
            try:
                stays = (
                    await self._folder.holds(names)
                    or await self._records.holds(subject, latest, until)
                    or await self._presence.holds(subject, latest, until)
                    or await self._identity.holds(subject, latest, until)
                    or await self._alarms.holds(subject, latest, until)
                )
                trouble = "something is still there" if stays else None
            except OSError as error:
                trouble = error.strerror or str(error)
        return Found(removed.events, count, bound, trouble)

    async def review(self) -> None:
        """Another process has removed something: nobody is sent it for whom it still waits here."""
        await self._feed.review()

    async def wipe(self) -> bool:
        """See `Records.wipe`."""
        return await self._records.wipe()

    async def _without_event(self, subject: Subject, leftovers: Leftovers) -> frozenset[str]:
        """Snapshots whose event is not in the log, and will not be: it was removed before it was delivered.

        Names do not tell who it is beyond doubt, but an event in the log would. Of which reference it came, they do
        not tell at all: if its event was turned away, that is known; else retention removes it as soon as it is
        certain that no event will speak of it.
        """
        files = await self._folder.files()
        names = files.keys() & set(leftovers.turned_away)
        if subject.kind == "participant":
            names |= {
                name
                for name, file in files.items()
                if may_show(name, subject.id) and file.written_at <= leftovers.written_until
            }
        return frozenset(names - await self._records.named(names))
