"""The way from the recognizer to the API goes silent: nothing that happens meanwhile is lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.rig.audit import assert_in_order, assert_snapshots_have_events, delivered, logged
from tests.rig.cable import Cable
from tests.rig.crowd import gather
from tests.rig.listener import is_match

if TYPE_CHECKING:
    from tests.faults.conftest import Scale
    from tests.rig.stacks import MakeStack

FIRST = 30
HEALED_SECONDS = 60
HOLD = 1
"""Seconds: eight tracks then tell some ten times as much as with the default, thousands of events in five minutes."""


async def test_all_is_delivered_within_a_minute_of_healing(
    make_stack: MakeStack, scale: Scale, figure: dict[str, object]
) -> None:
    stack = make_stack(hold_seconds=HOLD)
    async with Cable(int(stack.base_url.rpartition(":")[2])) as cable:
        stack.recognizer.set(API_BASE_URL=cable.url)
        await stack.start()
        async with stack.publishers() as publishers:
            await gather(publishers, stack.room)
            async with stack.listen() as events:
                await events.next(is_match(), within=FIRST)
            cable.cut()
            before = len(await logged(stack.base_url))
            await asyncio.sleep(scale(15, 300))
            assert len(await logged(stack.base_url)) <= before + 2  # what was on the wire at that moment

            await cable.heal()
            healed = time.monotonic()
            await delivered(stack, within=HEALED_SECONDS)
            figure["seconds from healing"] = round(time.monotonic() - healed, 1)
        await stack.recognizer.terminate(within=10)

    found = await logged(stack.base_url)
    figure["delivered late"] = len(found) - before
    assert len(found) > before + 20
    assert_in_order(found)
    assert_snapshots_have_events(found, stack.captures, ended=stack.recognizer)
