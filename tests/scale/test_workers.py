"""Two recognizers, two web processes, one PostgreSQL, and rooms of the real LiveKit: whatever dies, each is watched."""

from __future__ import annotations

import secrets
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest_asyncio

from bench.report import percentile
from facematch.recognizer.stays.given_rooms import worker_name
from facematch.server.assignment.sharing import LEVEL, LIVES_SECONDS
from tests.rig.cable import Cable
from tests.rig.event_logs import new_database
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.photographs import REFERENCE
from tests.rig.replicas import Replicas
from tests.rig.room_watchers import RoomWatchers
from tests.rig.stack import Stack
from tests.rig.stacks import livekit
from tests.rig.waiting import wait_until, wait_until_true
from tests.rig.watch_record import WatchRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import pytest

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.postgres import Postgres
    from tests.rig.process import Process
    from tests.rig.proofs import Scale

__all__ = ["livekit"]

ROOMS = {False: 6, True: 20}
"""In the short form, and with `--faults`."""
START_SECONDS = 90
LATE_SECONDS = 15
"""What has not happened by then never will; how soon it is, `figure` keeps."""
KEYS: dict[str, object] = {
    "admin_key": "admin-key-of-two-recognizers",
    "viewer_key": "viewer-key-of-two-recognizers",
    "recognizer_key": "recognizer-key-of-recognizers",
}
BEARER = {"Authorization": f"Bearer {KEYS['admin_key']}"}


class Fleet:
    """All of them. Recognizers speak to whichever web process is there, as through a proxy."""

    def __init__(
        self, replicas: Replicas, recognizers: Sequence[Stack], url: str, watchers: RoomWatchers, rooms: Sequence[str]
    ) -> None:
        self.replicas = replicas
        self._url = url
        self._watchers = watchers
        self._rooms = rooms
        self._workers = {worker_name(one.folder / "data", 1): one.recognizer for one in recognizers}

    async def start(self) -> None:
        """Returns when all rooms are watched."""
        for worker in self._workers.values():
            worker.start()  # they take the longer to load
        await self.replicas.start()
        for room in self._rooms:
            await self._watchers.open(room, 3_600)
        await self.level()

    def record(self) -> WatchRecord:
        """Who is in the rooms."""
        return WatchRecord(self._watchers, self._rooms)

    async def whole(self) -> None:
        """Start who does not run, and return when everybody beats, and each room is watched by one."""
        for name, worker in self._workers.items():
            if not worker.alive:
                known = (await self._told("recognizers")).get(name, {})
                worker.start()
                await self.beats(name, but=known.get("boot"))
        await wait_until(self.watched_by_one, within=LATE_SECONDS, what="each room is watched by one recognizer")

    async def level(self) -> None:
        """Return when nothing is moved any more: all run, and have as much to do as their share."""

        async def so() -> bool:
            loads = [len(await self.held(name)) for name in self._workers]
            apart = max(1, LEVEL * len(self._rooms))
            return sum(loads) == len(self._rooms) and max(loads) - min(loads) <= apart and await self.watched_by_one()

        await wait_until(so, within=START_SECONDS, what="the rooms are shared out")

    async def beats(self, name: str, *, since: float | None = None, but: str | None = None) -> None:
        """Return when a recognizer has been heard of after a time, or since its last start, that of boot `but`."""

        async def so() -> bool:
            one = (await self._told("recognizers")).get(name)
            heard = one is not None and one["boot"] != but and one["age_seconds"] < LIVES_SECONDS
            return heard and (since is None or time.monotonic() - one["age_seconds"] > since)  # type: ignore[index]

        await wait_until(so, within=START_SECONDS, what=f"{name} beats")

    async def all_beat(self, since: float) -> None:
        """Return when everybody has been heard of after a time."""
        for name in self._workers:
            await self.beats(name, since=since)

    async def held(self, name: str) -> dict[str, int]:
        """The rooms of a recognizer, with their epochs, as the web processes say."""
        rooms = (await self._told("rooms")).values()
        return {one["room"]: one["epoch"] for one in rooms if one["recognizer"] == name and one["watched"]}

    async def busiest(self) -> tuple[str, Process, dict[str, int]]:
        """Who has most rooms, and which."""
        held = {name: await self.held(name) for name in self._workers}
        name = max(held, key=lambda one: len(held[one]))
        return name, self._workers[name], held[name]

    async def watched_by_one(self) -> bool:
        """Whether each room is."""
        return all(len(who) == 1 for who in (await self._watchers.all(self._rooms)).values())

    async def _told(self, what: str) -> dict[str, dict[str, Any]]:
        """Of `/api/recognizers` or `/api/rooms`, by name."""
        async with (
            aiohttp.ClientSession(headers=BEARER) as session,
            session.get(f"{self._url}/api/{what}") as answer,
        ):
            assert answer.status == 200, await answer.text()
            return {one.get("room") or one["name"]: one for one in (await answer.json())[what]}


