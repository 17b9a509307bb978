"""What stands in the database of who watches what: on SQLite and on PostgreSQL, with one web process and several."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from facematch.runtime.clock import wall_clock
from facematch.server.assignment.book import MemoryBook, Ruling, book_of
from facematch.server.assignment.reconciling import REPLACED, answer
from facematch.server.assignment.store import arrivals_after
from facematch.server.storage.database import Database, is_sqlite
from facematch.server.storage.migrate import migrate
from facematch.server.storage.schema import workers
from tests.rig.event_logs import new_database
from tests.rig.fleet import FakeWorker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.beat import Beat
    from facematch.server.assignment.book import Book
    from facematch.server.assignment.reconciling import Outcome
    from tests.rig.postgres import Postgres

ROOMS = [f"exam-{number}" for number in range(8)]


class Kept:
    """A book in a database, a clock for it, and workers that beat into it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = 1000.0
        self.book: Book = book_of(database, lambda: self.now)
        self.refusal: str | None = None

    async def beat(self, worker: FakeWorker, *, judges: bool = True, beat: Beat | None = None) -> Outcome:
        told = beat or worker.beat(wall_clock())
        outcome, rooms = await self.book.take(told, Ruling(judges, self.refusal))
        worker.hear(() if outcome.refused else answer(told, rooms))
        return outcome

    async def silence(self, seconds: float, *names: str) -> None:
        """Somebody has not been heard of for so long."""
        if isinstance(self.book, MemoryBook):
            self.now += seconds
            return
        earlier = sa.func.clock_timestamp() - timedelta(seconds=seconds)
        await self.database.execute(sa.update(workers).where(workers.c.name.in_(names)).values(beat=earlier))

    async def arrivals(self, room: str) -> list[int]:
        async def work(connection: AsyncConnection) -> list[int]:
            return sorted(epoch for _, epoch, _ in await arrivals_after(connection, [(room, 0)]))

        return await self.database.read(work)


@asynccontextmanager
async def kept_in(url: str) -> AsyncIterator[Kept]:
    database = Database(url)
    database.open()
    kept = Kept(database)
    try:
        await kept.book.open()
        yield kept
    finally:
        await kept.book.aclose()
        await database.aclose()


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[Kept]:
    await migrate(database_url)
    async with kept_in(database_url) as found:
        yield found


async def test_rooms_come_to_a_worker_and_stand_there_after_a_restart(kept: Kept, database_url: str) -> None:
    found = await kept.book.found(ROOMS, whole=True)
    assert found.come == (*ROOMS,)
    worker = FakeWorker("a")
    assert not (await kept.beat(worker)).claims
    assert {move.reason for move in (await kept.beat(worker)).claims} == {"unwatched"}
    assert worker.holds == dict.fromkeys(ROOMS, 1)
    assert [room.name for room in (await kept.beat(worker)).arrivals] == ROOMS
    assert await kept.arrivals("exam-3") == [1]
    deployment = await kept.book.open()
    async with kept_in(database_url) as again:
        assert await again.book.open() == deployment
        await again.beat(worker)
        assert worker.holds == dict.fromkeys(ROOMS, 1), "nobody is disturbed by a restart of the web process"


async def test_nothing_is_written_twice_and_a_room_that_comes_back_has_a_later_epoch(kept: Kept) -> None:
    worker = FakeWorker("a")
    await kept.book.found(ROOMS[:2], whole=True)
    assert await kept.book.found(ROOMS[:2], whole=True) == type(await kept.book.found(ROOMS[:2], whole=True))()
    await kept.beat(worker)
    await kept.beat(worker)
    assert (await kept.book.found(ROOMS[:1], whole=True)).gone == (ROOMS[1],)
    await kept.beat(worker)
    assert worker.holds == {ROOMS[0]: 1}
    assert (await kept.book.found(ROOMS[1:2], whole=False)).come == (ROOMS[1],)
    await kept.beat(worker)
    assert worker.holds == {ROOMS[0]: 1, ROOMS[1]: 2}
    await kept.book.forget()
    assert set((await kept.book.standing()).rooms) == {*ROOMS[:2]}


async def test_a_room_that_was_deleted_is_gone_at_once(kept: Kept) -> None:
    worker = FakeWorker("a")
    await kept.book.found(ROOMS[:2], whole=True)
    for _ in range(3):
        await kept.beat(worker)
    worker.ended = {ROOMS[0]: "ROOM_DELETED", ROOMS[1]: "PARTICIPANT_REMOVED"}
    await kept.beat(worker)
    assert worker.holds == {ROOMS[1]: 2}, "a stay that is over begins anew, in a room that is there"
    assert set((await kept.book.standing()).rooms) == {ROOMS[1]}


async def test_the_rooms_of_the_dead_come_to_others_and_what_they_say_then_is_not_believed(kept: Kept) -> None:
    a, b = FakeWorker("a"), FakeWorker("b")
    await kept.book.found(ROOMS, whole=True)
    for _ in range(3):
        await kept.beat(a)
        await kept.beat(b)
    lost = set(a.holds)
    assert lost
    await kept.silence(3.5, "a")
    await kept.beat(b, judges=False)
    assert not lost & set(b.holds), "who was away itself takes nobody for dead"
    outcome = await kept.beat(b)
    assert {move.room.name for move in outcome.claims} == lost
    assert {move.reason for move in outcome.claims} == {"silent"}
    await kept.beat(b)
    await kept.beat(a)  # it was frozen, and wakes
    assert a.holds == {}
    assert all(b.holds[room] == 2 for room in lost)


