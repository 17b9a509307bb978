from __future__ import annotations

import asyncio

import pytest

from facematch.recognizer.batch_slots import MOST_CROWDED, BatchSlots, Share, Slot, slots_for
from tests.rig.virtual_time import now, run


class Visit:
    """A task that takes a place and keeps it until it is told to leave."""

    def __init__(self, slots: BatchSlots, name: str, order: list[str], whose: str | None = None) -> None:
        self._slots = slots
        self._name = name
        self._whose = whose or name
        self._order = order
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._slots.one(self._whose):
            self._order.append(self._name)
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task

    async def cancel(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_first_come_first_served() -> None:
    async def scenario() -> None:
        slots, order = BatchSlots(1), list[str]()
        visits = [Visit(slots, name, order) for name in "abcd"]
        await settled()
        assert (order, slots.waiting) == (["a"], 3)
        for visit in visits:
            await visit.leave()
            await settled()
        assert (order, slots.waiting) == (["a", "b", "c", "d"], 0)

    run(scenario())


def test_who_comes_back_waits_behind_those_who_wait() -> None:
    """With more tracks than slots each gets its turn, however often another one asks."""

    async def scenario() -> list[str]:
        slots, order = BatchSlots(2), list[str]()

        async def track(name: str) -> None:
            for _ in range(3):
                async with slots.one(name):
                    order.append(name)
                    await asyncio.sleep(1)

        await asyncio.gather(*(track(name) for name in "abcde"))
        return order

    assert run(scenario()) == list("abcde" * 3)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_whoever_has_many_tracks_waits_for_them_by_himself(count: int) -> None:
    """Sixty-four tracks that take ten seconds each, and one that takes a moment: it hardly waits."""

    async def scenario() -> list[float]:
        slots, waited = BatchSlots(count), list[float]()

        async def black() -> None:
            while True:
                async with slots.one("mallory"):
                    await asyncio.sleep(10)

        async def alice() -> None:
            for _ in range(6):
                asked = now()
                async with slots.one("alice"):
                    waited.append(now() - asked)
                    await asyncio.sleep(0.5)
                await asyncio.sleep(9.7)

        others = [asyncio.create_task(black()) for _ in range(64)]
        await settled()
        await alice()
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return waited

    waited = run(scenario())
    assert max(waited) <= (20 if count == 1 else 0)  # where there are two slots, one is never Mallory's


def test_rounds_of_three_who_ask_for_very_different_numbers() -> None:
    async def scenario() -> str:
        slots, order = BatchSlots(1), list[str]()

        async def turn(name: str) -> None:
            async with slots.one(name):
                order.append(name)
                await asyncio.sleep(1)

        await asyncio.gather(*(turn(name) for name in "mmmmmmaabm"))
        return "".join(order)

    assert run(scenario()) == "mmabmammmm"


def test_nobody_waits_for_ever_however_many_come_new() -> None:
    """Somebody new asks every second, for as much as there is: who asks for a second turn gets it all the same."""

    async def scenario() -> list[float]:
        slots, served = BatchSlots(1), list[float]()

        async def visit(name: object) -> None:
            async with slots.one(name):
                if name == "alice":
                    served.append(now())
                await asyncio.sleep(1)

        visits = [asyncio.create_task(visit("alice")) for _ in range(3)]
        for number in range(60):
            visits.append(asyncio.create_task(visit(number)))
            await asyncio.sleep(1)
        await asyncio.gather(*visits)
        return served

    assert max(run(scenario())) <= 10


def test_nothing_is_kept_of_those_who_have_gone() -> None:
    async def scenario() -> tuple[int, int]:
        slots = BatchSlots(2)
        for number in range(1000):
            async with slots.one(number):
                await asyncio.sleep(1)
        return len(slots._asked), len(slots._batches)

    assert run(scenario()) <= (1000, 0)


def test_never_more_at_work_than_places() -> None:
    async def scenario() -> int:
        slots, at_work, most = BatchSlots(3), 0, 0

        async def visit(number: int, seconds: float) -> None:
            nonlocal at_work, most
            async with slots.one(number):
                at_work += 1
                most = max(most, at_work)
                await asyncio.sleep(seconds)
                at_work -= 1

        await asyncio.gather(*(visit(number, 1 + number % 4) for number in range(20)))
        assert at_work == slots.waiting == 0
        return most

    assert run(scenario()) == 3


@pytest.mark.parametrize(("cores", "slots"), [(1, 8), (2, 8), (4, 16), (16, 64)])
def test_the_machine_decides_how_many_there_are(cores: int, slots: int) -> None:
    assert slots_for(cores) == slots


class Batch:
    """A task that takes a slot and then as much of it as it is told to."""

    def __init__(self, slots: BatchSlots, whose: object) -> None:
        self.slot: Slot | None = None
        self._leave = asyncio.Event()
        self._slots, self._whose = slots, whose
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._slots.one(self._whose) as self.slot:
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task


async def batches(slots: BatchSlots, count: int, whose: str = "") -> list[Batch]:
    made = [Batch(slots, whose or number) for number in range(count)]
    await settled()
    return made


def at_work(batches: list[Batch]) -> list[Slot]:
    return [batch.slot for batch in batches if batch.slot is not None]


async def all_leave(batches: list[Batch]) -> None:
    await asyncio.gather(*(batch.leave() for batch in batches))


@pytest.mark.parametrize(
    ("keeps", "most"), [(Share.WHOLE, 8), (Share.QUARTER, 4 * 7 + 1), (Share.NOTHING, 50)], ids=str
)
def test_who_waits_for_pictures_lets_others_in(keeps: Share, most: int) -> None:
    async def scenario() -> int:
        slots = BatchSlots(8)
        asking = await batches(slots, 50)
        change = {Share.QUARTER: Slot.keep_a_quarter, Share.NOTHING: Slot.keep_nothing}.get(keeps, Slot.take_whole)
        for _ in range(50):
            for slot in at_work(asking):
                change(slot)
            await settled()
        count = len(at_work(asking))
        assert slots.waiting == 50 - count
        await all_leave(asking)
        assert (slots.waiting, slots._taken, slots._with_pictures) == (0, 0, 0)
        return count

    assert run(scenario()) == most


def test_one_participant_has_half_of_them_however_he_waits() -> None:
    async def scenario() -> int:
        slots = BatchSlots(8)
        asking = await batches(slots, 50, whose="mallory")
        for _ in range(50):
            for slot in at_work(asking):
                slot.keep_a_quarter()
            await settled()
        count = len(at_work(asking))
        await all_leave(asking)
        return count

    assert run(scenario()) == 4


@pytest.mark.parametrize("count", [1, 2, 8])
def test_what_comes_late_and_all_at_once_is_bounded(count: int) -> None:
    async def scenario() -> None:
        slots = BatchSlots(count)
        late = await batches(slots, 50 * count)
        for _ in range(50 * count):
            for slot in at_work(late):
                slot.keep_nothing()
            await settled()
        taken = [slot.take_whole() for slot in at_work(late)]
        assert taken == [True] * (MOST_CROWDED * count) + [False] * (len(taken) - MOST_CROWDED * count)
        assert all(slot.take_whole() for slot in at_work(late)[: MOST_CROWDED * count])  # who has it keeps it
        (other,) = await batches(slots, 1, whose="other")
        assert at_work([other]) == []
        await all_leave([*late, other])

    run(scenario())


def test_a_cancelled_wait_leaves_the_queue() -> None:
    async def scenario() -> None:
        slots, order = BatchSlots(1), list[str]()
        a, b, c = (Visit(slots, name, order) for name in "abc")
        await settled()
        await b.cancel()
        assert slots.waiting == 1
        await a.leave()
        await settled()
        assert order == ["a", "c"]
        await c.leave()

    run(scenario())


def test_a_cancelled_visit_gives_its_place_back() -> None:
    async def scenario() -> None:
        slots, order = BatchSlots(1), list[str]()
        a, b = (Visit(slots, name, order) for name in "ab")
        await settled()
        await a.cancel()
        await settled()
        assert order == ["a", "b"]
        await b.leave()

    run(scenario())


def test_a_place_handed_over_in_the_moment_of_a_cancellation_is_not_lost() -> None:
    async def scenario() -> None:
        slots, order = BatchSlots(2), list[str]()
        slots.limit = 1
        a, b, c = (Visit(slots, name, order) for name in "abc")
        await settled()
        slots.limit = 2  # b has a place from now on, and has not run yet
        assert slots.waiting == 1
        await b.cancel()
        await settled()
        assert order == ["a", "c"]
        await a.leave()
        await c.leave()

    run(scenario())


def test_an_error_inside_gives_the_place_back() -> None:
    async def scenario() -> None:
        slots = BatchSlots(1)
        with pytest.raises(ZeroDivisionError):
            async with slots.one("a"):
                raise ZeroDivisionError
        async with slots.one("a"):
            pass

    run(scenario())


def test_a_lowered_limit_takes_no_place_away_and_hands_out_fewer() -> None:
    async def scenario() -> None:
        slots, order = BatchSlots(3), list[str]()
        a, b, c, d, e = (Visit(slots, name, order) for name in "abcde")
        await settled()
        slots.limit = 1
        assert order == ["a", "b", "c"]
        await a.leave()
        await b.leave()
        await settled()
        assert order == ["a", "b", "c"]
        await c.leave()
        await settled()
        assert order == ["a", "b", "c", "d"]
        slots.limit = 3
        await settled()
        assert order == ["a", "b", "c", "d", "e"]
        await d.leave()
        await e.leave()

    run(scenario())


@pytest.mark.parametrize(("asked", "given"), [(-1, 1), (0, 1), (2, 2), (4, 4), (99, 4)])
def test_the_limit_stays_between_one_and_the_count(asked: int, given: int) -> None:
    slots = BatchSlots(4)
    slots.limit = asked
    assert slots.limit == given
