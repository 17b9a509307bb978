"""Recognizers and web processes that share the rooms of a real LiveKit: all of them processes that can be broken."""

from __future__ import annotations

import math
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from facematch.recognizer.stays.given_rooms import worker_name
from facematch.server.assignment.sharing import LEVEL, LIVES_SECONDS
from tests.rig.cable import Cable
from tests.rig.event_logs import new_database
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.photographs import REFERENCE
from tests.rig.replicas import Replicas, sending
from tests.rig.room_watchers import RoomWatchers
from tests.rig.stack import Stack
from tests.rig.waiting import wait_until
from tests.rig.watch_record import WatchRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.rig.hosts import Hosts
    from tests.rig.livekit_server import LiveKit
    from tests.rig.postgres import Postgres
    from tests.rig.process import Process
    from tests.rig.replicas import Sender

START_SECONDS = 90
LATE_SECONDS = 15
"""What has not happened by then never will; how soon it is, `figure` keeps."""
SENDER = "a sender of checks"
"""`source` of the events of `Fleet.sending`."""
_AWAY = (aiohttp.ClientError, TimeoutError)
"""A web process that was killed, or stands still, is not asked twice: the next question goes to another."""
_ANSWER = aiohttp.ClientTimeout(total=3)
KEYS: dict[str, object] = {
    "admin_key": "admin-key-of-two-recognizers",
    "viewer_key": "viewer-key-of-two-recognizers",
    "recognizer_key": "recognizer-key-of-recognizers",
}
BEARER = {"Authorization": f"Bearer {KEYS['admin_key']}"}


class Fleet:
    """All of them. Recognizers speak to whichever web process is there, as through a proxy."""

    def __init__(
        self, replicas: Replicas, recognizers: Sequence[Stack], url: str, watchers: RoomWatchers, rooms: int, end: str
    ) -> None:
        self.replicas = replicas
        self.url = url
        """Of whichever web process is there."""
        self.watchers = watchers
        self.end = end
        """Of the name of each room that they watch; `exam-` is the beginning."""
        self.rooms = [f"exam-{number}-{end}" for number in range(rooms)]
        self.workers = {worker_name(one.folder / "data", 1): one.recognizer for one in recognizers}

    async def start(self) -> None:
        """Returns when all rooms are watched."""
        for worker in self.workers.values():
            worker.start()  # they take the longer to load
        await self.replicas.start()
        await self.open_rooms()
        await self.level()

    async def open_rooms(self) -> None:
        """Those that are there already stay as they are."""
        for room in self.rooms:
            await self.watchers.open(room, 3_600)

    def record(self, *, livekit_may_be_away: bool = False) -> WatchRecord:
        """Who is in the rooms."""
        return WatchRecord(self.watchers, self.rooms, livekit_may_be_away=livekit_may_be_away)

    def sending(self) -> AbstractAsyncContextManager[Sender]:
        """Events all the time, with a recognizer's key."""
        key = {"Authorization": f"Bearer {KEYS['recognizer_key']}"}
        return sending(self.replicas, 2, apart=0.05, source=SENDER, headers=key)

    async def whole(self) -> None:
        """Start who does not run, and return when everybody beats, and each room is watched by one."""
        for name, worker in self.workers.items():
            if not worker.alive:
                await self.begin(name)
        await wait_until(self.watched_by_one, within=LATE_SECONDS, what="each room is watched by one recognizer")

    async def level(self) -> None:
        """Return when nothing is moved any more: all run, and have as much to do as their share."""

        async def so() -> bool:
            loads = [len(await self.held(name)) for name in self.workers]
            apart = 1 + LEVEL * len(self.rooms)  # nothing is moved that would go half its weight beyond the other
            return sum(loads) == len(self.rooms) and max(loads) - min(loads) <= apart and await self.watched_by_one()

        await wait_until(so, within=START_SECONDS, what="the rooms are shared out")

    async def begin(self, name: str) -> None:
        """Start a recognizer, and return when it beats."""
        began = time.monotonic()
        self.workers[name].start()
        await self.beats(name, since=began + 1.0)  # a beat of its former life is older

    async def beats(self, name: str, *, since: float) -> None:
        """Return when a recognizer has been heard of after a time."""

        async def so() -> bool:
            try:
                told = await self._told("recognizers")
            except _AWAY:
                return False
            age: float = told[name]["age_seconds"] if name in told else math.inf
            return age < LIVES_SECONDS and time.monotonic() - age > since

        await wait_until(so, within=START_SECONDS, what=f"{name} beats")

    async def all_beat(self, since: float) -> None:
        """Return when everybody has been heard of after a time."""
        for name in self.workers:
            await self.beats(name, since=since)

    async def held(self, name: str) -> dict[str, int]:
        """The rooms of a recognizer, with their epochs, as the web processes say."""
        rooms = (await self._told("rooms")).values()
        return {one["room"]: one["epoch"] for one in rooms if one["recognizer"] == name and one["watched"]}

    async def upgrade(self) -> None:
        """Each process ends in order and begins again, one after the other, as docs/scaling.md says."""
        for web in self.replicas.processes:
            await web.process.terminate(within=LATE_SECONDS)
            await web.start()
        for name, worker in self.workers.items():
            await worker.terminate(within=LATE_SECONDS)
            await self.begin(name)

    async def busiest(self) -> tuple[str, Process, dict[str, int]]:
        """Who has most rooms, and which."""
        held = {name: await self.held(name) for name in self.workers}
        name = max(held, key=lambda one: len(held[one]))
        return name, self.workers[name], held[name]

    async def watched_by_one(self) -> bool:
        """Whether each room is."""
        return all(len(who) == 1 for who in (await self.watchers.all(self.rooms)).values())

    async def _told(self, what: str) -> dict[str, dict[str, Any]]:
        """Of `/api/recognizers` or `/api/rooms`, by name."""
        async with (
            aiohttp.ClientSession(headers=BEARER, timeout=_ANSWER) as session,
            session.get(f"{self.url}/api/{what}?limit=500") as answer,
        ):
            if answer.status == 503:
                raise TimeoutError(await answer.text())
            assert answer.status == 200, await answer.text()
            return {one.get("room") or one["name"]: one for one in (await answer.json())[what]}


