"""The one way into the log: together, in order, each handed on once, whatever fails in between."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.events import gaps as gaps_module
from facematch.server.events import writer as writer_module
from facematch.server.events.gaps import Gap
from facematch.server.events.purge import Records, Subject
from facematch.server.events.store import SqlEventLog
from facematch.server.events.writer import TooBusyError
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database
from facematch.server.storage.errors import LogUnavailableError, UnstorableError
from tests.rig.event_logs import Intake, check, cursors, stored
from tests.rig.memory_log import MemoryEventLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facematch.protocol.events import Check, Event
    from facematch.server.events.log import Entry


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
        self._intake = Intake(log, self._publish)
        self.gaps, self.writer, self.open = self._intake.gaps, self._intake.writer, self._intake.open

    def _publish(self, entry: Entry) -> int:
        self.published.append(entry.cursor)
        return 2

    async def everything(self) -> list[int]:
        return cursors(await self.log.after(0, 10_000))


async def ready(*script: str) -> Fixture:
    fixture = Fixture(ScriptedLog(*script))
    await fixture.open()
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
    await fixture.open()
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
        await fixture.open()
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
        await fixture.open()
        await self.numbered(fixture, 3)
        assert fixture.gaps.latest == (Gap("a", 1, 2),)

    async def test_a_repeat_is_no_gap(self) -> None:
        fixture = await ready()
        event = check(source="a", seq=1)
        for _ in range(3):
            await fixture.writer.store(event)
        await self.numbered(fixture, 2)
        assert fixture.gaps.count == 0

    async def test_what_is_turned_away_has_arrived(self, capsys: pytest.CaptureFixture[str]) -> None:
        fixture = await ready()
        events = [check(source="a", seq=number) for number in (1, 2, 3, 4, 5)]
        given = await fixture.writer.store(*events, keep=lambda event: event.seq not in (1, 2, 4))
        assert given == 2 * 2
        await self.numbered(fixture, 7)
        assert [json.loads(entry.text)["seq"] for entry in await fixture.log.after(0, 10)] == [3, 5, 7]
        assert fixture.gaps.latest == (Gap("a", 6, 6),)
        assert capsys.readouterr().out.count("Events are missing") == 1

    async def test_what_is_turned_away_needs_no_log(self) -> None:
        fixture = await ready("refuse")
        assert await fixture.writer.store(check(source="a", seq=1), keep=lambda _event: False) == 0
        assert (fixture.log.batches, fixture.writer.trouble) == ([], None)

    async def test_what_was_stored_although_the_commit_failed_has_arrived(self) -> None:
        fixture = await ready("store", "lose the answer")
        await self.numbered(fixture, 1)
        event = check(source="a", seq=2)
        with pytest.raises(LogUnavailableError):
            await fixture.writer.store(event)
        assert await fixture.writer.store(event) == 0
        await self.numbered(fixture, 3)
        assert fixture.gaps.count == 0

    async def test_what_another_process_stored_has_arrived(self) -> None:
        fixture = await ready()
        await self.numbered(fixture, 1)
        await stored(fixture.log, *(check(source="a", seq=number) for number in (2, 3, 4)))
        await self.numbered(fixture, 5)
        assert fixture.gaps.count == 0


class TestGapsOfALogThatIsCut:
    """A restart between the first events and the last, and something removed before it."""

    async def gaps(self, url: str, first: list[Check], remove: Subject | None, *later: int) -> tuple[Gap, ...]:
        database = Database(url)
        log = SqlEventLog(database, PresenceFold())
        await log.open()
        try:
            await stored(log, *first)
            if remove:
                assert (await Records(database).remove_of(remove)).events > 0
            intake = Intake(log)
            await intake.open()
            for number in later:
                await intake.writer.store(bobs(number))
            await intake.writer.aclose()
            return intake.gaps.latest
        finally:
            await log.aclose()

    async def test_what_was_removed_is_not_missed(self, database_url: str) -> None:
        first = [*map(bobs, (1, 2, 3)), *map(alices, (4, 5, 6))]
        assert await self.gaps(database_url, first, ALICE, 7, 9) == (Gap("a", 8, 8),)

    async def test_nor_among_what_others_sent(self, database_url: str) -> None:
        others = [carols(number) for number in (1, 2)]
        assert await self.gaps(database_url, [bobs(1), others[0], alices(2), others[1]], ALICE, 3) == ()

    async def test_nor_what_was_removed_of_a_source_of_which_nothing_is_left(self, database_url: str) -> None:
        assert await self.gaps(database_url, [carols(1), alices(1), alices(2)], ALICE, 3) == ()

    async def test_what_went_before_the_last_event_hides_nothing(self, database_url: str) -> None:
        first = [alices(1), bobs(2), carols(1)]
        assert await self.gaps(database_url, first, ALICE, 5) == (Gap("a", 3, 4),)

    async def test_one_that_is_whole_hides_nothing(self, database_url: str) -> None:
        assert await self.gaps(database_url, [alices(1), bobs(2)], None, 5) == (Gap("a", 3, 4),)

    async def test_it_is_not_read_to_its_beginning(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gaps_module, "_PAGE", 2)
        monkeypatch.setattr(gaps_module, "_LOOKED_BACK", 4)
        near, far = [carols(n) for n in (1, 2, 3)], [carols(n) for n in (4, 5, 6, 7)]
        assert await self.gaps(database_url, [alices(1), bobs(2), *near], ALICE, 5) == (Gap("a", 3, 4),)
        assert await self.gaps(database_url, [alices(6), bobs(7), *far], ALICE, 9) == ()


ALICE = Subject("participant", "Alice")


def alices(seq: int) -> Check:
    return check(source="a", seq=seq, participant_identity="Alice")


def bobs(seq: int) -> Check:
    return check(source="a", seq=seq, participant_identity="Bob")


def carols(seq: int) -> Check:
    return check(source="b", seq=seq, participant_identity="Carol")
