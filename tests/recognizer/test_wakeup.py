from __future__ import annotations

import asyncio

import pytest

from facematch.recognizer.wakeup import Wakeup
from tests.rig.virtual_time import now, run


def test_what_holds_already_is_not_waited_for() -> None:
    async def scenario() -> None:
        assert await Wakeup().until(lambda: True, 0)
        assert await Wakeup().until(lambda: True, None)
        assert now() == 0.0

    run(scenario())


def test_a_notification_that_changed_nothing_does_not_end_the_wait() -> None:
    async def scenario() -> list[float]:
        changed, looks = Wakeup(), []
        loop = asyncio.get_running_loop()

        def holds() -> bool:
            looks.append(now())
            return now() >= 2.0

        for when in (1.0, 2.0, 3.0):
            loop.call_at(when, changed.notify)
        assert await changed.until(holds, 60)
        return looks

    assert run(scenario()) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("seconds", [0, 5])
def test_it_gives_up_when_the_time_is_over(seconds: float) -> None:
    async def scenario() -> None:
        assert not await Wakeup().until(lambda: False, seconds)
        assert now() == pytest.approx(seconds)

    run(scenario())


def test_what_came_true_unannounced_is_seen_at_the_end() -> None:
    async def scenario() -> None:
        assert await Wakeup().until(lambda: now() >= 5, 5)

    run(scenario())


def test_without_a_bound_it_waits_for_ever() -> None:
    async def scenario() -> None:
        changed = Wakeup()
        asyncio.get_running_loop().call_at(1e6, changed.notify)
        assert await changed.until(lambda: now() >= 1e6, None)

    run(scenario())


def test_notifications_between_two_looks_count_once_as_a_call_and_each_in_the_count() -> None:
    async def scenario() -> None:
        changed, looks = Wakeup(), 0

        def holds() -> bool:
            nonlocal looks
            looks += 1
            return looks == 3

        def burst() -> None:
            for _ in range(10):
                changed.notify()

        loop = asyncio.get_running_loop()
        loop.call_at(1.0, burst)
        loop.call_at(2.0, burst)
        assert await changed.until(holds, None)
        assert changed.count == 20
        assert now() == 2.0

    run(scenario())


def test_two_who_wait_are_both_woken() -> None:
    async def scenario() -> None:
        changed = Wakeup()
        waiting = [asyncio.create_task(changed.until(lambda: changed.count > 0, None)) for _ in range(2)]
        await asyncio.sleep(1)
        changed.notify()
        assert await asyncio.gather(*waiting) == [True, True]

    run(scenario())


def test_cancelling_the_wait_raises_and_leaves_the_next_one_intact() -> None:
    async def scenario() -> None:
        changed = Wakeup()
        waiting = asyncio.create_task(changed.until(lambda: False, None))
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        asyncio.get_running_loop().call_later(1, changed.notify)
        assert await changed.until(lambda: changed.count == 1, None)

    run(scenario())
