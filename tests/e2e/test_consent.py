"""Who is looked at only when they have agreed, who is not compared, whom to look at now, and who hears of it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from livekit import rtc
from playwright.async_api import expect

from tests.rig.built import address
from tests.rig.chromium import chromium
from tests.rig.listener import is_check, is_match
from tests.rig.page import CHECKS, LOOK
from tests.rig.photographs import SAME_PERSON, Scene
from tests.rig.stack import Stack
from tests.rig.waiting import wait_until, wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.publishing import Person, Publishers

Message = tuple[str | None, dict[str, Any]]
"""A sender's identity, and what was said."""

LISTEN = """async ([url, token]) => {
    const { Room, RoomEvent } = await import("%s");
    const room = new Room();
    globalThis.told = [];
    room.on(RoomEvent.DataReceived, (data, sender, _kind, topic) => {
        if (topic !== "facematch") throw new Error(topic);
        globalThis.told.push([sender?.identity ?? null, JSON.parse(new TextDecoder().decode(data))]);
    });
    await room.connect(url, token);
}"""

LONG = 600
"""Seconds of pause: who is looked at again was wanted to be."""

IN_FORCE = 10
"""Two seconds, and as many again for a machine that does much else."""

FIRST = 30
"""Seconds within which something comes that is on its way."""


@pytest.fixture(scope="module")
def _stack(livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings: dict[str, Any] = {"hold_seconds": LONG, "wait_seconds": LONG, "match_cooldown_seconds": 0}
    settings |= {"consent": "required", "room_signal": True, "room_signal_observers": "Moderator,Deputy"}
    one = Stack(tmp_path_factory.mktemp("stack"), livekit, **settings)
    yield one
    one.end()


@pytest.fixture
async def stack(_stack: Stack) -> Stack:
    """The one of this file; nobody is in the room."""

    async def deserted() -> bool:
        heartbeat = await _stack.heartbeat()
        return bool(heartbeat and not heartbeat["tracks"])

    if not _stack.api.alive:
        await _stack.start()
    await wait_until(deserted, within=FIRST, what="those of the last test have gone")
    return _stack


async def asked(stack: Stack, method: str, path: str, **body: Any) -> dict[str, Any]:
    """The answer to a request with a body, if any."""
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.request(method, path, json=body or None) as response,
    ):
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def on_air(stack: Stack, publishers: Publishers, identity: str, **choice: bool) -> Person:
    """Joins with a token of the product's own, and publishes."""
    token = (await asked(stack, "POST", "/api/token", identity=identity, **choice))["token"]
    person = await publishers.join(stack.room, identity, token=token)
    await person.publish(Scene(SAME_PERSON))
    return person


async def idle(stack: Stack, identity: str, reason: str) -> dict[str, Any]:
    """Their track, once it is left alone for that reason."""

    async def there() -> dict[str, Any] | None:
        track = await stack.track(identity)
        return track if track and (track["state"], track["idle_reason"]) == ("idle", reason) else None

    return await wait_until(there, within=FIRST, what=f"{identity} is not looked at: {reason}")


async def frames(stack: Stack) -> int:
    """Looked at since the recognizer's start."""
    heartbeat = await stack.heartbeat()
    assert heartbeat is not None
    count: int = heartbeat["counters"]["frames"]
    return count


async def test_nobody_is_looked_at_before_they_agree_nor_after_they_withdraw(stack: Stack) -> None:
    async with stack.listen() as events, stack.publishers() as publishers:
        before = await frames(stack)
        await on_air(stack, publishers, "Carol", compared=False, consent=True)
        await on_air(stack, publishers, "Alice")
        track = await idle(stack, "Alice", "consent")
        await idle(stack, "Carol", "not_compared")
        assert (track["batches"], track["last_outcome"], await frames(stack)) == (0, None, before)
        assert events.received == []

        await asked(stack, "PUT", "/api/consent", identity="Alice", given=True)
        await events.next(is_match("Alice"), within=FIRST)
        await events.next(is_check("Alice", "match"), within=FIRST)

        await asked(stack, "PUT", "/api/consent", identity="Alice", given=False)
        await idle(stack, "Alice", "consent")
        told, seen = len(events.received), await frames(stack)
        await on_air(stack, publishers, "Bob", consent=True)
        await events.next(is_check("Bob", "match"), within=FIRST)
        await stack.track_in("Bob", "hold", within=FIRST)
        looks = [await asked(stack, "POST", "/api/looks", identity=who) for who in ("Alice", "Bob", "Carol", "Nobody")]
        assert [(look["watched"], look["idle_reason"]) for look in looks] == [
            (False, "consent"),
            (True, None),
            (False, "not_compared"),
            (False, None),
        ]
        await events.next(is_check("Bob", "match"), within=FIRST)  # it was wanted: Alice's would have come, too

        async def looked_at_twice() -> bool:
            track = await stack.track("Bob")
            return track is not None and track["batches"] == 2

        await wait_until(looked_at_twice, within=FIRST, what="Bob was looked at twice")
        assert {one["participant_identity"] for one in events.received[told:]} == {"Bob"}
        assert await frames(stack) > seen

        changes = await asked(stack, "GET", "/api/events?type=participant&limit=100")
        consents = [one for one in changes["events"] if one["change"].startswith("consent")]
        by_whom = {(one["participant_identity"], one["change"]) for one in consents}
        assert by_whom == {
            ("Alice", "consent_given"),
            ("Alice", "consent_withdrawn"),
            ("Bob", "consent_given"),
            ("Carol", "consent_given"),
        }


