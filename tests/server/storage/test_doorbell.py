"""What one process rings for, the others look at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from facematch.server.storage import doorbell as module
from facematch.server.storage.bell import Bell, ring
from facematch.server.storage.database import Database, make_engine
from facematch.server.storage.doorbell import Doorbell
from facematch.server.storage.postgres import IDLE_IN_TRANSACTION_SECONDS, SERVER_SETTINGS
from tests.rig.event_logs import new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tests.rig.postgres import Postgres

OTHERS_END = (
    "pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def database_of(postgres: Postgres, folder: Path) -> AsyncIterator[Database]:
    made = Database(await new_database("postgresql", folder, postgres))
    made.open()
    try:
        yield made
    finally:
        await made.aclose()


class Heard:
    """Counts what rings."""

    def __init__(self, bell: Doorbell, *bells: Bell) -> None:
        self.times = dict.fromkeys(bells, 0)
        self._news = asyncio.Event()
        for one in bells:
            bell.answered_by(one, lambda one=one: self._note(one))  # type: ignore[misc]

    async def until(self, bell: Bell, times: int) -> None:
        async with asyncio.timeout(20):
            while self.times[bell] < times:
                self._news.clear()
                await self._news.wait()

    def _note(self, bell: Bell) -> None:
        self.times[bell] += 1
        self._news.set()


async def test_a_bell_is_heard_when_its_transaction_is_committed_and_not_before(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600)

    async def rolled_back(connection: AsyncConnection) -> None:
        await ring(connection, Bell.LOGINS)
        raise LookupError

    async with database_of(postgres, tmp_path) as database:
        doorbell = Doorbell(database.url)
        heard = Heard(doorbell, Bell.LOG, Bell.LOGINS)
        async with doorbell.running():
            await heard.until(Bell.LOG, 1)  # at the beginning: whatever was missed
            with pytest.raises(LookupError):
                await database.write(rolled_back)
            await database.write(lambda connection: ring(connection, Bell.LOG))
            await heard.until(Bell.LOG, 2)
    assert heard.times == {Bell.LOG: 2, Bell.LOGINS: 1}


async def test_what_is_known_already_is_not_looked_at(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600)
    async with database_of(postgres, tmp_path) as own:
        other = Database(own.url)
        other.open()
        doorbell = Doorbell(own.url, lambda bell, pid: bell is Bell.LOG and own.is_its_own(pid))
        heard = Heard(doorbell, Bell.LOG, Bell.LOGINS)
        async with doorbell.running():
            await heard.until(Bell.LOGINS, 1)
            await own.write(lambda connection: ring(connection, Bell.LOG))
            await own.write(lambda connection: ring(connection, Bell.LOGINS))
            await heard.until(Bell.LOGINS, 2)  # bells come in the order in which they were rung
            assert heard.times[Bell.LOG] == 1
            await other.write(lambda connection: ring(connection, Bell.LOG))
            await heard.until(Bell.LOG, 2)
        await other.aclose()
    assert heard.times == {Bell.LOG: 2, Bell.LOGINS: 2}


async def test_a_connection_that_is_lost_is_made_anew_and_everybody_looks(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600)
    monkeypatch.setattr(module, "PROBE_SECONDS", 2)
    async with database_of(postgres, tmp_path) as database:
        doorbell = Doorbell(database.url)
        heard = Heard(doorbell, Bell.LOG)
        async with doorbell.running():
            await heard.until(Bell.LOG, 1)
            await database.rows(sa.select(sa.text(OTHERS_END)))
            await heard.until(Bell.LOG, 2)
            await database.write(lambda connection: ring(connection, Bell.LOG))
            await heard.until(Bell.LOG, 3)


async def test_without_a_bell_everybody_looks_from_time_to_time(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    async with database_of(postgres, tmp_path) as database:
        doorbell = Doorbell(database.url.replace(str(postgres.port), "1"))
        heard = Heard(doorbell, Bell.ERASURES)
        async with doorbell.running():
            await heard.until(Bell.ERASURES, 3)
        assert doorbell.lag is None


async def test_what_takes_its_time_runs_once_more_for_what_rang_meanwhile(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600)
    begun, go_on, runs = asyncio.Event(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await go_on.wait()
        raise OSError("is no matter")

    async with database_of(postgres, tmp_path) as database:
        doorbell = Doorbell(database.url)
        doorbell.runs(Bell.LOG, work)
        heard = Heard(doorbell, Bell.LOG)
        async with doorbell.running(), asyncio.timeout(20):
            await begun.wait()
            for _ in range(3):
                await database.write(lambda connection: ring(connection, Bell.LOG))
            await heard.until(Bell.LOG, 4)
            begun.clear()
            go_on.set()
            await begun.wait()
    assert runs == 2


async def test_on_sqlite_nobody_listens_and_nothing_is_asked(tmp_path: Path) -> None:
    doorbell = Doorbell(await new_database("sqlite", tmp_path, None))
    before = asyncio.all_tasks()
    async with doorbell.running():
        assert asyncio.all_tasks() == before


async def test_neither_end_of_a_connection_waits_for_the_other_for_ever(postgres: Postgres, tmp_path: Path) -> None:
    """On TCP, as `ss -o` and `SHOW` tell."""
    engine = make_engine(await new_database("postgresql", tmp_path, postgres), writes=True, connections=1)
    async with engine.connect() as connection:
        for name, value in SERVER_SETTINGS.items():
            assert (await connection.execute(sa.text(f"SHOW {name}"))).scalar_one() == value, name
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        peer = raw._transport.get_extra_info("socket")
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            lost_ms = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert lost_ms == int(SERVER_SETTINGS["tcp_user_timeout"])
    await engine.dispose()
    assert IDLE_IN_TRANSACTION_SECONDS <= 5
