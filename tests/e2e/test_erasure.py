"""Erasing while the real recognizer is at work, and while it is not."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest
import yarl

from tests.rig.enrolling import enrol
from tests.rig.listener import is_check, is_match
from tests.rig.photographs import REFERENCE, STRANGER, Scene
from tests.rig.s3 import s3_server
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.s3 import S3Server
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
ALICE = "Alice/42 %2F…"
"""An identity that needs every kind of escape."""


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path) as server:
        yield server


async def erase(stack: Stack, what: str) -> dict[str, Any]:
    url = yarl.URL(f"{stack.base_url}/api/{what}", encoded=True)
    async with aiohttp.ClientSession() as session, session.delete(url) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def get(stack: Stack, path: str, **query: str | int) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.base_url}{path}", params=query) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def of(stack: Stack, identity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(stack, "/api/events", participant=identity, limit=1000))["events"]
    return found


def participant(identity: str) -> str:
    return f"participants/{quote(identity, safe='')}"


async def test_erased_while_matching(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=0.5)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, ALICE)
        await publishers.on_air(stack.room, "Bob")
        await events.each(is_match(ALICE), is_match("Bob"), is_check("Bob"), within=FIRST)
        await events.next(is_match(ALICE), within=FIRST)
        before = {event["event_id"] for event in await of(stack, ALICE)}
        pictures = {event["snapshot"] for event in await of(stack, ALICE) if event.get("snapshot")}
        assert len(before) >= 3
        assert pictures

        receipt = await erase(stack, participant(ALICE))

        assert (receipt["identity"], receipt["recognizer"], receipt["verified"]) == (ALICE, "done", True)
        assert receipt["events"] >= len(before)
        assert receipt["snapshots"] >= len(pictures)
        assert receipt["undelivered_events"] is not None
        left = await of(stack, ALICE)
        assert not before & {event["event_id"] for event in left}
        assert all(event["timestamp"] > receipt["at"] for event in left)
        assert not any((stack.captures / name).exists() for name in pictures)
        bobs = await of(stack, "Bob")
        assert all((stack.captures / event["snapshot"]).exists() for event in bobs if event.get("snapshot"))

        await events.next(is_match(ALICE), within=FIRST)  # still in the room: looked for as before
    assert (await get(stack, "/api/erasures"))["erasures"][0]["recognizer"] == "done"
    for log in (stack.api.output(), stack.recognizer.output()):
        assert receipt["receipt_id"] in log
    assert ALICE not in next(line for line in stack.api.output().splitlines() if receipt["receipt_id"] in line)


async def test_an_object_store_keeps_pictures_until_their_person_is_erased(make_stack: MakeStack, s3: S3Server) -> None:
    stack = make_stack(None, hold_seconds=0.5, **s3.settings("faces"))
    await stack.start(reference=None)
    ada = await enrol(stack, "Ada", REFERENCE)
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        match = await events.next(is_match("Alice"), within=FIRST)
        assert (match["person_id"], match["filename"]) == (ada, None)
        assert (await stack.shown(match["snapshot"])).startswith(b"\xff\xd8\xff")
        assert match["snapshot"] in s3.names("faces")
        assert not list(stack.captures.glob("*.jpg")), "nowhere else"

        receipt = await erase(stack, f"people/{ada}")
        assert (receipt["recognizer"], receipt["verified"]) == ("done", True)
        assert receipt["snapshots"] >= 1
        await events.next(is_check("Alice"), within=FIRST)  # still there, and nobody that is known

    async def emptied() -> bool:
        return s3.names("faces") == set()

    await wait_until(emptied, within=FIRST, what="the store has no picture any more")
    assert await stack.shown(match["snapshot"]) == b""


async def test_erased_while_the_recognizer_is_away_with_undelivered_events(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=0.5)
    await stack.start()
    async with stack.publishers() as publishers:
        async with stack.listen() as events:
            await publishers.on_air(stack.room, "Alice")
            await publishers.on_air(stack.room, "bird", Scene(STRANGER))
            await events.each(is_check("Alice"), is_check("bird"), within=FIRST)
        stack.api.kill()
        snapshots = len(list(stack.captures.glob("*.jpg")))

        async def went_on() -> bool:
            return len(list(stack.captures.glob("*.jpg"))) >= snapshots + 2

        await wait_until(went_on, within=FIRST, what="matches that nobody has taken")
    stack.recognizer.kill()
    await stack.start_api()

    receipt = await erase(stack, participant("Alice"))

    assert (receipt["recognizer"], receipt["undelivered_events"]) == ("pending", None)
    assert receipt["snapshots"] >= snapshots + 2
    assert not list(stack.captures.glob("*.jpg"))
    assert waiting(stack, "Alice") > 0

    async with stack.listen(after=0) as events:
        await stack.start_recognizer()

        async def confirmed() -> dict[str, Any] | None:
            line: dict[str, Any] = (await get(stack, "/api/erasures"))["erasures"][0]
            return line if line["recognizer"] == "done" else None

        line = await wait_until(confirmed, within=FIRST, what="the recognizer has confirmed")
        assert line["receipt_id"] == receipt["receipt_id"]
        await asyncio.sleep(1)
        assert not events.of(is_match("Alice"))
        assert events.of(is_check("bird"))
    assert await of(stack, "Alice") == []
    assert not list(stack.captures.glob("*.jpg"))
    assert waiting(stack, "Alice") == 0
    for file in (stack.folder / "data").iterdir():
        assert b"Alice" not in file.read_bytes(), file.name


def waiting(stack: Stack, identity: str) -> int:
    """A participant's events in the recognizer's outbox."""
    [path] = (stack.folder / "data").glob("outbox*.db")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT COUNT(*) FROM outbox WHERE json_extract(body, '$.participant_identity') = ?"
        return int(database.execute(query, (identity,)).fetchone()[0])
    finally:
        database.close()


async def test_the_reference_is_erased_with_all_that_came_of_it(make_stack: MakeStack) -> None:
    stack = make_stack(hold_seconds=0.5)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await publishers.on_air(stack.room, "bird", Scene(STRANGER))
        await events.each(is_match("Alice"), is_check("Alice"), is_check("bird"), within=FIRST)
        pictures = {event["snapshot"] for event in await of(stack, "Alice") if event.get("snapshot")}
        assert pictures

        receipt = await erase(stack, "reference")

        assert (receipt["recognizer"], receipt["verified"]) == ("done", True)
        assert receipt["events"] >= 3
        assert receipt["snapshots"] >= len(pictures)
        assert not stack.reference.exists()
        heartbeat = await stack.heartbeat()
        assert heartbeat is not None
        assert heartbeat["reference_id"] is None
        await stack.track_in("Alice", "idle", within=FIRST)
        left = (await get(stack, "/api/events", limit=1000))["events"]
        assert {event.get("outcome") for event in left} <= {"no_reference"}
        assert all(event["reference_id"] is None for event in left)
        assert not any((stack.captures / name).exists() for name in pictures)


async def test_a_batch_at_work_ends_with_the_reference(make_stack: MakeStack) -> None:
    stack = make_stack(batch_max_frames=1_000, batch_timeout_seconds=60)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "bird", Scene(STRANGER))
        await stack.track_in("bird", "probe", within=FIRST)

        await erase(stack, "reference")

        check = await events.next(is_check("bird"), within=FIRST)
        assert (check["outcome"], check["reference_id"], check["best_distance"]) == ("no_reference", None, None)
        assert check["cycle_id"] is not None
        await stack.track_in("bird", "idle", within=FIRST)


async def test_limits_are_kept_while_matching(make_stack: MakeStack) -> None:
    """Snapshots that last a second and a half: their events say so within a minute."""
    stack = make_stack(hold_seconds=0.2, snapshot_max_age_days=1.5 / 86_400)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)

        async def cleared() -> bool:
            found = (await get(stack, "/api/events", type="match", limit=1000))["events"]
            assert all(event["filename"] is None for event in found if event["snapshot"] is None)
            return any(event["snapshot"] is None for event in found)

        await wait_until(cleared, within=60, what="an event whose snapshot has gone")
