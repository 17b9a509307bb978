"""The contract of an event log, held against each implementation."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from facematch.protocol.events import to_wire
from facematch.server.events.log import EventLog, Filter, Page, body_text, with_cursor
from tests.rig.event_logs import NOON, check, cursors, joined, match, opened, stored, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from facematch.protocol.events import Check, Match


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, log_url: Callable[[str], str]) -> str | None:
    return None if request.param == "memory" else log_url(request.param)


@pytest_asyncio.fixture
async def log(url: str | None) -> AsyncIterator[EventLog]:
    async with opened(url) as log:
        yield log


async def test_an_empty_log(log: EventLog) -> None:
    assert (await log.latest(), await log.count(), list(await log.after(0, 10))) == (0, 0, [])
    assert not await log.is_whole()
    await log.check()


async def test_positions_rise_and_the_log_is_read_from_any_of_them(log: EventLog) -> None:
    entries = [(await stored(log, check(seq=n)))[0] for n in range(1, 4)]
    entries += await stored(log, *(check(seq=n) for n in range(4, 8)))
    found = cursors(entries)
    assert found == list(range(found[0], found[0] + 7))
    assert (await log.latest(), await log.count()) == (found[-1], 7)
    for index, cursor in enumerate([0, *found]):
        assert list(await log.after(cursor, 100)) == entries[index:]
        assert list(await log.after(cursor, 2)) == entries[index : index + 2]
    assert list(await log.after(found[-1] + 50, 10)) == []
    assert await log.is_whole()
    await log.check()
    assert await log.latest() == found[-1]


async def test_a_repeat_is_stored_once(log: EventLog) -> None:
    first, second = check(), check()
    [entry] = await stored(log, first)
    assert await log.append([first]) == [None]
    assert await log.append([check(first.event_id, participant_name="Mallory")]) == [None]
    one, repeat, two = await log.append([second, second, match()])
    assert repeat is None
    assert cursors([one, two]) == [entry.cursor + 1, entry.cursor + 2]
    assert await log.count() == 3
    assert [json.loads(kept.text)["participant_name"] for kept in await log.after(0, 9)] == ["Alice"] * 3


async def test_an_entry_is_the_event_as_posted_and_its_position(log: EventLog) -> None:
    event = match(participant_name="<img onerror=…> \u2028 \U0001f600 \x00", participant_identity="\x00", room="r")
    [entry] = await stored(log, event)
    sent = json.loads(entry.text.encode("utf-8"))
    assert sent == {**to_wire(event), "cursor": entry.cursor}
    assert (sent["type"], entry.type) == ("match", "match")
    assert list(await log.after(0, 10)) == [entry]
    assert list(await log.page(Page(), Filter(participant="\x00"))) == [entry]


async def test_an_event_without_an_id_is_a_mistake_of_ours(log: EventLog) -> None:
    with pytest.raises(ValueError, match="id"):
        await log.append([check().model_copy(update={"event_id": None})])
    assert await log.count() == 0


@pytest.mark.parametrize(
    "when",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-12))),
        datetime(2025, 10, 26, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
    ],
)
async def test_any_time_can_be_stored(log: EventLog, when: datetime) -> None:
    [entry] = await stored(log, check(timestamp=when, seq=2**53 - 1))
    assert datetime.fromisoformat(json.loads(entry.text)["timestamp"]) == when


async def test_pages_in_both_directions(log: EventLog) -> None:
    entries = await stored(log, *(check() for _ in range(10)))
    at = cursors(entries)

    async def page(**which: int | bool) -> list[int]:
        return [at.index(entry.cursor) for entry in await log.page(Page(**which))]  # type: ignore[arg-type]

    assert await page() == list(range(10))
    assert await page(after=at[3], before=at[7]) == [4, 5, 6]
    assert await page(newest_first=True, limit=3) == [9, 8, 7]
    assert await page(newest_first=True, before=at[7], limit=3) == [6, 5, 4]
    assert await page(newest_first=True, after=at[3], before=at[5]) == [4]
    assert await page(before=at[0]) == await page(after=at[9]) == []


async def test_filters(log: EventLog) -> None:
    await stored(
        log,
        match(participant_identity="alice", participant_id="PA_1", room="red"),
        check(participant_identity="alice", participant_id="PA_2", room="blue"),
        check(participant_identity="bob", participant_id="PA_3", room="red"),
        match(participant_id="PA_4"),
        check(participant_identity="PA_1", participant_id="PA_5", room="red"),
    )
    everything = cursors(await log.after(0, 9))

    async def which(**wanted: object) -> list[int]:
        page = Page(limit=wanted.pop("limit", 100), newest_first=wanted.pop("newest_first", False))  # type: ignore[arg-type]
        found = await log.page(page, Filter(**wanted))  # type: ignore[arg-type]
        assert await log.count_after(0, page.limit, Filter(**wanted)) == len(found)  # type: ignore[arg-type]
        return [everything.index(entry.cursor) for entry in found]

    assert await which() == await which(types=("match", "check")) == [0, 1, 2, 3, 4]
    assert await which(types=("match",)) == [0, 3]
    assert await which(room="red") == [0, 2, 4]
    assert await which(participant="alice") == [0, 1]
    assert await which(participant="PA_1") == [0, 4]  # a sid, and an identity that looks like one
    assert await which(participant="PA_1", newest_first=True, limit=1) == [4]
    assert await which(participant="alice", room="red") == [0]
    assert await which(participant="alice", types=("check",), room="blue") == [1]
    assert await which(participant="carol") == await which(room="green") == []
    assert await log.count_after(everything[1], 2) == 2
    assert await log.count_after(everything[1], 9) == 3


async def test_events_of_a_stretch_of_time_in_the_order_of_their_positions(log: EventLog) -> None:
    seconds = [0, 10, 5, 20, 15, 30]
    kinds: list[Callable[..., Match | Check]] = [match, check, match, match, check, match]
    at = [NOON + timedelta(seconds=moment) for moment in seconds]
    entries = await stored(log, *(make(timestamp=when) for make, when in zip(kinds, at, strict=True)))

    async def which(*types: str, page: Page | None = None, **wanted: Any) -> list[int]:
        found = await log.page(page or Page(), Filter(types, **wanted))
        assert await log.count_after(0, 100, Filter(types, **wanted)) >= len(found)
        return [seconds[entries.index(entry)] for entry in found]

    begins, ends = NOON + timedelta(seconds=5), NOON + timedelta(seconds=20)
    assert await which(begins=begins, ends=ends) == [10, 5, 15]  # from then on, and before the end
    assert await which("match", begins=begins) == [5, 20, 30]
    assert await which("match", begins=begins.astimezone(timezone(timedelta(hours=5)))) == [5, 20, 30]
    assert await which("check", ends=ends) == [10, 15]
    assert await which("match", ends=ends, page=Page(newest_first=True, limit=1)) == [5]
    assert await which("match", begins=begins, page=Page(after=entries[2].cursor)) == [20, 30]
    assert await which("match", "check", participant="Nobody", begins=begins) == []
    assert await which(person="default") == await which("match") == [0, 5, 20, 30]
    assert await which("check", person="default") == []


async def test_every_type_is_kept_and_several_are_read_together(log: EventLog) -> None:
    made = (
        match(),
        joined(),
        check(),
        watch(),
        check(),
        watch(track_sid="TR_1", participant_identity="alice"),
        joined(),
    )
    entries = await stored(log, *made)
    assert [entry.type for entry in await log.page(Page())] == [event.type for event in made]

    async def found(*types: str, **page: Any) -> list[int]:
        return [entries.index(entry) for entry in await log.page(Page(**page), Filter(types))]

    assert await found("match", "check") == [0, 2, 4]
    assert await found("participant", "watch", limit=3) == [1, 3, 5]
    assert await found("participant", "watch", newest_first=True, limit=2) == [6, 5]
    assert await found("check", "watch", after=entries[2].cursor, before=entries[5].cursor) == [3, 4]
    assert await log.count_after(0, 10, Filter(("participant", "watch"))) == 4
    assert await log.count_after(0, 3, Filter(("participant", "watch"))) == 3
    who = await log.page(Page(), Filter(("check", "watch"), participant="alice"))
    assert [entries.index(entry) for entry in who] == [5]


async def test_the_last_number_of_a_source(log: EventLog) -> None:
    entries = await stored(log, *(check(source="a", seq=n) for n in (1, 3, 2)), check(source="b", seq=7), check())
    assert await log.last_seq("a", entries[-1].cursor) == 3
    assert await log.last_seq("a", entries[1].cursor) == 1
    assert await log.last_seq("a", entries[0].cursor) is None
    assert await log.last_seq("nobody", entries[-1].cursor) is None


async def test_whoever_is_cancelled_takes_nothing_with_him(log: EventLog) -> None:
    """And leaves no connection in the middle of something."""
    for _ in range(10):
        tasks = [asyncio.create_task(log.after(0, 10)), asyncio.create_task(log.append([check(), check()]))]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    await stored(log, check())
    assert await log.count() % 2 == 1
    assert len(await log.after(0, 100)) == await log.count()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_any_text_that_utf8_can_carry_arrives(name: str) -> None:
    text = with_cursor(body_text(check(participant_name=name)), 7)
    assert "\n" not in text
    assert json.loads(text.encode("utf-8")) == {**to_wire(check(participant_name=name)), **json.loads(text)}
    assert json.loads(text)["participant_name"] == name
    assert json.loads(text)["timestamp"] == "2025-09-25T14:07:08.123456+00:00"
    assert datetime.fromisoformat(json.loads(text)["timestamp"]).astimezone(UTC).hour == 14
