"""Rows of the web processes that are there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from facematch.server.storage.schema import replicas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

LIVES_SECONDS: Final = 20.0
"""After which one that says nothing is not there any more."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Another web process."""

    name: str
    settings: Mapping[str, str]


class ReplicaStore:
    """See the module. On SQLite there is one process, and nothing is written or read.

    Args:
        database: opened by whoever opens the event log.
        process: names this start.
    """

    def __init__(self, database: Database, process: str) -> None:
        self._database = database
        self._process = process
        self.shared = database.shared

    async def others(self, name: str, settings: Mapping[str, str]) -> Sequence[Replica]:
        """Say that this one is there, and who else is.

        Args:
            name: for people.
            settings: of this one.

        Raises:
            LogUnavailableError: it cannot be said now.
        """
        if not self.shared:
            return []
        now = sa.func.clock_timestamp()
        row = insert(replicas).values(process=self._process, name=name, settings=json.dumps(dict(settings)), at=now)
        again = row.on_conflict_do_update(index_elements=[replicas.c.process], set_={"at": row.excluded.at})
        others = sa.select(replicas.c.name, replicas.c.settings).where(replicas.c.process != self._process)

        async def work(connection: AsyncConnection) -> list[Replica]:
            await connection.execute(again)
            await connection.execute(sa.delete(replicas).where(replicas.c.at < now - timedelta(seconds=LIVES_SECONDS)))
            return [Replica(name, json.loads(text)) for name, text in await connection.execute(others)]

        return await self._database.aside(work)

    async def leave(self) -> None:
        """This one is not there any more.

        Raises:
            LogUnavailableError: it is found out by its silence.
        """
        if self.shared:
            await self._database.execute(sa.delete(replicas).where(replicas.c.process == self._process))
