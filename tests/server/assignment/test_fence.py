"""What a recognizer says of a room after another has come into it is refused; what it saw before is taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from facematch.runtime.clock import wall_clock
from facematch.server.assignment.book import Ruling, book_of
from facematch.server.assignment.fence import Fence
from facematch.server.assignment.reconciling import answer
from facematch.server.events.store import SqlEventLog
from facematch.server.storage.database import Database
from facematch.server.storage.errors import OutdatedError
from tests.rig.event_logs import check
from tests.rig.fleet import FakeWorker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from facematch.server.assignment.book import Book

SOON = timedelta(seconds=5)


class Fenced:
    """A log with its fence, and a room that has had two recognizers, one after the other."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.book: Book = book_of(self.database)
        self.fence = Fence(self.book)
        self.log = SqlEventLog(self.database, self.fence)
        self.a, self.b = FakeWorker("a"), FakeWorker("b")
        self.moved_at = wall_clock()

    async def beat(self, worker: FakeWorker, at: datetime | None = None) -> None:
        told = worker.beat(at or wall_clock())
        _, rooms = await self.book.take(told, Ruling(judges=True))
        worker.hear(answer(told, rooms))

    async def move(self, clock_ahead: timedelta = timedelta(0)) -> None:
        await self.book.found(["exam-1"], whole=True)
        for _ in range(3):
            await self.beat(self.a, wall_clock() + clock_ahead)
        self.a.draining = True
        await self.beat(self.a, wall_clock() + clock_ahead)
        for _ in range(3):
            await self.beat(self.b)
        assert (self.b.holds, self.a.boot) == ({"exam-1": 2}, "a-boot-1")
        self.moved_at = wall_clock()


@pytest.fixture
async def fenced(database_url: str) -> AsyncIterator[Fenced]:
    found = Fenced(database_url)
    await found.log.open()
    await found.book.open()
    try:
        yield found
    finally:
        await found.book.aclose()
        await found.log.aclose()


async def test_what_was_seen_before_is_taken_and_what_was_seen_after_is_not(fenced: Fenced) -> None:
    await fenced.move()
    before = check(room="exam-1", epoch=1, source="a-boot-1", timestamp=fenced.moved_at - SOON)
    after = check(room="exam-1", epoch=1, source="a-boot-1", timestamp=fenced.moved_at + SOON)
    assert None not in await fenced.log.append([before])
    for _ in range(2):  # however often it is sent
        with pytest.raises(OutdatedError):
            await fenced.log.append([after])
    assert (await fenced.log.count(), fenced.fence.refused) == (1, 1)


async def test_the_one_who_is_there_and_others_are_believed(fenced: Fenced) -> None:
    await fenced.move()
    soon = fenced.moved_at + SOON
    events = [
        check(room="exam-1", epoch=2, source="b-boot-1", timestamp=soon),
        check(room="exam-2", epoch=1, source="a-boot-1", timestamp=soon),
        check(room="exam-1", source="older", timestamp=soon),
    ]
    await fenced.log.append(events)
    assert await fenced.log.count() == 3


async def test_a_clock_that_goes_ahead_is_known_from_beats(fenced: Fenced) -> None:
    hour = timedelta(hours=1)
    await fenced.move(clock_ahead=hour)
    told = fenced.moved_at + hour
    await fenced.log.append([check(room="exam-1", epoch=1, source="a-boot-1", timestamp=told - SOON)])
    with pytest.raises(OutdatedError):
        await fenced.log.append([check(room="exam-1", epoch=1, source="a-boot-1", timestamp=told + SOON)])
