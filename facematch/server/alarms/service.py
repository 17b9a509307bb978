"""Alarms put together, as they are asked for and answered over HTTP. What raises them is the log's: `fold`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.server.alarms import routes
from facematch.server.alarms.answering import Answering
from facematch.server.alarms.store import AlarmStore
from facematch.server.calibration.verdicts import Verdicts

if TYPE_CHECKING:
    from fastapi import APIRouter

    from facematch.server.events.writer import Writer
    from facematch.server.storage.database import Database


class Alarms:
    """See the module.

    Args:
        database: of the event log, opened with it.
        writer: of the event log.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._store = AlarmStore(database)
        self._answering = Answering(self._store, writer, Verdicts(database))

    def routes(self) -> APIRouter:
        """See `alarms.routes`."""
        return routes.routes(self._store, self._answering)