async def test_a_worker_that_begins_again_has_nothing_and_its_former_self_is_sent_away(kept: Kept) -> None:
    worker = FakeWorker("a")
    await kept.book.found(ROOMS[:2], whole=True)
    for _ in range(3):
        await kept.beat(worker)
    former = worker.beat(wall_clock())
    worker.restart()
    assert {move.reason for move in (await kept.beat(worker)).freed} == {"restarted"}
    await kept.beat(worker)
    assert worker.holds == dict.fromkeys(ROOMS[:2], 2)
    assert (await kept.beat(FakeWorker("x"), beat=former)).refused == REPLACED
    assert worker.holds == dict.fromkeys(ROOMS[:2], 2)


async def test_a_beat_that_was_overtaken_changes_nothing(kept: Kept) -> None:
    worker = FakeWorker("a")
    await kept.book.found(ROOMS[:2], whole=True)
    await kept.beat(worker)
    late = worker.beat(wall_clock() - timedelta(seconds=1))
    await kept.beat(worker)
    await kept.beat(worker)
    outcome = await kept.beat(FakeWorker("a"), beat=late)
    assert (outcome.heard, outcome.freed, outcome.claims) == (None, (), ())


async def test_who_is_refused_has_no_room(kept: Kept) -> None:
    worker = FakeWorker("a")
    await kept.book.found(ROOMS[:2], whole=True)
    for _ in range(3):
        await kept.beat(worker)
    kept.refusal = "CONSENT differs"
    assert {move.reason for move in (await kept.beat(worker)).freed} == {"refused"}
    assert worker.holds == {}
    assert not (await kept.beat(worker)).claims


async def test_one_that_ends_leaves_each_room_when_the_next_is_there(kept: Kept) -> None:
    a, b = FakeWorker("a"), FakeWorker("b")
    await kept.book.found(ROOMS, whole=True)
    for _ in range(3):
        await kept.beat(a)
    a.draining = True
    await kept.beat(a)
    assert a.holds, "nobody else is there"
    await kept.beat(b)
    await kept.beat(b)
    await kept.beat(a)
    assert set(a.holds) == set(b.holds) == set(ROOMS), "the next one is on its way"
    await kept.beat(b)
    await kept.beat(a)
    assert (a.holds, len(b.holds)) == ({}, len(ROOMS))


async def test_beats_of_many_at_several_web_processes_give_each_room_to_one(tmp_path: Path, postgres: Postgres) -> None:
    url = await new_database("postgresql", tmp_path, postgres)
    await migrate(url)
    fleet = [FakeWorker(name) for name in "abcdef"]
    rooms = [f"room-{number}" for number in range(60)]
    given: Counter[tuple[str, int]] = Counter()
    async with AsyncExitStack() as stack:
        served = [await stack.enter_async_context(kept_in(url)) for _ in range(3)]
        await asyncio.gather(*(one.book.found(rooms, whole=True) for one in served))
        for second in range(12):
            if second == 6:
                fleet.pop()  # killed
                await served[0].silence(4, "f")
            outcomes = await asyncio.gather(
                *(served[(number + second) % 3].beat(worker) for number, worker in enumerate(fleet))
            )
            given.update((move.room.name, move.room.epoch) for outcome in outcomes for move in outcome.claims)
            held = Counter(room for worker in fleet for room, epoch in worker.holds.items())
            standing = (await served[0].book.standing()).rooms
            assert all(
                standing[room].owner == worker.name
                for worker in fleet
                for room, epoch in worker.holds.items()
                if standing[room].epoch == epoch
            )
        assert max(given.values()) == 1, "no epoch of a room was given twice"
        assert held == dict.fromkeys(rooms, 1)
        assert all(9 <= len(worker.holds) <= 16 for worker in fleet)


async def test_beats_take_no_more_connections_than_the_docs_say(tmp_path: Path, postgres: Postgres) -> None:
    url = await new_database("postgresql", tmp_path, postgres)
    await migrate(url)
    async with kept_in(url) as kept:
        asking = [kept.beat(FakeWorker(f"w{number}")) for number in range(10)]
        await asyncio.gather(*asking, *(kept.book.standing() for _ in range(10)))
        others = sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        async def count(connection: AsyncConnection) -> int:
            return int((await connection.execute(others)).scalar_one())

        assert await kept.database.read(count) == 2


async def test_a_room_that_another_web_process_is_giving_away_is_left_alone(tmp_path: Path, postgres: Postgres) -> None:
    """Nobody waits for a lock: the beat is answered at once, without that room."""
    url = await new_database("postgresql", tmp_path, postgres)
    await migrate(url)
    async with kept_in(url) as kept:
        await kept.book.found(ROOMS, whole=True)
        worker = FakeWorker("a")
        await kept.beat(worker)
        locked, over = asyncio.Event(), asyncio.Event()

        async def hold(connection: AsyncConnection) -> None:
            await connection.execute(sa.text("SELECT 1 FROM rooms WHERE room = 'exam-3' FOR UPDATE"))
            locked.set()
            await over.wait()

        holding = asyncio.create_task(kept.database.write(hold))
        await locked.wait()
        await kept.beat(worker)
        over.set()
        await holding
        assert set(worker.holds) == {*ROOMS} - {"exam-3"}
        await kept.beat(worker)
        assert set(worker.holds) == {*ROOMS}


def test_the_book_is_that_of_the_database(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    assert is_sqlite(url)
    assert isinstance(book_of(Database(url)), MemoryBook)
