"""Taking an archive of people in, photo by photo, and telling of each as it is done.

It may be sent again: a photo that was taken is DUPLICATE then, and a person who was made is found again, by their id,
by a photo that is theirs, or by a name that nobody else has.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import structlog

from facematch.server.people.archive import Archive, ArchiveError, Row
from facematch.server.people.enrolling import Enrolling, Refused, Sent
from facematch.server.people.models import name_key
from facematch.server.people.refusals import NoSuchPersonError, PeopleFullError
from facematch.server.people.saying import FULL
from facematch.server.web.errors import Code

if TYPE_CHECKING:
    import zipfile
    from collections.abc import AsyncGenerator, AsyncIterator

    from facematch.server.people.changes import PeopleChanges
    from facematch.server.people.store import PeopleStore

log = structlog.get_logger(__name__)

_AMBIGUOUS = (
    "AMBIGUOUS_NAME",
    "Several people have this name, and none of these photos. Give the person's id in people.csv.",
)


@dataclass(slots=True)
class Totals:
    """What an import has come to."""

    people: int = 0
    created: int = 0
    taken: int = 0
    refused: int = 0
    duplicates: int = 0
    """Of the refused: they were there."""


@dataclass(frozen=True, slots=True)
class Import:
    """One archive, and how it is taken.

    Attributes:
        archive: what was sent.
        limit: bytes of a photo.
        dry: nothing is kept.
    """

    archive: Archive
    limit: int
    dry: bool


class Importing:
    """See the module.

    Args:
        enrolling: takes photos.
        store: where people are read.
        changes: where they are made.
    """

    def __init__(self, enrolling: Enrolling, store: PeopleStore, changes: PeopleChanges) -> None:
        self._enrolling = enrolling
        self._store = store
        self._changes = changes

    async def lines(self, wanted: Import) -> AsyncGenerator[dict[str, Any]]:
        """What is told of an import: one thing after the other, and the totals at last.

        Raises:
            ApiError, OSError: it cannot go on now; what was taken is taken.
        """
        totals, used = Totals(), set[str]()
        for skipped in wanted.archive.skipped:
            totals.refused += 1
            yield {"file": skipped.path, "ok": False, "code": skipped.code, "detail": skipped.detail}
        for row in wanted.archive.rows:
            async for line in self._person(wanted, row, totals, used):
                yield line
        log.info("People imported", dry_run=wanted.dry, **asdict(totals))
        yield {"done": True, "dry_run": wanted.dry, **asdict(totals)}

    async def _person(self, wanted: Import, row: Row, totals: Totals, used: set[str]) -> AsyncIterator[dict[str, Any]]:
        entries = wanted.archive.photos.get(row.folder, [])
        try:
            person_id, created = await self._find(wanted, row, entries, used)
        except PeopleFullError:
            person_id, created = None, (str(FULL[1]), FULL[2])
        if isinstance(created, tuple):
            totals.refused += len(entries)
            yield {"folder": row.folder, "ok": False, "code": created[0], "detail": created[1]}
            return
        totals.people += 1
        totals.created += created
        used.add(person_id or "")
        yield {"folder": row.folder, "ok": True, "person_id": person_id, "name": row.details.name, "created": created}
        for entry in entries:
            yield await self._photo(wanted, person_id, entry, totals)

    async def _photo(
        self, wanted: Import, person_id: str | None, entry: zipfile.ZipInfo, totals: Totals
    ) -> dict[str, Any]:
        line: dict[str, Any] = {"file": entry.filename, "person_id": person_id}
        try:
            data = await asyncio.to_thread(wanted.archive.read, entry, wanted.limit)
        except ArchiveError as error:
            totals.refused += 1
            return {**line, "ok": False, "code": Code.INVALID, "detail": str(error)}
        sent = Sent(data, entry.filename)
        outcome = await self._enrolling.add(person_id or "", sent, dry=wanted.dry)
        if isinstance(outcome, Refused):
            totals.refused += 1
            totals.duplicates += outcome.code == "DUPLICATE"
            return {**line, "ok": False, "code": outcome.code, "detail": outcome.detail, "whose": outcome.person_id}
        totals.taken += 1
        weak = [{"code": code, "detail": detail} for code, detail in outcome.photo.weak]
        return {**line, "ok": True, "photo_id": outcome.photo.id, "weak": weak}

    async def _find(
        self, wanted: Import, row: Row, entries: list[zipfile.ZipInfo], used: set[str]
    ) -> tuple[str | None, bool | tuple[str, str]]:
        """Whose folder it is, and whether they are new; a code and a sentence when nobody can say.

        Raises:
            PeopleFullError: there are as many people as there may be.
        """
        if row.id is not None and await self._store.person(row.id) is not None:
            return await self._changed(wanted, row, row.id), False
        for entry in entries:
            with suppress(ArchiveError):
                data = await asyncio.to_thread(wanted.archive.read, entry, wanted.limit)
                twin = await self._store.twin(hashlib.sha256(data).digest())
                if twin is not None and twin[1] not in used and await self._has_name(twin[1], row):
                    return await self._changed(wanted, row, twin[1]), False
        alike = [person.id for person in await self._store.named(row.details.name) if person.id not in used]
        if len(alike) > 1:
            return None, _AMBIGUOUS
        if alike:
            return await self._changed(wanted, row, alike[0]), False
        if wanted.dry:
            return None, True
        return (await self._changes.create(row.details)).id, True

    async def _has_name(self, person_id: str, row: Row) -> bool:
        person = await self._store.person(person_id)
        return person is not None and name_key(person.details.name) == name_key(row.details.name)

    async def _changed(self, wanted: Import, row: Row, person_id: str) -> str:
        """What people.csv says of somebody who is there already holds from now on; what it leaves out, stays."""
        person = await self._store.person(person_id)
        details = row.details.over(person.details) if person else row.details
        if person and details != person.details and not wanted.dry:
            with suppress(NoSuchPersonError):
                await self._changes.update(person_id, row.details.over)
        return person_id
