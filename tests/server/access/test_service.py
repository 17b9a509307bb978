"""What goes on by itself while people come and go: logins that expire, whatever the disk says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from facematch.server.access.authentication import Keys
from facematch.server.access.login import Logins
from facematch.server.access.rate_limit import RateLimit
from facematch.server.access.roles import Role
from facematch.server.access.service import sweep
from facematch.server.access.sessions import Sessions
from facematch.server.access.store import SqlSessionStore
from facematch.server.storage.database import Database
from facematch.server.storage.migrate import migrate
from tests.rig.event_logs import new_database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Listeners:
    """Takes note of who is sent away."""

    def __init__(self, owners: set[str | None]) -> None:
        self.owners = owners

    def dismiss(self, whose: Callable[[str | None], bool], _code: int, _reason: str) -> None:
        self.owners = {owner for owner in self.owners if not whose(owner)}


class FailingLogins:
    """Sweeps in vain the first time."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.again = asyncio.Event()
        self.sweeps = 0

    async def sweep(self) -> None:
        self.sweeps += 1
        if self.sweeps == 1:
            raise self.error
        self.again.set()


async def test_listeners_of_expired_logins_go_while_nothing_can_be_written(tmp_path: Path) -> None:
    class FullStore(SqlSessionStore):
        async def remove(self, *_ids: str) -> None:
            raise OSError("database or disk is full")

    url = await new_database("sqlite", tmp_path, None)
    await migrate(url)
    database = Database(url)
    database.open()
    now = datetime(2025, 9, 25, 14, tzinfo=UTC)
    sessions = Sessions(
        FullStore(database),
        keys=["admin-key-0123456789"],
        idle=timedelta(hours=1),
        longest=timedelta(days=1),
        invitation=timedelta(hours=2),
        now=lambda: now,
    )
    stale = [(await sessions.log_in(Role.VIEWER))[1].id for _ in range(2)]
    now += timedelta(minutes=50)
    _, fresh = await sessions.log_in(Role.VIEWER)
    now += timedelta(minutes=20)
    listeners = Listeners({*stale, "ended", fresh.id, None})
    logins = Logins(Keys({}), sessions, listeners.dismiss, RateLimit("logins", 5))
    with pytest.raises(OSError, match="full"):
        await logins.sweep()
    await database.aclose()
    assert listeners.owners == {fresh.id, None}


@pytest.mark.parametrize("error", [OSError("database is locked"), RuntimeError("never thought of")])
async def test_sweeping_goes_on_whatever_happens(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("facematch.server.access.service.SWEEP_SECONDS", 0)
    logins = FailingLogins(error)
    with capture_logs() as logs:
        sweeping = asyncio.create_task(sweep(logins.sweep))
        async with asyncio.timeout(5):
            await logins.again.wait()
        sweeping.cancel()
        await asyncio.wait([sweeping])
    assert [entry["log_level"] for entry in logs] == ["warning" if isinstance(error, OSError) else "error"]
