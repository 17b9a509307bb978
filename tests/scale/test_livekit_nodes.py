"""Two LiveKit servers that know each other by Redis; the one that has the rooms is killed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from tests.rig.cable import Cable
from tests.rig.livekit_server import LiveKitServer
from tests.rig.redis_server import NoRedisError, RedisServer
from tests.rig.running_fleet import running_fleet
from tests.rig.waiting import wait_until
from tests.rig.watch_record import again_figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.rig.postgres import Postgres
    from tests.rig.proofs import Scale
    from tests.rig.running_fleet import Fleet

LATE_SECONDS = 60


class Nodes:
    """Both, and what stands before them."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._redis = redis
        config = f"redis: {{address: '127.0.0.1:{redis.port}'}}\nlogging: {{json: true}}\n"
        self.servers = []
        for number in range(2):
            own = folder / f"livekit-{number}"
            own.mkdir()
            self.servers.append(LiveKitServer(own, config))
        self.url = ""

    def of(self, room: str) -> LiveKitServer | None:
        """The one that has a room; None: neither, or one that is gone."""
        node = self._redis.hash("room_node_map").get(room)
        return next((server for server in self.servers if server.node == node), None)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Skips where there is no Redis."""
    folder = tmp_path_factory.mktemp("nodes")
    try:
        redis = RedisServer(folder)
    except NoRedisError as reason:
        pytest.skip(str(reason))
    made = Nodes(folder, redis)
    try:
        redis.start()
        for server in made.servers:
            server.start()
        yield made
    finally:
        for server in made.servers:
            server.stop()
        redis.end()


@pytest_asyncio.fixture(scope="module")
async def fleet(
    database: Postgres, nodes: Nodes, tmp_path_factory: pytest.TempPathFactory, scale: Scale
) -> AsyncIterator[Fleet]:
    async with Cable(*(server.port for server in nodes.servers)) as before:
        nodes.url = before.url.replace("http", "ws", 1)
        async with running_fleet(tmp_path_factory.mktemp("fleet"), database, nodes, scale(4, 20)) as made:
            yield made


async def test_the_rooms_of_a_server_that_is_killed_are_watched_by_one_on_the_other(
    fleet: Fleet, nodes: Nodes, scale: Scale, figure: dict[str, object]
) -> None:
    took: list[float] = []
    for _ in range(scale(1, 10)):
        homes = {room: nodes.of(room) for room in fleet.rooms}
        victim = max(nodes.servers, key=[*homes.values()].count)
        lost = [room for room, server in homes.items() if server is victim]
        former = {room: {*(await fleet.watchers.sids(room)).values()} for room in lost}
        killed = time.monotonic()
        victim.kill()
        for room, at in (await _entered_anew(fleet, former)).items():
            assert room in lost
            took.append(at - killed)
        victim.start()
        await wait_until(lambda: _watched_by_one(fleet), within=LATE_SECONDS, what="each room is watched by one")
    figure.update(again_figures(took))
    assert max(took) < LATE_SECONDS


async def _entered_anew(fleet: Fleet, former: dict[str, set[str]]) -> dict[str, float]:
    """When each of these rooms had one again that came in since: Redis still says who was in it on a dead server."""
    entered: dict[str, float] = {}

    async def look(room: str) -> None:
        try:
            there = {*(await fleet.watchers.sids(room)).values()}
        except (aiohttp.ClientError, TimeoutError):
            return
        if there and not there & former[room]:
            entered.setdefault(room, time.monotonic())

    async def all_entered() -> bool:
        await asyncio.gather(*(look(room) for room in former if room not in entered))
        return len(entered) == len(former)

    await wait_until(all_entered, within=LATE_SECONDS, what="each room is entered anew")
    return entered


async def _watched_by_one(fleet: Fleet) -> bool:
    try:
        return await fleet.watched_by_one()
    except (aiohttp.ClientError, TimeoutError):
        return False