async def test_whoever_an_admin_says_so_of_is_left_alone_and_everything_held_of_them_can_be_had(stack: Stack) -> None:
    async with stack.listen() as events, stack.publishers() as publishers:
        await on_air(stack, publishers, "Frank", consent=True)
        match = await events.next(is_match("Frank"), within=FIRST)
        await stack.track_in("Frank", "hold", within=FIRST)
        began = time.monotonic()
        await asked(stack, "PUT", "/api/not-compared?identity=Frank")
        await idle(stack, "Frank", "not_compared")
        assert time.monotonic() - began < IN_FORCE
        assert (await asked(stack, "POST", "/api/looks", identity="Frank"))["idle_reason"] == "not_compared"

        await on_air(stack, publishers, "Grace", consent=True)  # who is new is asked about first
        await events.next(is_check("Grace", "match"), within=FIRST)
        await asked(stack, "DELETE", "/api/not-compared?identity=Frank")
        await stack.track_in("Frank", "wait", within=FIRST)  # for the rest of the pause that they were in
        await asked(stack, "POST", "/api/looks", identity="Frank")
        await events.next(is_check("Frank", "match"), within=FIRST)

    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.get("/api/participants/export?identity=Frank") as response,
    ):
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    told = json.loads(archive.read("events-1.json"))
    assert match["event_id"] in {event["event_id"] for event in told}
    assert {event["participant_identity"] for event in told if "participant_identity" in event} == {"Frank"}
    assert archive.read(f"snapshots/{match['snapshot']}") == (stack.captures / match["snapshot"]).read_bytes()


async def test_the_page_asks_before_joining_and_lets_one_withdraw(stack: Stack) -> None:
    async with stack.listen() as events, chromium(Scene(SAME_PERSON)) as browser:
        page = await browser.new_page()
        await page.goto(stack.base_url)
        await page.get_by_test_id("setup-button").click(timeout=LOOK)
        await expect(page.get_by_test_id("consent")).not_to_be_checked(timeout=LOOK)
        await expect(page.get_by_test_id("not-compared")).to_have_count(0)
        assert await page.evaluate(CHECKS) == []
        await page.get_by_test_id("join-name").fill("Dora")
        await page.get_by_test_id("join-button").click()
        button = page.get_by_test_id("consent-button")
        await expect(button).to_have_text("Agree", timeout=LOOK)
        await expect(page.locator('[data-testid=card][data-identity="Dora"]')).to_have_attribute(
            "data-state", "no_consent", timeout=LOOK
        )
        assert await page.evaluate(CHECKS) == []
        await button.click()
        await events.next(is_match("Dora"), within=FIRST)
        await expect(button).to_have_text("Withdraw", timeout=LOOK)
        await button.click()
        await idle(stack, "Dora", "consent")
        await expect(page.get_by_test_id("compare-state")).to_contain_text("You are not looked at")


async def test_observers_are_told_in_the_room_and_nobody_else_is(stack: Stack) -> None:
    """By LiveKit's client for programs, and by the one for browsers."""
    heard: dict[str, list[Message]] = {"Moderator": [], "Nosy": []}
    async with AsyncExitStack() as rooms, stack.listen() as events, stack.publishers() as publishers:
        for identity, told in heard.items():
            room = await rooms.enter_async_context(listening(stack, identity, told))
        browser = await rooms.enter_async_context(chromium(Scene(SAME_PERSON)))
        pages = {identity: await browser.new_page() for identity in ("Deputy", "NosyToo")}
        for identity, page in pages.items():
            await page.goto(stack.base_url)
            token = (await asked(stack, "POST", "/api/token", identity=identity))["token"]
            await page.evaluate(LISTEN % address("livekit-client*.js"), [stack.environment["LIVEKIT_URL"], token])
        # LiveKit tells of who publishes nothing up to 3 s later, all at once, and whoever is not known cannot be told.
        await wait_until_true(
            lambda: pages.keys() <= room.remote_participants.keys(), within=FIRST, what="all are known"
        )
        await on_air(stack, publishers, "Eve", consent=True)
        match = await events.next(is_match("Eve"), within=FIRST)
        check = await events.next(is_check("Eve", "match"), within=FIRST)

        async def told_of_both() -> bool:
            for identity, page in pages.items():
                heard[identity] = [tuple(one) for one in await page.evaluate("told")]
            ids = {match["event_id"], check["event_id"]}
            return all(ids <= {body["event_id"] for _, body in heard[one]} for one in ("Moderator", "Deputy"))

        await wait_until(told_of_both, within=FIRST, what="the observers are told of match and Check")
    for observer in ("Moderator", "Deputy"):
        assert {sender for sender, _ in heard[observer]} == {None}  # the recognizer stays hidden
        told_match = next(body for _, body in heard[observer] if body["type"] == "match")
        assert (told_match["person_id"], told_match["participant_identity"]) == ("default", "Eve")
        assert {"filename", "snapshot"}.isdisjoint(told_match)
    assert heard["Nosy"] == heard["NosyToo"] == []


@asynccontextmanager
async def listening(stack: Stack, identity: str, told: list[Message]) -> AsyncIterator[rtc.Room]:
    """Somebody in the room, and which messages they get, with their sender's identity."""
    room = rtc.Room()

    def received(packet: rtc.DataPacket) -> None:
        assert packet.topic == "facematch"
        told.append((packet.participant.identity if packet.participant else None, json.loads(packet.data)))

    room.on("data_received", received)
    token = (await asked(stack, "POST", "/api/token", identity=identity))["token"]
    await room.connect(stack.environment["LIVEKIT_URL"], token)
    try:
        yield room
    finally:
        await room.disconnect()
