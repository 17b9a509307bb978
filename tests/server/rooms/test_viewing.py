"""Watching without taking part: what is kept of it, and for how long a token is good."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import AsyncMock
from uuid import uuid4

import aiohttp
import jwt
import pytest
from livekit import rtc

from facematch.protocol.events import ViewingChange
from facematch.protocol.identities import WATCHER_PREFIX
from facematch.server.access.caller import By, Caller
from facematch.server.access.roles import Role
from facematch.server.access.room_meant import RoomsOffered
from facematch.server.events.log import Filter, Page
from facematch.server.rooms.tokens import Tokens
from facematch.server.rooms.viewing import ARRIVING, Viewings
from facematch.server.web.errors import ApiError
from tests.rig.event_logs import NOON, Intake, check
from tests.rig.fake_livekit import FakeLiveKit
from tests.rig.keyed import KEYS
from tests.rig.livekit_server import LiveKitServer
from tests.rig.memory_log import MemoryEventLog
from tests.rig.waiting import wait_until, wait_until_true
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

VIEWER = Caller(frozenset({Role.VIEWER}), By.KEY)
SECOND = timedelta(seconds=1)


class Rig:
    """Viewings of one process, a log, and a clock that stands."""

    def __init__(self, log: MemoryEventLog | None = None, livekit: FakeLiveKit | None = None) -> None:
        self.now = NOON
        self.livekit = livekit or FakeLiveKit({"Alice": {}})
        self.log = log or MemoryEventLog()
        tokens = Tokens(
            key="key",
            secret="a secret that is long enough for anyone",
            url="ws://sfu:7880",
            rooms=RoomsOffered("lobby", {"lobby", "hall"}),
            seconds=600,
        )
        self.viewings = Viewings(tokens, cast("Any", self.livekit), self.log, Intake(self.log).writer, lambda: self.now)

    async def come(self, room: str | None = None) -> str:
        """Somebody watches, and is there."""
        id_, _token = await self.viewings.begin(room, VIEWER)
        identity = f"{WATCHER_PREFIX}-{id_.hex}"
        self.livekit.people[identity] = {}
        await self.viewings.look()
        return identity

    async def told(self) -> list[tuple[str, str | None, float]]:
        """Change, room, and seconds after noon, of every viewing event."""
        found = await self.log.page(Page(limit=100), Filter(types=("viewing",)))
        events = [ViewingChange.model_validate_json(entry.text) for entry in found]
        return [(one.change, one.room, (one.timestamp - NOON).total_seconds()) for one in events]


async def test_the_token_shows_nobody_and_sends_nothing() -> None:
    rig = Rig()
    id_, token = await rig.viewings.begin("hall", VIEWER)
    found = jwt.decode(token.token, options={"verify_signature": False})
    assert found["video"] == {
        "roomJoin": True,
        "room": "hall",
        "hidden": True,
        "canPublish": False,
        "canSubscribe": True,
        "canPublishData": False,
    }
    assert found["sub"] == f"{WATCHER_PREFIX}-{id_.hex}"
    assert found["exp"] - found["nbf"] == ARRIVING.total_seconds()
    with pytest.raises(ApiError):
        await rig.viewings.begin("attic", VIEWER)
    assert await rig.told() == [("began", "hall", 0)]


async def test_it_ends_when_they_were_last_there() -> None:
    rig = Rig()
    identity = await rig.come()
    rig.now += 7 * SECOND
    await rig.viewings.look()
    del rig.livekit.people[identity]
    rig.now += 5 * SECOND
    await rig.viewings.look()
    await rig.viewings.look()
    assert await rig.told() == [("began", "lobby", 0), ("ended", "lobby", 7)]


async def test_who_never_comes_has_not_watched() -> None:
    rig = Rig()
    await rig.viewings.begin(None, VIEWER)
    rig.now += ARRIVING
    await rig.viewings.look()
    assert await rig.told() == [("began", "lobby", 0)]
    rig.now += SECOND
    await rig.viewings.look()
    assert await rig.told() == [("began", "lobby", 0), ("ended", "lobby", 0)]


async def test_who_comes_back_with_a_token_of_before_is_sent_out_and_people_are_not() -> None:
    rig = Rig()
    identity = await rig.come()
    del rig.livekit.people[identity]
    await rig.viewings.look()
    rig.livekit.people |= {identity: {}, f"{WATCHER_PREFIX}-{uuid4().hex}": {}}
    rig.now += timedelta(minutes=9)
    await rig.viewings.look()
    assert list(rig.livekit.people) == ["Alice"]


async def test_another_process_goes_on_where_one_has_ended() -> None:
    first = Rig()
    identity = await first.come()
    second, third = Rig(first.log, first.livekit), Rig(first.log, first.livekit)
    for each in (second, third):
        await each.viewings.look()
    assert identity in first.livekit.people
    del first.livekit.people[identity]
    for each in (first, second, third):
        await each.viewings.look()
    assert await first.told() == [("began", "lobby", 0), ("ended", "lobby", 0)]


async def test_what_cannot_be_kept_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    monkeypatch.setattr(rig.log, "append", AsyncMock(side_effect=OSError("the disk is full")))
    with pytest.raises(OSError, match="full"):
        await rig.viewings.begin(None, VIEWER)


async def test_while_livekit_is_away_nobody_is_said_to_have_gone() -> None:
    rig = Rig()
    await rig.come()
    rig.livekit.trouble = aiohttp.ClientConnectionError()
    with pytest.raises(aiohttp.ClientConnectionError):
        await rig.viewings.look()
    assert [change for change, *_ in await rig.told()] == ["began"]


async def test_only_viewings_are_read() -> None:
    rig = Rig()
    await rig.log.append([check()])
    await rig.come()
    assert await rig.told() == [("began", "lobby", 0)]


@asynccontextmanager
async def joined(url: str, token: str) -> AsyncIterator[rtc.Room]:
    room = rtc.Room()
    await room.connect(url, token)
    try:
        yield room
    finally:
        await room.disconnect()


async def test_on_a_real_server_nobody_sees_who_watches(tmp_path: Path) -> None:
    livekit = LiveKitServer(tmp_path)
    livekit.start()
    keys = {f"{role}_key": KEYS[role] for role in ("admin", "viewer", "recognizer")}
    web = WebProcess(tmp_path, livekit_url=livekit.url, **keys)
    await web.start()
    headers = {"Authorization": f"Bearer {KEYS['viewer']}"}
    try:
        async with aiohttp.ClientSession(web.base_url, headers=headers) as api:

            async def post(path: str, body: dict[str, str]) -> dict[str, str]:
                async with api.post(path, json=body) as answer:
                    assert answer.status == 200, await answer.text()
                    found: dict[str, str] = await answer.json()
                    return found

            async def told(change: str) -> list[dict[str, str]]:
                async with api.get("/api/events?type=viewing") as answer:
                    return [one for one in (await answer.json())["events"] if one["change"] == change]

            guest = await post("/api/token", {"name": "Alice"})
            viewing = await post("/api/viewings", {})
            async with joined(livekit.url, guest["token"]) as seen, joined(livekit.url, viewing["token"]) as watching:
                assert list(watching.remote_participants) == ["Alice"]
                other = await post("/api/token", {"name": "Alice"})
                async with joined(livekit.url, other["token"]):
                    await wait_until_true(lambda: len(seen.remote_participants) == 1, within=20, what="the other came")
                    assert list(seen.remote_participants) == [other["identity"]]
                    assert {one.name for one in watching.remote_participants.values()} == {"Alice"}
                    assert seen.connection_state == rtc.ConnectionState.CONN_CONNECTED
            [began] = await told("began")
            assert (began["by"], began["viewing_id"]) == ("viewer (key)", viewing["viewing_id"])
            [ended] = await wait_until(lambda: told("ended"), within=90, what="the viewing has ended")
            assert ended["viewing_id"] == viewing["viewing_id"]
            assert ended["timestamp"] >= began["timestamp"]
            async with joined(livekit.url, viewing["token"]) as again:  # LiveKit lets it in
                out = asyncio.Event()
                again.on("disconnected", lambda _reason: out.set())
                async with asyncio.timeout(30):
                    await out.wait()
    finally:
        web.end()
        livekit.stop()
