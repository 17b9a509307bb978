"""Two recognizers, two web processes, one PostgreSQL, and rooms of the real LiveKit: whatever dies, each is watched."""

from __future__ import annotations

import secrets
import signal
import time
from typing import TYPE_CHECKING

import pytest_asyncio

from bench.report import percentile
from facematch.server.assignment.sharing import LIVES_SECONDS
from tests.rig.running_fleet import LATE_SECONDS, running_fleet
from tests.rig.stacks import livekit
from tests.rig.waiting import wait_until, wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.postgres import Postgres
    from tests.rig.proofs import Scale
    from tests.rig.running_fleet import Fleet
    from tests.rig.watch_record import WatchRecord

__all__ = ["livekit"]

ROOMS = {False: 6, True: 20}
"""In the short form, and with `--faults`."""


@pytest_asyncio.fixture(scope="module")
async def fleet(
    database: Postgres, livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[Fleet]:
    """Every test leaves it with rooms that are watched, and perhaps without a recognizer: see `whole`."""
    end = secrets.token_hex(4)
    rooms = [f"exam-{number}-{end}" for number in range(ROOMS[bool(pytestconfig.getoption("--faults"))])]
    async with running_fleet(tmp_path_factory.mktemp("fleet"), database, livekit, rooms) as made:
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
