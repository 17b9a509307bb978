"""Everything held about a participant, as a zip that is written while it is sent: for their right to see it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Final

from facematch.server.events.purge import Subject
from facematch.server.people.zip_parts import Sink, entry, rows_of, text_of_json
from facematch.server.storage.schema import metadata, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from facematch.server.events.purge import Records
    from facematch.server.snapshots.storage import SnapshotStorage
    from facematch.server.storage.database import Database

AT_ONCE: Final = 500
"""Events of one question to the database."""

TABLES: Final = [table for table in metadata.sorted_tables if "identity" in table.c]
"""Those that say something of participants, besides the events."""


class ParticipantExport:
    """See the module.

    Args:
        database: of the event log.
        records: its events.
        folder: the snapshots.
    """

    def __init__(self, database: Database, records: Records, folder: SnapshotStorage) -> None:
        self._database = database
        self._records = records
        self.snapshot = folder.read

    async def parts(self, identity: str, now: datetime) -> AsyncIterator[bytes]:
        """A file for each table that knows them, their events, and the snapshots of these.

        Raises:
            OSError: the database is away; what was sent until then is no whole zip.
        """
        sink = Sink()
        with zipfile.ZipFile(sink, "w") as archive:
            about = {"identity": identity, "exported_at": now.isoformat()}
            archive.writestr(entry("participant.json", now), text_of_json(about))
            for table in TABLES:
                rows = await rows_of(self._database, table, table.c.identity == text_of(identity))
                archive.writestr(entry(f"{table.name}.json", now), text_of_json(rows))
                yield sink.taken()
            after, number, shown = 0, 0, set[str]()
            while found := await self._records.bodies_of(Subject("participant", identity), after, AT_ONCE):
                after, number = found[-1][0], number + 1
                bodies = ",\n".join(body for _, body, _ in found)
                archive.writestr(entry(f"events-{number}.json", now), f"[{bodies}]\n")
                yield sink.taken()
                for name in sorted({name for _, _, name in found if name} - shown):
                    shown.add(name)
                    if (picture := await self.snapshot(name)) is not None:
                        archive.writestr(entry(f"snapshots/{name}", now), picture.data)
                        yield sink.taken()
        yield sink.taken()
