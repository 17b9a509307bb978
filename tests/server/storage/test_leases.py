"""Work that one process does at a time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest_asyncio
import sqlalchemy as sa

from facematch.server.storage import leases as module
from facematch.server.storage.database import Database
from facematch.server.storage.leases import LEASE_SECONDS, Leases
from facematch.server.storage.migrate import migrate
from facematch.server.storage.schema import leases as table
from tests.rig.event_logs import new_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

    from tests.rig.postgres import Postgres


@pytest_asyncio.fixture
async def url(postgres: Postgres, tmp_path: Path) -> str:
    """A PostgreSQL database with its tables."""
    made = await new_database("postgresql", tmp_path, postgres)
    await migrate(made)
    return made


@asynccontextmanager
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    opened.open()
    try:
        yield opened
    finally:
        await opened.aclose()


async def is_over(database: Database) -> None:
    """As if the holder had not been heard of for ten seconds."""
    gone = sa.func.clock_timestamp() - sa.text("interval '1 second'")
    await database.execute(sa.update(table).values(until=gone))


async def test_one_has_it_until_it_lets_go_or_is_not_heard_of(url: str) -> None:
    async with database(url) as shared:
        one, other = Leases(shared), Leases(shared)
        assert await one.take("work") == 1
        assert await one.take("work") == 1, "renewed, not taken"
        assert await other.take("work") is None
        assert (one.holds("work"), other.holds("work")) == (True, False)
        assert await other.take("something else") == 1

        await other.let_go("work")
        assert await other.take("work") is None, "it was not its own to give back"
        await is_over(shared)
        assert await other.take("work") == 2, "somebody else has it: another epoch"
        assert await one.take("work") is None
        assert not one.holds("work"), "it has learned so"

        await other.let_go("work")
        assert await one.take("work") == 3


async def test_several_who_try_at_once_are_not_given_it_twice(url: str) -> None:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(database(url)) for _ in range(3)]
        found = await asyncio.gather(*(Leases(one).take("work") for one in opened for _ in range(4)))
    assert sorted(epoch for epoch in found if epoch is not None) == [1]


async def test_who_has_not_renewed_stops_by_its_own_clock_before_anybody_else_may_begin(url: str) -> None:
    now = 100.0
    async with database(url) as shared:
        mine = Leases(shared, monotonic=lambda: now)
        await mine.take("work")
        now += LEASE_SECONDS - 0.5
        assert not mine.holds("work")


async def test_work_moves_to_another_and_does_not_run_twice(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.01)
    running: list[str] = []
    changed = asyncio.Event()

    def work_of(name: str) -> Callable[[int], Awaitable[None]]:
        async def work(_epoch: int) -> None:
            running.append(name)
            changed.set()
            try:
                await asyncio.Event().wait()
            finally:
                running.remove(name)
                changed.set()

        return work

    async def becomes(*names: str) -> None:
        async with asyncio.timeout(20):
            while running != list(names):
                changed.clear()
                await changed.wait()

    async with database(url) as shared:
        one, other = (
            asyncio.create_task(Leases(shared, name).while_held("work", work_of(name))) for name in ("one", "other")
        )
        async with asyncio.timeout(20):
            await changed.wait()
        first, second = (one, other) if running == ["one"] else (other, one)
        left = "other" if running == ["one"] else "one"
        first.cancel()
        await asyncio.wait([first])
        await becomes(left)

        await shared.execute(sa.update(table).values(holder="a third one"))
        await becomes()
        await is_over(shared)
        await becomes(left)
        second.cancel()
        await asyncio.wait([second])
    assert running == []


async def test_on_sqlite_the_one_process_does_everything_and_writes_nothing(tmp_path: Path) -> None:
    url = await new_database("sqlite", tmp_path, None)
    unopened = Leases(Database(url))  # whatever it asked of the database would fail
    begun: list[int] = []

    async def work(epoch: int) -> None:
        begun.append(epoch)

    assert unopened.holds("work")
    assert await unopened.take("work") == 1
    await unopened.let_go("work")
    await unopened.while_held("work", work)
    assert begun == [1]