@asynccontextmanager
async def running_fleet(
    folder: Path,
    database: Postgres,
    livekit: LiveKit,
    rooms: int,
    hosts: Hosts | None = None,
    **settings: object,
) -> AsyncIterator[Fleet]:
    """Two recognizers and two web processes, which watch rooms whose names have a part in common.

    Args:
        folder: receives what they write.
        database: a server.
        livekit: has the rooms.
        rooms: how many.
        hosts: two machines, each with one recognizer and one web process; None: all run on this one.
        settings: of all processes.
    """
    end = secrets.token_hex(4)
    shared = {**KEYS, "rooms": f"exam-*-{end}", **settings}
    where = {"livekit_url": livekit.url, "livekit_api_key": KEY, "livekit_api_secret": SECRET}
    replicas = Replicas(folder, await new_database("postgresql", folder, database), 2, **shared, **where)
    recognizers: list[Stack] = []
    async with AsyncExitStack() as parts:
        parts.callback(replicas.end)
        if hosts:
            for number, web in enumerate(replicas.processes):
                web.move_to(hosts[number])
        to = [(web.address, web.port) for web in replicas.processes]
        cable = await parts.enter_async_context(Cable(*to, address=hosts.address if hosts else "127.0.0.1"))
        for number in range(2):
            home = folder / f"recognizer-{number}"
            home.mkdir()
            recognizers.append(Stack(home, livekit, **{**shared, "api_base_url": cable.url}))
            recognizers[-1].put_reference(REFERENCE)
            if hosts:
                recognizers[-1].recognizer.runs_between(hosts[number].before)
            parts.callback(recognizers[-1].end)
        watchers = await parts.enter_async_context(RoomWatchers(livekit.url))
        made = Fleet(replicas, recognizers, cable.url, watchers, rooms, end)
        await made.start()
        yield made
