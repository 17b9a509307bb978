"""Two recognizers, two web processes, one PostgreSQL, and rooms of the real LiveKit: whatever dies, each is watched."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest_asyncio

from bench.report import percentile
from facematch.server.assignment.sharing import LIVES_SECONDS
from tests.rig.audit import logged
from tests.rig.running_fleet import BEARER, LATE_SECONDS, START_SECONDS, running_fleet
from tests.rig.stacks import livekit
from tests.rig.waiting import wait_until
from tests.rig.watch_record import again_figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.postgres import Postgres
    from tests.rig.proofs import Scale
    from tests.rig.running_fleet import Fleet

__all__ = ["livekit"]

JOINED_SECONDS = 60
SHARE = 0.8
"""Part of an even share that each has at least."""


@pytest_asyncio.fixture(scope="module")
async def fleet(
    database: Postgres, livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory, scale: Scale
) -> AsyncIterator[Fleet]:
    """Every test leaves it with rooms that are watched, and perhaps without a recognizer: see `whole`."""
    async with running_fleet(tmp_path_factory.mktemp("fleet"), database, livekit, scale(6, 20)) as made:
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


async def test_while_postgresql_is_away_and_when_it_is_back_no_stay_ends(
    fleet: Fleet, database: Postgres, scale: Scale, figure: dict[str, object]
) -> None:
    """All beats are old then, and nobody is dead."""
    absences = scale((4.0,), (*[0.0] * 20, 30.0))
    await fleet.whole()
    await fleet.level()
    async with fleet.record() as record, fleet.sending() as sender:
        before = dict(record.now)
        began = time.monotonic()
        for seconds in absences:
            await asyncio.to_thread(database.stop)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(database.start_again)
            await fleet.all_beat(since=time.monotonic() + LIVES_SECONDS + 1)
        moved = record.longest(lambda who: who not in before.values(), began)
        assert dict(record.now) == before
    there = Counter(event["event_id"] for event in await logged(fleet.url, headers=BEARER))
    figure.update(
        absences=len(absences),
        acknowledged=len(sender.acknowledged),
        longest_wait_s=round(sender.longest_gap, 1),
        stays_that_ended=sum(map(bool, moved.values())),
    )
    assert [there[one] for one in sender.acknowledged] == [1] * len(sender.acknowledged)
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
                await record.taken_over(held, stopped)
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
    figure.update(again_figures(took), two_in_a_room_s=round(max(doubles), 2))
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
            await record.taken_over(held, told)
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
            await record.taken_over(held, killed)
            took += record.until_newer(held, killed).values()
    await fleet.whole()
    figure.update(again_figures(took))
    assert max(took) < LATE_SECONDS


async def test_one_that_joins_is_given_its_share(fleet: Fleet, scale: Scale, figure: dict[str, object]) -> None:
    """Rooms move while somebody watches them: nobody leaves one before the next is in it."""
    took: list[float] = []
    gaps: list[float] = []
    for _ in range(scale(1, 5)):
        await fleet.whole()
        name, joining, held = await fleet.busiest()
        async with fleet.record() as record:
            joining.kill()
            await record.taken_over(held, time.monotonic())
        await fleet.begin(name)
        async with fleet.record() as record:
            joined = time.monotonic()
            await fleet.level()
            took.append(time.monotonic() - joined)
            gaps += record.longest(lambda who: not who, joined).values()
    figure.update(level_after_s=round(max(took), 1), nobody_s=round(max(gaps), 2))
    assert max(took) < JOINED_SECONDS


async def test_all_processes_are_replaced_one_after_the_other_while_events_come(
    fleet: Fleet, scale: Scale, figure: dict[str, object]
) -> None:
    await fleet.whole()
    await fleet.level()
    async with fleet.record() as record, fleet.sending() as sender:
        began = time.monotonic()
        for _ in range(scale(1, 5)):
            await fleet.upgrade()
        gaps = record.longest(lambda who: not who, began)
        doubles = record.longest(lambda who: len(who) > 1, began)
    there = Counter(event["event_id"] for event in await logged(fleet.url, headers=BEARER))
    assert [there[one] for one in sender.acknowledged] == [1] * len(sender.acknowledged)
    figure.update(
        acknowledged=len(sender.acknowledged),
        longest_wait_s=round(sender.longest_gap, 2),
        nobody_s=round(max(gaps.values()), 2),
        two_in_a_room_s=round(max(doubles.values()), 2),
    )
    assert max(gaps.values()) < LATE_SECONDS


async def test_many_rooms_that_open_at_once_are_all_watched_and_shared(
    fleet: Fleet, scale: Scale, figure: dict[str, object]
) -> None:
    await fleet.whole()
    await fleet.level()
    rooms = {f"exam-cold-{number}-{fleet.end}" for number in range(scale(12, 100))}
    await asyncio.gather(*(fleet.watchers.open(room, 3_600) for room in rooms))
    began = time.monotonic()
    shares: list[int] = []

    async def all_watched() -> bool:
        shares[:] = [len(rooms & {*(await fleet.held(name))}) for name in fleet.workers]
        return sum(shares) == len(rooms)

    await wait_until(all_watched, within=LATE_SECONDS * 4, what="all rooms are watched")
    figure.update(rooms=len(rooms), all_watched_s=round(time.monotonic() - began, 1), shares=sorted(shares))

    async def shared() -> bool:  # at once; but whoever stands still for some beats has the others watch first
        return await all_watched() and min(shares) >= scale(0.5, SHARE) * len(rooms) / len(shares)

    await wait_until(shared, within=scale(START_SECONDS, 1.0), what="they are shared")
    for room in rooms:
        await fleet.watchers.delete(room)
