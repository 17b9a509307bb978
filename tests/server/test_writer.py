"""The one way into the log: together, in order, each handed on once, whatever fails in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server import writer as writer_module
from facematch.server.gaps import Gap, Gaps
from facematch.server.log import LogUnavailableError, UnstorableError
from facematch.server.writer import TooBusyError, Writer
from tests.server.logs import check, cursors, stored
from tests.server.memory_log import MemoryEventLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facematch.events import Event
    from facematch.server.log import Entry


class ScriptedLog(MemoryEventLog):
    """Does what a test tells it to, one word for each commit; then as usual."""

    def __init__(self, *script: str) -> None:
        super().__init__()
        self.script = list(script)
        self.batches: list[int] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def append(self, events: Sequence[Event]) -> Sequence[Entry | None]:
        self.begun.set()
        await self.go_on.wait()
        self.batches.append(len(events))
        if any(event.seq == 666 for event in events):
            raise UnstorableError
        what = self.script.pop(0) if self.script else "store"
        if what == "refuse":
            raise LogUnavailableError("SQLite: database or disk is full")
        entries = await super().append(events)
        if what == "lose the answer":
            raise LogUnavailableError("connection lost")
        if what == "break":
            raise RuntimeError("a fault of ours")
        return entries


class Fixture:
    def __init__(self, log: ScriptedLog) -> None:
        self.log = log
        self.published: list[int] = []
        self.gaps = Gaps()
        self.writer = Writer(log, self._publish, self.gaps)

    def _publish(self, entry: Entry) -> int:
        self.published.append(entry.cursor)
        return 2

    async def everything(self) -> list[int]:
        return cursors(await self.log.after(0, 10_000))


async def ready(*script: str) -> Fixture:
    fixture = Fixture(ScriptedLog(*script))
    await fixture.writer.open()
    return fixture


async def test_what_arrives_during_a_commit_is_committed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "AT_ONCE", 10)
    fixture = await ready()
    fixture.log.go_on.clear()
    events = [check() for _ in range(26)]
    tasks = [asyncio.create_task(fixture.writer.store(event)) for event in events[:1]]
    await fixture.log.begun.wait()
    tasks += [asyncio.create_task(fixture.writer.store(event)) for event in events[1:]]
    await asyncio.sleep(0)
    fixture.log.go_on.set()
    assert await asyncio.gather(*tasks) == [2] * 26
    assert fixture.log.batches == [1, 10, 10, 5]
    assert fixture.published == await fixture.everything() == list(range(1, 27))


async def test_events_of_one_sender_stay_together_and_fail_together() -> None:
    fixture = await ready("refuse")
    events = [check(), check(), check()]
    with pytest.raises(LogUnavailableError):
        await fixture.writer.store(*events)
    assert await fixture.writer.store(*events) == 6
    assert await fixture.writer.store(events[1], check()) == 2
    with pytest.raises(UnstorableError):
        await fixture.writer.store(check(), check(seq=666), check())
    assert fixture.published == await fixture.everything() == [1, 2, 3, 4, 5, 6]


async def test_a_repeat_is_not_handed_on_again() -> None:
    fixture = await ready()
    event = check()
    assert await fixture.writer.store(event) == 2
    assert await fixture.writer.store(event) == 0
    assert await asyncio.gather(*(fixture.writer.store(other) for other in (check(), event, check()))) == [2, 0, 2]
    assert fixture.published == [1, 2, 3]


async def test_a_failure_is_everybody_s_and_passes() -> None:
    fixture = await ready("refuse")
    events = [check() for _ in range(3)]
    results = await asyncio.gather(*(fixture.writer.store(event) for event in events), return_exceptions=True)
    assert all(isinstance(result, LogUnavailableError) for result in results)
    assert str(fixture.writer.trouble) == "SQLite: database or disk is full"
    assert [await fixture.writer.store(event) for event in events] == [2, 2, 2]
    assert fixture.writer.trouble is None
    assert fixture.published == await fixture.everything()


@pytest.mark.parametrize("then", ["repeat", "another"])
async def test_what_was_stored_although_the_commit_failed_reaches_the_listeners(then: str) -> None:
    """Once, and in its place: as soon as the sender repeats it, or anything else is stored."""
    fixture = await ready("store", "lose the answer")
    await fixture.writer.store(check())
    event = check()
    with pytest.raises(LogUnavailableError):
        await fixture.writer.store(event)
    assert fixture.published == [1]
    assert await fixture.writer.store(event if then == "repeat" else check()) in (0, 2)
    assert await fixture.writer.store(event) == 0
    assert fixture.published == await fixture.everything()


async def test_what_another_process_stored_reaches_the_listeners() -> None:
    fixture = await ready()
    await fixture.writer.store(check())
    await stored(fixture.log, *(check() for _ in range(500)))
    await fixture.writer.store(check())
    assert fixture.published == list(range(1, 503))


async def test_what_was_there_before_the_start_is_not_handed_on() -> None:
    fixture = Fixture(ScriptedLog())
    await stored(fixture.log, check(), check())
    await fixture.writer.open()
    await fixture.writer.store(check())
    assert fixture.published == [3]


async def test_an_event_that_cannot_be_stored_harms_no_other() -> None:
    fixture = await ready()
    events = [check(seq=1), check(seq=666), check(seq=2)]
    results = await asyncio.gather(*(fixture.writer.store(event) for event in events), return_exceptions=True)
    assert [results[0], results[2]] == [2, 2]
    assert isinstance(results[1], UnstorableError)
    assert fixture.published == [1, 2]


async def test_a_fault_of_ours_is_heard_of_and_ends_nothing() -> None:
    fixture = await ready("break")
    with pytest.raises(RuntimeError):
        await fixture.writer.store(check())
    assert await fixture.writer.store(check()) == 2


async def test_a_sender_that_goes_away_takes_nobody_with_him() -> None:
    fixture = await ready()
    fixture.log.go_on.clear()
    tasks = [asyncio.create_task(fixture.writer.store(check())) for _ in range(3)]
    await fixture.log.begun.wait()
    tasks[0].cancel()
    tasks[2].cancel()
    fixture.log.go_on.set()
    assert await tasks[1] == 2
    await fixture.writer.aclose()
    assert fixture.published == [1, 2, 3]


async def test_more_than_can_be_stored_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MOST_WAITING", 5)
    fixture = await ready()
    fixture.log.go_on.clear()
    tasks = [asyncio.create_task(fixture.writer.store(check())) for _ in range(1)]
    await fixture.log.begun.wait()
    tasks += [asyncio.create_task(fixture.writer.store(check())) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(TooBusyError):
        await fixture.writer.store(check())
    with pytest.raises(TooBusyError):
        await fixture.writer.store(*(check() for _ in range(6)))
    fixture.log.go_on.set()
    assert await asyncio.gather(*tasks) == [2] * 6


async def test_closing_finishes_what_has_been_taken() -> None:
    fixture = await ready()
    fixture.log.go_on.clear()
    task = asyncio.create_task(fixture.writer.store(check()))
    await fixture.log.begun.wait()
    closing = asyncio.create_task(fixture.writer.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    fixture.log.go_on.set()
    await closing
    assert await task == 2


class TestGaps:
    async def numbered(self, fixture: Fixture, *numbers: int, **fields: Any) -> None:
        for number in numbers:
            await fixture.writer.store(check(source="a", seq=number, **fields))

    async def test_a_missing_number_is_noticed(self) -> None:
        fixture = await ready()
        await self.numbered(fixture, 1, 2, 5)
        assert fixture.gaps.latest == (Gap("a", 3, 4),)

    async def test_a_restart_is_no_gap_and_hides_none(self) -> None:
        log = ScriptedLog()
        await stored(log, *(check(source="a", seq=number) for number in (1, 2, 3)))
        fixture = Fixture(log)
        await fixture.writer.open()
        await self.numbered(fixture, 3, 4)
        assert fixture.gaps.count == 0
        await self.numbered(fixture, 6)
        assert fixture.gaps.latest == (Gap("a", 5, 5),)

    async def test_a_new_log_does_not_miss_what_an_older_one_had(self) -> None:
        fixture = await ready()
        await self.numbered(fixture, 1001, 1002)
        assert fixture.gaps.count == 0

    async def test_a_log_that_is_whole_misses_the_beginning_of_a_source(self) -> None:
        log = ScriptedLog()
        await stored(log, check(source="older", seq=1))
        fixture = Fixture(log)
        await fixture.writer.open()
        await self.numbered(fixture, 3)
        assert fixture.gaps.latest == (Gap("a", 1, 2),)

    async def test_a_repeat_is_no_gap(self) -> None:
        fixture = await ready()
        event = check(source="a", seq=1)
        for _ in range(3):
            await fixture.writer.store(event)
        await self.numbered(fixture, 2)
        assert fixture.gaps.count == 0
