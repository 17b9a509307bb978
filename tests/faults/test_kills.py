"""Both processes die at any moment: what was seen is told, once and in order."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

from tests.rig.audit import assert_in_order, assert_snapshots_have_events, delivered, logged
from tests.rig.crowd import gather
from tests.rig.listener import by_another_life, is_match

if TYPE_CHECKING:
    from tests.faults.conftest import Launch, Scale
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

SEED = 20250925
FIRST = 30
AGAIN = 30


async def test_sigkill_at_random_moments(make_stack: MakeStack, scale: Scale, figure: dict[str, object]) -> None:
    stack = make_stack(hold_seconds=0.3, wait_seconds=0.3)
    await stack.start()
    api_kills, recognizer_kills = scale((4, 3), (50, 30))
    async with stack.publishers() as publishers:
        await gather(publishers, stack.room)
        async with stack.listen() as events:
            first = await events.next(is_match(), within=FIRST)
        async with asyncio.TaskGroup() as killers:
            killers.create_task(_kill_api(stack, api_kills, _chance(1)))
            killers.create_task(_kill_recognizer(stack, recognizer_kills, _chance(2)))
        await stack.recognizer_connected(within=AGAIN)
        async with stack.listen() as events:  # what the first life left behind comes first, and late
            await events.next(by_another_life(first["source"]), within=FIRST, what="a match by a later life")
        await delivered(stack, within=60)
    assert await stack.recognizer.terminate(within=10)
    await _last_words_arrive(stack)

    found = await logged(stack.base_url)
    assert_in_order(found)
    figure["events"] = len(found)
    figure["snapshots"] = assert_snapshots_have_events(found, stack.captures)
    figure["recognizer lives"] = len({event["source"] for event in found})
    assert len({event["source"] for event in found}) > 1


def _chance(killer: int) -> random.Random:
    return random.Random(SEED + killer)  # noqa: S311  (moments that the next run repeats, no secrets)


async def _kill_api(stack: Stack, times: int, chance: random.Random) -> None:
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0.5, 4.0))
        stack.api.kill()
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        stack.api.start()  # the next may come before it answers
    await stack.api_answers(within=AGAIN)


async def _kill_recognizer(stack: Stack, times: int, chance: random.Random) -> None:
    for _ in range(times):
        lives = stack.recognizer.output().count("Connected to LiveKit")
        await asyncio.sleep(chance.uniform(0.2, 3.0))
        stack.recognizer.kill()
        stack.recognizer.start()
        await stack.recognizer.says("Connected to LiveKit", times=lives + 1, within=AGAIN)


async def _last_words_arrive(stack: Stack) -> None:
    """What the end had no time to hand over is handed over by the next start, which sees nobody any more."""
    await stack.start_recognizer()
    await delivered(stack, within=30)
    assert await stack.recognizer.terminate(within=10)


async def test_a_native_crash_in_the_middle_of_a_batch(launch: Launch, scale: Scale, figure: dict[str, object]) -> None:
    """What dlib's heap corruption would be: SIGSEGV and SIGABRT, with no chance to say goodbye."""
    stack = launch(hold_seconds=0, match_cooldown_seconds=0)
    await stack.start()
    crashes = [signal.SIGSEGV, signal.SIGABRT] * scale(1, 3)
    async with stack.publishers() as publishers, stack.listen() as events:
        await gather(publishers, stack.room, 2)
        await events.next(is_match(), within=FIRST)
        for number in crashes:
            recognizer = stack.part("recognizer")
            assert recognizer is not None
            recognizer.send_signal(number)
            source = events.received[-1]["source"]
            await stack.started_again("recognizer", recognizer, within=40)
            await events.next(
                by_another_life(source),
                within=FIRST,
                what="a match by the next life",
            )
    await delivered(stack, within=30)
    said = stack.launcher.output()
    assert said.count("The recognizer was ended by SIGSEGV; it is started again in ") == len(crashes) / 2
    assert said.count("The recognizer was ended by SIGABRT; it is started again in ") == len(crashes) / 2
    code, _ = await stack.launcher.terminate(within=12)
    assert code == 0
    found = [received.event for received in events.received]
    assert_in_order(found)
    figure["events"] = len(found)
