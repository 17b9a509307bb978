"""Tracks that cannot be looked at, from real publishers: the reason is told, and nothing of them is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.listener import is_check
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from tests.rig.stacks import MakeStack

FIRST = 30


async def test_encrypted_and_private_cameras_say_why(make_stack: MakeStack) -> None:
    stack = make_stack(batch_timeout_seconds=5)
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        ellen = await publishers.join(stack.room, "Ellen", encrypted=True)
        paul = await publishers.join(stack.room, "Paul", private=True)
        for person in (ellen, paul):
            await person.publish(Scene())
        told = await events.each(is_check("Ellen"), is_check("Paul"), within=FIRST)
        assert [check["outcome"] for check in told] == ["encrypted", "denied"]
        track = await stack.track("Ellen")
        assert track is not None
        assert track["last_outcome"] == "encrypted"
        heartbeat = await stack.heartbeat()
        assert heartbeat is not None
        assert heartbeat["counters"]["frames"] == 0
    output = stack.recognizer.output()
    for why in ("it is end-to-end encrypted", "LiveKit does not give it"):
        assert output.count(f"Track is not looked at: {why}") == 1
