"""What the database promises: one order for writers and readers, tables that fit, words that give nothing away."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from facematch.server.storage import database as module
from facematch.server.storage.database import Database, make_engine, sqlite_url
from facematch.server.storage.errors import LogUnavailableError, UnstorableError
from facematch.server.storage.migrate import SchemaTooNewError, migrate
from facematch.server.storage.schema import metadata, position
from facematch.server.storage.sqlite import LOCKED_SECONDS
from tests.rig.event_logs import check, cursors, new_database, opened, stored
from tests.rig.ports import free_tcp_port
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.events.log import EventLog
    from tests.rig.postgres import Postgres


async def test_what_is_stored_is_there_after_a_restart(database_url: str) -> None:
    async with opened(database_url) as log:
        before = await stored(log, *(check(source="a", seq=n) for n in range(1, 4)))
    async with opened(database_url) as log:
        assert list(await log.after(0, 10)) == before
        assert (await log.latest(), await log.count()) == (before[-1].cursor, 3)
        assert await log.is_whole()
        [after] = await stored(log, check())
        assert after.cursor == before[-1].cursor + 1


async def test_several_writers_and_a_reader_agree_on_one_order(database_url: str) -> None:
    """A reader that has seen a position never finds an event before it later: it would miss it."""
    writers, batches = 4, 25
    done = asyncio.Event()

    async def write(log: EventLog, which: int) -> None:
        for n in range(batches):
            await _until_stored(log, which, n)

    async def follow(log: EventLog) -> list[int]:
        seen: list[int] = []
        while True:
            last = done.is_set()
            page = await log.after(seen[-1] if seen else 0, 7)
            seen += cursors(page)
            if last and not page:
                return seen

    async with AsyncExitStack() as open_logs:  # all of them before the first writes: to open one takes the lock, too
        logs = [await open_logs.enter_async_context(opened(database_url)) for _ in range(writers + 1)]
        reader = asyncio.create_task(follow(logs[-1]))
        await asyncio.gather(*(write(logs[which], which) for which in range(writers)))
        done.set()
        seen = await reader
    async with opened(database_url) as log:
        everything = await log.after(0, 1000)
    assert seen == cursors(everything) == list(range(seen[0], seen[0] + writers * batches * 2))
    for which in range(writers):
        own = [json.loads(entry.text)["seq"] for entry in everything if f'"source":"{which}"' in entry.text]
        assert own == list(range(1, batches * 2 + 1))


async def _until_stored(log: EventLog, which: int, n: int) -> None:
    pair = [check(source=str(which), seq=2 * n + 1), check(source=str(which), seq=2 * n + 2)]
    while True:
        try:
            await log.append(pair)
        except LogUnavailableError:  # SQLite's lock is not fair: the sender tries again
            continue
        return


async def test_the_tables_are_those_that_the_migrations_make(database_url: str) -> None:
    await migrate(database_url)
    await migrate(database_url)
    engine = make_engine(database_url, writes=False, connections=1)

    def compare(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        differences = await connection.run_sync(compare)
    await engine.dispose()
    comments = [difference for difference in differences if "comment" not in str(difference)]
    assert comments == []


async def test_processes_that_start_together_make_the_tables_once(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    async with opened(database_url) as log:
        await stored(log, check())


async def test_a_process_waits_while_another_one_makes_the_file(tmp_path: Path) -> None:
    """Before there is a write-ahead log, looking needs the lock that the other one holds, on a slow disk for long."""
    url = sqlite_url(tmp_path / "events.db")
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE begun (number INTEGER)")
        migrating = asyncio.create_task(migrate(url))
        await asyncio.wait([migrating], timeout=LOCKED_SECONDS * 2)  # what is tested: that it does not give up
        assert not migrating.done()
        other.execute("ROLLBACK")
        await migrating
    finally:
        other.close()
    async with opened(url) as log:
        await stored(log, check())


async def test_events_of_an_older_version_get_their_reference_as_a_column(database_url: str) -> None:
    await migrate(database_url)
    async with opened(database_url) as log:
        await stored(log, check(reference_id="abc"), check(reference_id=None), check(participant_name="a\x00b"))
    for step in BACK_TO_0003:
        await _run(database_url, step)
    await migrate(database_url)
    assert await _run(database_url, "SELECT reference_id FROM events ORDER BY cursor") == [("abc",), (None,), (None,)]


TABLES_SINCE = (
    "gallery",
    "people",
    "photos",
    "erased_photos",
    "event_people",
    "presence",
    "daily_figures",
    "bindings",
    "identity_state",
    "verdicts",
    "not_compared",
    "leases",
    "heartbeats",
    "unknown_faces",
    "deployment",
    "workers",
    "rooms",
    "room_arrivals",
    "erasing",
    "turned_away",
    "erasure_confirmations",
    "alarms",
    "tries",
    "looks",
    "replicas",
    "expulsions",
)
BACK_TO_0003 = (
    *(f"DROP TABLE {table}" for table in TABLES_SINCE),
    "ALTER TABLE webhooks DROP COLUMN progress",
    "ALTER TABLE sessions DROP COLUMN person_id",
    "ALTER TABLE sessions DROP COLUMN name",
    "ALTER TABLE log_position DROP COLUMN folded",
    "ALTER TABLE log_position DROP COLUMN erased",
    "DROP INDEX ix_events_reference_id",
    "ALTER TABLE events DROP COLUMN reference_id",
    "ALTER TABLE erasures RENAME COLUMN subject TO participant_identity",
    "UPDATE alembic_version SET version_num = '0003'",
)
"""By hand: nobody else goes back."""


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    await migrate(database_url)
    await _run(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNewError, match=r"newer version of Face Match \(schema 9999\)"):
        await migrate(database_url)
    with pytest.raises(SchemaTooNewError):
        async with opened(database_url):
            pass


async def test_a_value_that_does_not_fit_is_told_from_a_database_that_is_away(database_url: str) -> None:
    async with opened(database_url) as log:
        huge = check().model_copy(update={"seq": 10**30})
        with pytest.raises(UnstorableError):
            await log.append([check(), huge])
        assert await log.count() == 0
        await stored(log, check())


async def test_a_log_that_is_not_open_says_so(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))

    async def nothing(_: AsyncConnection) -> None: ...

    with pytest.raises(LogUnavailableError, match="not open"):
        await database.read(nothing)
    await database.aclose()


async def test_a_server_that_is_away_is_not_named_and_nor_is_its_password() -> None:
    url = f"postgresql+asyncpg://me:hunter2@127.0.0.1:{free_tcp_port()}/x"
    with pytest.raises(LogUnavailableError) as failed:
        await migrate(url)
    assert "hunter2" not in str(failed.value)
    assert "refused" in str(failed.value).lower()


async def test_a_file_that_another_process_has_locked(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "events.db")
    async with opened(url) as log:
        [entry] = await stored(log, check())
        other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LogUnavailableError, match="locked"):
                await log.append([check()])
            with pytest.raises(LogUnavailableError, match="locked"):
                await log.check()
            assert list(await log.after(0, 10)) == [entry]  # readers do not wait
            other.execute("ROLLBACK")
        finally:
            other.close()
        await stored(log, check())
        await log.check()


async def test_sqlite_is_set_up_to_survive_a_power_cut(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "events.db")
    await migrate(url)
    for writes in (True, False):
        engine = make_engine(url, writes=writes, connections=1)
        async with engine.connect() as connection:
            assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
            assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar() == 2
        await engine.dispose()


async def test_closing_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    async with opened(sqlite_url(tmp_path / "events.db")) as log:
        await asyncio.gather(*(log.after(0, 10) for _ in range(20)), log.append([check()]))
    async with asyncio.timeout(5):
        while threading.active_count() > before + 1:  # noqa: ASYNC110  (asyncio's own pool may have grown by one)
            await asyncio.sleep(0.01)


async def test_a_transaction_that_waits_for_something_else_is_undone_and_says_so(tmp_path: Path) -> None:
    async with opened(url := sqlite_url(tmp_path / "events.db")):
        database = Database(url)
        database.open()

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(sa.text("UPDATE log_position SET kept = 7"))
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="waits for nothing but its connection"):
            await database.write(work)
        assert await database.rows(sa.select(position.c.kept)) == [(0,)]
        await database.aclose()


async def test_who_finds_no_connection_free_in_time_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLACE_SECONDS", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    async def hold(_: AsyncConnection) -> None:
        begun.set()
        go_on.wait(20)

    database = Database(sqlite_url(tmp_path / "events.db"))
    database.open()
    try:
        holding = asyncio.create_task(database.write(hold))
        assert await asyncio.to_thread(begun.wait, 20)
        with pytest.raises(LogUnavailableError, match="TimeoutError"):
            await database.write(hold)
        assert await database.rows(sa.select(sa.literal(1))) == [(1,)]  # readers have their own
        go_on.set()
        await holding
    finally:
        go_on.set()
        await database.aclose()


async def test_a_connection_that_the_server_has_ended_costs_no_request(postgres: Postgres, tmp_path: Path) -> None:
    database = Database(await new_database("postgresql", tmp_path, postgres))
    database.open()

    async def own(connection: AsyncConnection) -> int:
        pid: int = (await connection.execute(sa.select(sa.func.pg_backend_pid()))).scalar_one()
        return pid

    try:
        pid = await database.write(own)
        assert database.is_its_own(pid)
        await database.rows(sa.select(sa.func.pg_terminate_backend(pid)))
        await wait_until_true(lambda: not database.is_its_own(pid), within=20, what="it is known to have ended")
        assert await database.write(own) != pid
    finally:
        await database.aclose()


async def _run(url: str, statement: str) -> list[tuple[object, ...]]:
    """What a statement finds."""
    engine = make_engine(url, writes=True, connections=1)
    async with engine.begin() as connection:
        result = await connection.execute(sa.text(statement))
        found = [tuple(row) for row in result] if result.returns_rows else []
    await engine.dispose()
    return found
