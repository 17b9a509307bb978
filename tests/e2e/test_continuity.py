"""Who is before a camera, on the real thing with nobody enrolled: somebody else is told of, and a still picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from tests.rig.listener import is_check
from tests.rig.photographs import OTHER_STRANGER, REFERENCE, STRANGER, Scene

if TYPE_CHECKING:
    from typing import Any

    from tests.rig.listener import Listener, Received
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
"""Seconds within which the first event of a new track comes."""


async def test_a_swap_before_the_camera_is_told_also_across_off_and_on_and_a_restart(make_stack: MakeStack) -> None:
    stack = make_stack(wait_seconds=0.3, hold_seconds=0.3, continuity=True)
    await stack.start(reference=None)
    async with stack.listen() as events, stack.publishers() as publishers:
        desk = await publishers.on_air(stack.room, "desk", Scene(REFERENCE))
        await publishers.on_air(stack.room, "frozen", Scene(OTHER_STRANGER, sway=0))
        same = await until(events, "desk", continuity="same")
        assert (same["outcome"], same["reference_id"], same["evidence"]["best"]) == ("no_match", None, None)
        await until(events, "frozen", still=True)
        await until(events, "desk", still=False)  # not each: its film repeats, and three looks may meet the same moment

        await desk.show(Scene(STRANGER))
        looks = await looks_until_changed(events, "desk")
        assert looks <= 3 + 1, "one batch may have been at work"

        assert (await stack.asked("/api/identity?identity=desk"))["participants"][0]["state"] == "swapped"
        await acknowledge(stack, events, "desk")

        await desk.unpublish()
        await desk.publish(Scene(REFERENCE))
        assert await looks_until_changed(events, "desk") <= 3

        await acknowledge(stack, events, "desk")
        await stack.recognizer.terminate(within=FIRST)
        await desk.show(Scene(STRANGER))
        await stack.start_recognizer()
        assert await looks_until_changed(events, "desk") <= 3


async def acknowledge(stack: Stack, events: Listener, who: str) -> None:
    """Somebody sees to it at once; a heartbeat later it is the face that is there."""
    async with (
        aiohttp.ClientSession(stack.base_url, headers=stack.headers) as session,
        session.post("/api/identity/acknowledge", json={"identity": who}) as response,
    ):
        assert response.status == 200, await response.text()
    for _ in range(40):
        check = await events.next(is_check(who), within=FIRST)
        if check["evidence"]["continuity"] == "same":
            return
    raise AssertionError("it is never said to be the same again")


async def until(events: Listener, who: str, **wanted: object) -> Received:
    """The next Check whose evidence has these values."""

    def fits(event: dict[str, Any]) -> bool:
        evidence = event.get("evidence") or {}
        return is_check(who)(event) and all(evidence.get(name) == value for name, value in wanted.items())

    return await events.next(fits, within=FIRST)


async def looks_until_changed(events: Listener, who: str) -> int:
    looks = 0
    while True:
        check = await events.next(is_check(who), within=FIRST)
        looks += bool(check["evidence"] and check["evidence"]["good"])
        if check["evidence"] and check["evidence"]["continuity"] == "changed":
            return looks
        assert looks < 10
