"""Heartbeats that came to other web processes, read from PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.recognizers.registry import Recognizers
from facematch.server.recognizers.sharing import SharedHeartbeats
from facematch.server.storage.database import Database
from facematch.server.storage.migrate import migrate
from facematch.server.storage.schema import heartbeats
from tests.rig.event_logs import new_database
from tests.rig.heartbeats import heartbeat_body

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.postgres import Postgres


async def test_one_that_cannot_be_read_stops_nobody_else_s(postgres: Postgres, tmp_path: Path) -> None:
    """Of a newer version, and silent since."""
    url = await new_database("postgresql", tmp_path, postgres)
    await migrate(url)
    database, recognizers = Database(url), Recognizers()
    database.open()
    try:
        shared = SharedHeartbeats(database, recognizers)
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        stranger = {"room": "r", "source": "s", "body": "{}", "first_at": long_ago, "at": long_ago, "names": True}
        await database.execute(sa.insert(heartbeats).values(stranger))
        told = Heartbeat.model_validate(heartbeat_body())
        await shared.tell(told)
        for _ in range(2):
            await shared.refresh()
        assert [heartbeat.source for heartbeat, _ in recognizers.all()] == [told.source]
    finally:
        await database.aclose()