@pytest_asyncio.fixture(scope="module")
async def fleet(
    database: Postgres, livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[Fleet]:
    """Every test leaves it with rooms that are watched, and perhaps without a recognizer: see `whole`."""
    folder = tmp_path_factory.mktemp("fleet")
    end = secrets.token_hex(4)
    names = [f"exam-{number}-{end}" for number in range(ROOMS[bool(pytestconfig.getoption("--faults"))])]
    shared = {**KEYS, "rooms": f"exam-*-{end}"}
    where = {"livekit_url": livekit.url, "livekit_api_key": KEY, "livekit_api_secret": SECRET}
    replicas = Replicas(folder, await new_database("postgresql", folder, database), 2, **shared, **where)
    recognizers: list[Stack] = []
    async with AsyncExitStack() as parts:
        parts.callback(replicas.end)
        cable = await parts.enter_async_context(Cable(*(web.port for web in replicas.processes)))
        for number in range(2):
            home = folder / f"recognizer-{number}"
            home.mkdir()
            recognizers.append(Stack(home, livekit, **{**shared, "api_base_url": cable.url}))
            recognizers[-1].put_reference(REFERENCE)
            parts.callback(recognizers[-1].end)
        watchers = await parts.enter_async_context(RoomWatchers(livekit.url))
        made = Fleet(replicas, recognizers, cable.url, watchers, names)
        await made.start()
        yield made


async def test_a_web_process_that_is_killed_ends_no_stay(fleet: Fleet, scale: Scale, figure: dict[str, object]) -> None:
    """The recognizers go on with the other: nobody is silent for so long that rooms are given to others."""
    kills = scale(1, 20)
    await fleet.whole()
    await fleet.level()
    async with fleet.record() as record:
        before = dict(record.now)
        began = time.monotonic()
        for number in range(kills):
            victim = fleet.replicas[number % 2]
            victim.process.kill()
            await fleet.all_beat(since=time.monotonic() + LIVES_SECONDS + 1)
            await victim.start()
        moved = record.longest(lambda who: who not in before.values(), began)
        assert dict(record.now) == before
    figure.update(kills=kills, looks=record.looks, stays_that_ended=sum(map(bool, moved.values())))
    assert not any(moved.values())


async def test_a_recognizer_that_stands_still_is_followed_and_leaves_when_it_wakes_up(
    fleet: Fleet, scale: Scale, figure: dict[str, object]
) -> None:
    took: list[float] = []
    doubles: list[float] = []
    for _ in range(scale(1, 20)):
        await fleet.whole()
        name, frozen, held = await fleet.busiest()
        async with fleet.record() as record:
            stopped = time.monotonic()
            frozen.send(signal.SIGSTOP)
            try:
                await _taken_over(record, held, stopped)
            finally:
                woken = time.monotonic()
                frozen.send(signal.SIGCONT)
            await fleet.beats(name, since=woken)

            async def works_again(name: str = name) -> bool:
                return bool(await fleet.held(name))

            await wait_until(works_again, within=LATE_SECONDS, what="it is given rooms again")
            await wait_until(fleet.watched_by_one, within=LATE_SECONDS, what="each room is watched by one recognizer")
            took += record.until_newer(held, stopped).values()
            doubles += record.longest(lambda who: len(who) > 1, woken).values()
    figure.update(_figures(took), two_in_a_room_s=round(max(doubles), 2))
    assert max(took) < LATE_SECONDS
    assert max(doubles) <= scale(5.0, 1.0)


async def test_a_recognizer_that_ends_gives_its_rooms_over(
    fleet: Fleet, scale: Scale, figure: dict[str, object]
) -> None:
    gaps: list[float] = []
    ends: list[float] = []
    for _ in range(scale(1, 20)):
        await fleet.whole()
        _, leaving, held = await fleet.busiest()
        async with fleet.record() as record:
            told = time.monotonic()
            code, seconds = await leaving.terminate(within=LATE_SECONDS)
            assert code == 0
            await _taken_over(record, held, told)
            gaps += (record.longest(lambda who: not who, told)[room] for room in held)
        ends.append(seconds)
    figure.update(
        rooms=len(gaps),
        gap_p99_s=round(percentile(gaps, 0.99), 2),
        gap_max_s=round(max(gaps), 2),
        exit_max_s=round(max(ends), 2),
    )
    assert max(gaps) < LATE_SECONDS


async def test_the_rooms_of_a_recognizer_that_is_killed_are_watched_again(
    fleet: Fleet, scale: Scale, figure: dict[str, object]
) -> None:
    took: list[float] = []
    for _ in range(scale(1, 30)):
        await fleet.whole()
        _, victim, held = await fleet.busiest()
        async with fleet.record() as record:
            killed = time.monotonic()
            victim.kill()
            await _taken_over(record, held, killed)
            took += record.until_newer(held, killed).values()
    await fleet.whole()
    figure.update(_figures(took))
    assert max(took) < LATE_SECONDS


async def _taken_over(record: WatchRecord, held: dict[str, int], since: float) -> None:
    """Return when each of these rooms has its next owner in it, and nobody else."""

    def so() -> bool:
        now = [record.now[room] for room in held]
        return len(record.until_newer(held, since)) == len(held) and all(len(who) == 1 for who in now)

    assert held, "it has rooms that can be taken over"
    await wait_until_true(so, within=2 * LATE_SECONDS, what="each room has its next owner, and nobody else")


def _figures(took: list[float]) -> dict[str, object]:
    """Of rooms that were watched again after so many seconds."""
    return {
        "rooms": len(took),
        "watched_again_p50_s": round(percentile(took, 0.5), 2),
        "p99_s": round(percentile(took, 0.99), 2),
        "max_s": round(max(took), 2),
    }
