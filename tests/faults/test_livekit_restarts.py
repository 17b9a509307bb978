"""LiveKit dies and comes back: the recognizer probes again soon, the same process all along."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.rig.crowd import SMALL
from tests.rig.listener import is_match

if TYPE_CHECKING:
    from tests.faults.conftest import Scale
    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.stacks import MakeStack

FIRST = 30
AGAIN_SECONDS = 10.0
AWAY = (0.0, 4.0, 1.0, 2.0)
"""Seconds without a server, in turn."""


async def test_probing_again_soon_after_every_restart(
    make_stack: MakeStack, own_livekit: LiveKitServer, scale: Scale, figure: dict[str, object]
) -> None:
    stack = make_stack(own_livekit, hold_seconds=1)
    await stack.start()
    pid = stack.recognizer.pid
    took = []
    async with stack.listen() as events:
        async with stack.publishers() as publishers:
            await publishers.on_air(stack.room, "before", SMALL, fps=8)
            await events.next(is_match("before"), within=FIRST)
        for number in range(scale(2, 20)):
            own_livekit.kill()
            await asyncio.sleep(AWAY[number % len(AWAY)])
            own_livekit.start()
            answers = time.monotonic()
            async with stack.publishers() as publishers:
                await publishers.on_air(stack.room, f"after-{number}", SMALL, fps=8)
                match = await events.next(is_match(f"after-{number}"), within=FIRST)
            took.append(match.at - answers)
    figure["seconds from LiveKit's answer to a match"] = ", ".join(f"{seconds:.1f}" for seconds in took)
    assert stack.recognizer.pid == pid
    assert stack.recognizer.alive
    assert max(took) <= scale(2.5, 1.0) * AGAIN_SECONDS  # beside other tests, the machine has other things to do
