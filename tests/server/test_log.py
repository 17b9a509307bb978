"""The contract of an event log, held against each implementation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facematch.events import Check, Match, to_wire
from facematch.server.log import EventLog, MemoryEventLog, entry_text


def check(event_id: UUID | None = None, **fields: Any) -> Check:
    return Check(
        participant_id="PA_x",
        participant_name=fields.pop("participant_name", "Alice"),
        match_found=False,
        timestamp=datetime(2025, 9, 25, 14, 7, 8, tzinfo=UTC),
        event_id=event_id or uuid4(),
        **fields,
    )


@pytest.fixture(params=["memory"])
def log(request: pytest.FixtureRequest) -> EventLog:
    return {"memory": MemoryEventLog}[request.param]()


async def test_an_empty_log(log: EventLog) -> None:
    assert (await log.latest(), await log.count(), list(await log.after(0, 10))) == (0, 0, [])
    await log.check()


async def test_positions_rise_and_the_log_is_read_from_any_of_them(log: EventLog) -> None:
    entries = [await log.append(check(seq=n)) for n in range(1, 8)]
    cursors = [entry.cursor for entry in entries if entry]
    assert cursors == sorted(set(cursors))
    assert len(cursors) == 7
    assert (await log.latest(), await log.count()) == (cursors[-1], 7)
    for index, cursor in enumerate([0, *cursors]):
        assert list(await log.after(cursor, 100)) == entries[index:]
        assert list(await log.after(cursor, 2)) == entries[index : index + 2]
    assert list(await log.after(cursors[-1] + 50, 10)) == []


async def test_a_repeat_is_stored_once(log: EventLog) -> None:
    first = check()
    assert await log.append(first)
    assert await log.append(check())
    assert await log.append(first) is None
    assert await log.append(check(first.event_id, participant_name="Mallory")) is None
    assert await log.count() == 2


async def test_an_entry_is_the_event_as_posted_and_its_position(log: EventLog) -> None:
    event = Match(
        participant_id="PA_x",
        participant_name="<img onerror=…> \u2028 \U0001f600",
        confidence=0.63,
        filename=None,
        snapshot=None,
        timestamp=datetime(2025, 9, 25, 14, 7, 8, 123456, tzinfo=UTC),
        bbox=(80, 300, 220, 160),
        frame_size=(640, 360),
        event_id=uuid4(),
    )
    entry = await log.append(event)
    assert entry is not None
    sent = json.loads(entry.text.encode("utf-8"))
    assert sent == {**to_wire(event), "cursor": entry.cursor}
    assert sent["type"] == "match"


async def test_an_event_without_an_id_is_a_mistake_of_ours(log: EventLog) -> None:
    with pytest.raises(ValueError, match="id"):
        await log.append(check().model_copy(update={"event_id": None}))


async def test_the_memory_log_is_bounded() -> None:
    log = MemoryEventLog(kept=3, remembered=5)
    events = [check() for _ in range(8)]
    for event in events:
        await log.append(event)
    assert await log.count() == 3
    assert [entry.cursor for entry in await log.after(0, 10)] == [6, 7, 8]
    assert [entry.cursor for entry in await log.after(7, 10)] == [8]
    assert await log.append(events[3]) is None  # fell out of the log, still remembered
    assert await log.append(events[0]) is not None


async def test_a_new_memory_log_goes_on_where_it_is_told() -> None:
    log = MemoryEventLog(first=1000)
    entry = await log.append(check())
    assert entry is not None
    assert entry.cursor == 1000
    assert list(await log.after(7, 10)) == [entry]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_any_text_that_utf8_can_carry_arrives(name: str) -> None:
    text = entry_text(check(participant_name=name), 7)
    assert "\n" not in text
    assert json.loads(text.encode("utf-8"))["participant_name"] == name
