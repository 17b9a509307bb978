"""Only the signal connection to LiveKit breaks, and is resumed: the media flow on, and nobody is lost sight of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.cable import Cable
from tests.rig.listener import TELLING_SECONDS, between, is_check
from tests.rig.photographs import STRANGER, Scene

if TYPE_CHECKING:
    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.stacks import MakeStack

HOLD = 3
BREAKS = 2
BACK_SECONDS = 15
"""Within which the SDK resumes a connection (it takes 3 s)."""

SOON = 10
"""Seconds from there to a Check, on a machine that has other things to do. One that was lost comes never."""

FIRST = 30


async def test_a_resumed_connection_blinds_nobody(make_stack: MakeStack, livekit: LiveKitServer) -> None:
    """One who is in HOLD, one in HOLD whose camera sends layers, and one in the middle of a batch."""
    async with Cable(livekit.port) as cable:
        stack = make_stack(
            hold_seconds=HOLD, wait_seconds=1, batch_timeout_seconds=8, livekit_url=f"ws://127.0.0.1:{cable.port}"
        )
        await stack.start()
        async with stack.listen() as events, stack.publishers() as publishers:
            await publishers.on_air(stack.room, "Alice", Scene())
            await publishers.on_air(stack.room, "Layla", Scene(width=1280, height=720, face=200), simulcast=True)
            await publishers.on_air(stack.room, "Bob", Scene(STRANGER), fps=2)  # in a batch nearly all the time
            await events.each(is_check("Alice", "match"), is_check("Layla", "match"), within=FIRST)

            for number in range(BREAKS):
                await stack.track_in("Alice", "hold", within=FIRST)
                await stack.track_in("Bob", "probe", within=FIRST)
                await cable.heal()  # the connections of before are gone, new ones get through
                await stack.recognizer.says("LiveKit connection is back", within=BACK_SECONDS, times=number + 1)
                both = is_check("Alice"), is_check("Layla")
                checks = await events.each(*both, within=SOON)
                following = await events.each(*both, within=HOLD + SOON)
                for check in (*checks, *following):
                    assert check["outcome"] == "match", check
                assert between(checks[0], following[0]) >= HOLD - TELLING_SECONDS

            await events.next(is_check("Bob"), within=FIRST)
            told = [check for check in events.of(is_check()) if check["outcome"] not in {"match", "no_match"}]
            assert not told, [str(check) for check in told]
            assert "no_match" in {check["outcome"] for check in events.of(is_check("Bob"))}
    assert "restarting connection" not in stack.recognizer.output()  # it was resumed every time
