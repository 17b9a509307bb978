"""Ended means out, on a real LiveKit server: the web process, guests in the room, and the token that they keep."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import sqlalchemy as sa
from livekit import rtc
from livekit.api import LiveKitAPI
from structlog.testing import capture_logs

from facematch.server.rooms.ended_logins import EndedLogins
from facematch.server.rooms.expulsion import ISSUED, LOGIN, MOST_LOGINS, Expulsion
from facematch.server.storage.database import Database
from facematch.server.storage.schema import expulsions
from tests.rig.event_logs import two_of
from tests.rig.keyed import KEYS
from tests.rig.livekit_server import LiveKitServer
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SECONDS = 20.0
"""Within which a guest has to be out."""


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    server = LiveKitServer(tmp_path_factory.mktemp("livekit"))
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def in_the_room(url: str, token: str) -> AsyncIterator[asyncio.Future[str]]:
    """Somebody joins; why they were disconnected."""
    room = rtc.Room()
    out: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_disconnected(reason: Any) -> None:
        if not out.done():
            out.set_result(rtc.DisconnectReason.Name(reason))

    room.on("disconnected", on_disconnected)
    await room.connect(url, token)
    try:
        yield out
    finally:
        await room.disconnect()


async def token_of(api: aiohttp.ClientSession, identity: str, bearer: str) -> str:
    headers = {"Authorization": f"Bearer {bearer}"}
    async with api.post("/api/token", json={"identity": identity}, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        token: str = (await answer.json())["token"]
        return token


async def test_signing_everybody_out_empties_the_room_of_guests(livekit: LiveKitServer, tmp_path: Path) -> None:
    admin = {"Authorization": f"Bearer {KEYS['admin']}"}
    keys = {f"{role}_key": KEYS[role] for role in ("admin", "recognizer")}
    web = WebProcess(tmp_path, livekit_url=livekit.url, **keys)
    await web.start()
    try:
        async with aiohttp.ClientSession(web.base_url) as api:
            async with api.post("/api/invites", json={}, headers=admin) as answer:
                invitation = (await answer.json())["token"]
            guest, own = await token_of(api, "guest", invitation), await token_of(api, "own", KEYS["admin"])
            async with in_the_room(livekit.url, own) as own_out, in_the_room(livekit.url, guest) as guest_out:
                async with api.delete("/api/sessions", headers=admin) as answer:
                    assert (await answer.json())["ended"] == 1
                async with asyncio.timeout(SECONDS):
                    assert await guest_out == "PARTICIPANT_REMOVED"
                    async with in_the_room(livekit.url, guest) as again:  # LiveKit lets the old token in
                        assert await again == "PARTICIPANT_REMOVED"
                async with api.post("/api/invites", json={}, headers=admin) as answer:
                    anew = (await answer.json())["token"]
                async with in_the_room(livekit.url, await token_of(api, "anew", anew)) as stays:
                    async with asyncio.timeout(SECONDS), in_the_room(livekit.url, guest) as again:
                        assert await again == "PARTICIPANT_REMOVED"  # so the rooms have been looked through
                    assert not stays.done()
                assert not own_out.done()  # had with a key, which nobody ended
    finally:
        web.end()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def never(_room: str) -> LiveKitAPI:
    raise AssertionError("nobody is to be sent out")


def attributes(login: str, issued: float) -> dict[str, str]:
    return {LOGIN: login, ISSUED: str(int(issued * 1000))}


async def test_who_is_out_and_for_how_long() -> None:
    clock = Clock()
    expulsion = Expulsion(never, lambda: ["lobby"], 3600, now=clock)
    assert expulsion._over()
    await expulsion.expel("one")
    assert expulsion._is_out(attributes("one", clock.now - 9))
    for others in (attributes("two", clock.now - 9), {}, {"name": "one"}, {LOGIN: "two", ISSUED: "\u0661"}):
        assert not expulsion._is_out(others)
    clock.now += 3600
    assert not expulsion._over()
    clock.now += 60
    assert expulsion._over()
    await expulsion.expel(None)
    assert expulsion._is_out(attributes("two", clock.now))
    assert not expulsion._is_out(attributes("three", clock.now + 0.002))
    clock.now += 3660
    assert expulsion._over()


async def test_memory_is_bounded() -> None:
    expulsion = Expulsion(never, lambda: ["lobby"], 3600, now=Clock())
    for number in range(MOST_LOGINS + 5):
        await expulsion.expel(str(number))
    assert len(expulsion._ended) == MOST_LOGINS
    assert not expulsion._is_out(attributes("0", 1))
    assert expulsion._is_out(attributes(str(MOST_LOGINS + 4), 1))


async def test_a_livekit_that_is_away_is_said_once(tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facematch.server.rooms.expulsion.EVERY_SECONDS", 0.01)
    asked = asyncio.Event()
    tries = 0

    class Counted(Expulsion):
        async def _look_through(self, room: str, service: Any) -> None:
            nonlocal tries
            tries += 1
            if tries == 4:
                asked.set()
            await super()._look_through(room, service)

    def away(_room: str) -> LiveKitAPI:
        return LiveKitAPI.with_token("a-token", f"ws://127.0.0.1:{tcp_port}")

    expulsion = Counted(away, lambda: ["lobby"], 3600)
    with capture_logs() as logs:
        async with expulsion.running(), asyncio.timeout(20):
            await expulsion.expel("one")
            await asked.wait()
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_restart_and_another_process_know_who_is_out(database_url: str) -> None:
    clock = Clock()
    async with two_of(database_url) as databases:
        kept = [EndedLogins(database) for database in databases]
        one = Expulsion(never, list, 3600, kept=kept[0], now=clock)
        await one.expel("one")
        await one.expel("one")
        clock.now += 10
        other = Expulsion(never, list, 3600, kept=kept[1], leads=lambda: False, now=clock)
        async with other.running():
            assert other._is_out(attributes("one", clock.now - 20))
            assert not other._is_out(attributes("two", clock.now - 20))
        await one.expel(None)
        await other.refresh()
        assert other._is_out(attributes("two", clock.now))
        assert not other._is_out(attributes("three", clock.now + 1))
        clock.now += 3660
        assert other._over()
        await other.refresh()
        assert other._over()
        assert await databases[0].rows(sa.select(expulsions)) == [], "nothing of it stays"


async def test_what_cannot_be_written_down_is_known_here_all_the_same() -> None:
    clock = Clock()
    expulsion = Expulsion(never, list, 3600, kept=EndedLogins(Database("sqlite+aiosqlite:///x")), now=clock)
    with capture_logs() as logs:
        await expulsion.expel("one")
    assert expulsion._is_out(attributes("one", clock.now))
    assert [line["log_level"] for line in logs] == ["warning"]
